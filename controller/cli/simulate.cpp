#include "controller/cli/simulate.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "controller/cli/console.h"
#include "controller/simulate/simulate.h"
#include "platform/file.h"

namespace weir {
namespace {

/// What --deploy says, in order of time.
Result<std::vector<RehearsedDeploy>> deploys_from(const SimulateArguments& arguments) {
  std::vector<RehearsedDeploy> deploys;
  for (const std::string& text : arguments.deploys) {
    auto deploy = parse_deploy(text);
    if (!deploy) return failure(ErrorKind::invalid, "--deploy " + deploy.error().message);
    deploys.push_back(*std::move(deploy));
  }
  std::ranges::stable_sort(deploys, {}, &RehearsedDeploy::begin);
  return deploys;
}

Result<Simulation> run_one(const Config& config, const Group& group, const SimulateArguments& arguments, const Trace& trace,
                           const WorldModel& model) {
  const auto world = world_for(group, arguments, trace, model);
  if (!world) return std::unexpected(world.error());
  if (const auto possible = check_deploys(group, model.deploys, trace.at.back() - trace.at.front()); !possible) {
    return failure(possible.error().kind, "--deploy " + possible.error().message);
  }
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
  auto model = model_from(arguments);
  if (!model) return complain(model.error().message);
  auto deploys = deploys_from(arguments);
  if (!deploys) return complain(deploys.error().message);
  model->deploys = *std::move(deploys);
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
