#include "controller/cli/simulate.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "controller/cli/console.h"
#include "controller/simulate/simulate.h"
#include "platform/file.h"

namespace weir {
namespace {

Result<Simulation> run_one(const Config& config, const Group& group, const SimulateArguments& arguments, const Trace& trace,
                           const WorldModel& model) {
  const auto world = world_for(group, arguments, trace, model);
  if (!world) return std::unexpected(world.error());
  const Policies policies = make_policies(group);
  const Progress progress(fmt::format("{} over {}", config.source.filename().string(), trace.name));
  Simulation simulation =
      weir::simulate(group, policies, trace, {.model = world->model, .progress = [&](double share) { progress.show(share); }});
  simulation.name = config.source.string();
  simulation.notes.insert(simulation.notes.end(), world->notes.begin(), world->notes.end());
  return simulation;
}

}  // namespace

Exit command_simulate(const CommonOptions& options, const SimulateArguments& arguments) {
  const auto model = model_from(arguments);
  if (!model) return complain(model.error().message);
  std::vector<std::filesystem::path> files = arguments.compare;
  if (files.empty()) files.push_back(options.config);
  std::vector<Simulation> simulations;
  std::optional<Trace> trace;
  for (const std::filesystem::path& file : files) {
    const auto config = load_or_complain(file);
    if (!config) return Exit::error;
    const auto group = group_to_rehearse(*config, arguments.group);
    if (!group) return complain(group.error().message);
    if (!trace) {
      auto recorded = recorded_load(arguments.recorded, *config, **group);
      if (!recorded) return complain(recorded.error().message);
      trace = *std::move(recorded);
    }
    auto simulation = run_one(*config, **group, arguments, *trace, *model);
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
