#include "controller/cli/tune.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "controller/cli/console.h"
#include "controller/config/values.h"
#include "controller/tune/report.h"
#include "controller/tune/tune.h"
#include "platform/file.h"

namespace weir {
namespace {

/// `0.1%` or `0.001`.
Result<double> slo_from(std::string_view text) {
  const bool percent = text.ends_with('%');
  const auto number = parse_number(percent ? text.substr(0, text.size() - 1) : text);
  const double share = number ? *number / (percent ? 100 : 1) : -1;
  if (share >= 0 && share < 1) return share;
  return failure(ErrorKind::invalid,
                 fmt::format("--slo: expected a share of requests such as 0.1% or 0.001, less than all of them, found '{}'", text));
}

Result<Tuning> tune_group(const Config& config, const Group& group, const TuneArguments& arguments, const WorldModel& model,
                          double slo) {
  const auto recorded = recorded_load(arguments.recorded, config, group);
  if (!recorded) return std::unexpected(recorded.error());
  const Trace& trace = *recorded;
  auto found = world_for(group, arguments, trace, model);
  if (!found) return std::unexpected(found.error());
  const double capacity = found->model.capacity;
  const Progress progress(fmt::format("{} over {}", config.source.filename().string(), trace.name));
  auto tuning = tune(group, trace,
                     {.model = std::move(found->model),
                      .slo = slo,
                      .candidates = arguments.candidates,
                      .folds = arguments.folds,
                      .threads = arguments.threads,
                      .seed = arguments.seed,
                      .knobs = {.vary_min = arguments.vary_min, .keep = arguments.keep},
                      .progress = [&](double share) { progress.show(share); }});
  if (!tuning) return tuning;
  tuning->notes.insert(tuning->notes.end(), found->notes.begin(), found->notes.end());
  if (arguments.capacity <= 0) {
    tuning->notes.push_back(
        fmt::format("to simulate what was chosen say --capacity {}: without it, a target that was turned may be taken "
                    "for another capacity",
                    capacity));
  }
  return tuning;
}

}  // namespace

Exit command_tune(const CommonOptions& options, const TuneArguments& arguments) {
  const auto slo = slo_from(arguments.slo);
  if (!slo) return complain(slo.error().message);
  const auto model = model_from(arguments);
  if (!model) return complain(model.error().message);
  const auto config = load_or_complain(options.config);
  if (!config) return Exit::error;
  const auto group = group_to_rehearse(*config, arguments.group);
  if (!group) return complain(group.error().message);
  const auto tuning = tune_group(*config, **group, arguments, *model, *slo);
  if (!tuning) return complain(tuning.error().message);
  if (!arguments.out.empty()) {
    if (const auto written = replace_file(arguments.out, tuning_yaml(*tuning)); !written) return complain(written.error().message);
  }
  print(options.json ? tuning_json(*tuning) : tuning_text(*tuning, config->source.string(), colour_for_output()));
  return tuning->keeps() ? Exit::ok : Exit::error;
}

}  // namespace weir
