#include "controller/cli/simulate.h"

#include <fmt/format.h>

#include <utility>

#include "controller/cli/console.h"
#include "controller/simulate/simulate.h"
#include "platform/file.h"

namespace weir {
namespace {

Result<Simulation> run_one(const Config& config, const SimulateArguments& arguments, const Trace& trace, const WorldModel& model) {
  const auto found = group_in_world(config, arguments, trace, model);
  if (!found) return std::unexpected(found.error());
  const Policies policies = make_policies(*found->group);
  const Progress progress(fmt::format("{} over {}", config.source.filename().string(), trace.name));
  Simulation simulation = weir::simulate(*found->group, policies, trace,
                                         {.model = found->model, .progress = [&](double share) { progress.show(share); }});
  simulation.name = config.source.string();
  simulation.notes.insert(simulation.notes.end(), found->notes.begin(), found->notes.end());
  return simulation;
}

}  // namespace

Exit command_simulate(const CommonOptions& options, const SimulateArguments& arguments) {
  const auto model = model_from(arguments);
  if (!model) return complain(model.error().message);
  const auto trace = trace_from(arguments);
  if (!trace) return complain(trace.error().message);
  std::vector<std::filesystem::path> files = arguments.compare;
  if (files.empty()) files.push_back(options.config);
  std::vector<Simulation> simulations;
  for (const std::filesystem::path& file : files) {
    const auto config = load_or_complain(file);
    if (!config) return Exit::error;
    auto simulation = run_one(*config, arguments, *trace, *model);
    if (!simulation) return complain(simulation.error().message);
    simulations.push_back(*std::move(simulation));
  }
  if (!arguments.html.empty()) {
    if (const auto written = replace_file(arguments.html, simulation_html(simulations)); !written)
      return complain(written.error().message);
  }
  if (!arguments.decisions.empty()) {
    const auto written = replace_file(arguments.decisions, decisions_csv(simulations.front()));
    if (!written) return complain(written.error().message);
  }
  print(options.json ? simulation_json(simulations) : simulation_text(simulations, colour_for_output()));
  return Exit::ok;
}

}  // namespace weir
