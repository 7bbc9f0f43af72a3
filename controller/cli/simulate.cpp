#include "controller/cli/simulate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "controller/cli/console.h"
#include "controller/cli/progress.h"
#include "controller/config/values.h"
#include "controller/simulate/simulate.h"
#include "platform/file.h"

namespace weir {
namespace {

/// A server is taken to be full when the load per server that a policy keeps is so much of it.
constexpr double kKeptShare = 0.7;

Result<Duration> duration_from(const char* option, const std::string& text) {
  const auto parsed = parse_duration(text);
  if (parsed) return *parsed;
  return failure(ErrorKind::invalid, fmt::format("{}: {}, found '{}'", option, parsed.error().expected, text));
}

Result<std::pair<std::string, Meaning>> meaning_from(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::optional<Meaning> meaning =
      equals == std::string::npos ? std::nullopt : meaning_named(std::string_view(text).substr(equals + 1));
  if (meaning) return std::pair(text.substr(0, equals), *meaning);
  return failure(ErrorKind::invalid,
                 fmt::format("--as '{}': expected POLICY=MEANING with one of load, load_per_server, utilization, "
                             "utilization_percent, wait_seconds, nothing",
                             text));
}

/// The load at which a server is full, as far as the policies tell: they keep a load per server, or a share of a server.
std::optional<double> capacity_told_by(const Group& group) {
  for (const PolicySpec& policy : group.policies) {
    if (policy.settings.has("capacity")) return policy.settings.number("capacity");
    const bool total =
        policy.type == "predictive" || (policy.type == "target_tracking" && policy.settings.text("value") == "total");
    if (total) return policy.settings.number("target") / kKeptShare;
  }
  return std::nullopt;
}

/// Without a word about it: the highest load fits `max` servers at the share usually kept.
double usual_capacity(const Group& group, const Trace& trace) {
  const double peak = *std::ranges::max_element(trace.load);
  return std::max(1e-9, peak / (kKeptShare * std::max(1, group.max)));
}

Result<WorldModel> model_from(const SimulateArguments& arguments) {
  WorldModel model{.noise = arguments.noise, .seed = arguments.seed};
  const auto boot = duration_from("--boot", arguments.boot);
  const auto delay = duration_from("--metric-delay", arguments.metric_delay);
  const auto queue = duration_from("--queue", arguments.queue);
  for (const auto* read : {&boot, &delay, &queue}) {
    if (!*read) return std::unexpected(read->error());
  }
  model.boot = *boot;
  model.metric_delay = *delay;
  model.queue = *queue;
  if (arguments.start >= 0) model.start = arguments.start;
  for (const std::string& text : arguments.meanings) {
    auto meaning = meaning_from(text);
    if (!meaning) return std::unexpected(meaning.error());
    model.meanings.insert(*std::move(meaning));
  }
  for (const std::string& text : arguments.faults) {
    const auto fault = parse_fault(text);
    if (!fault) return failure(ErrorKind::invalid, "--fail " + fault.error().message);
    model.faults.push_back(*fault);
  }
  return model;
}

Result<const Group*> group_of(const Config& config, const std::string& name) {
  std::vector<std::string> names;
  for (const Group& group : config.groups) names.push_back(group.name);
  if (name.empty() && names.size() != 1) {
    return failure(ErrorKind::invalid,
                   fmt::format("--group: expected one of the groups of {}: {}", config.source.string(), fmt::join(names, ", ")));
  }
  const auto found = name.empty() ? config.groups.begin() : std::ranges::find(config.groups, name, &Group::name);
  if (found == config.groups.end()) {
    return failure(ErrorKind::not_found,
                   fmt::format("no group {} in {}; there are: {}", name, config.source.string(), fmt::join(names, ", ")));
  }
  if (!found->elastic) {
    return failure(ErrorKind::invalid,
                   fmt::format("group {}: its provider's servers are fixed, so there is nothing to decide", name));
  }
  return &*found;
}

Result<Simulation> run_one(const Config& config, const Group& group, const SimulateArguments& arguments, const Trace& trace,
                           WorldModel model) {
  for (const auto& [policy, meaning] : model.meanings) {
    const std::string name = policy.substr(0, policy.find('.'));
    if (std::ranges::find(group.policies, name, &PolicySpec::name) != group.policies.end()) continue;
    return failure(ErrorKind::not_found, fmt::format("--as: group {} has no policy '{}'", group.name, name));
  }
  const std::optional<double> told = capacity_told_by(group);
  model.capacity = arguments.capacity > 0 ? arguments.capacity : told.value_or(usual_capacity(group, trace));
  const Policies policies = make_policies(group);
  const Progress progress(fmt::format("{} over {}", config.source.filename().string(), trace.name));
  Simulation simulation =
      weir::simulate(group, policies, trace, {.model = model, .progress = [&](double share) { progress.show(share); }});
  simulation.name = config.source.string();
  if (arguments.capacity <= 0) {
    simulation.notes.push_back(told ? "what a server carries is taken from a policy; --capacity says otherwise"
                                    : fmt::format("what a server carries is not known: it is taken so that {} servers carry the "
                                                  "highest load at 70 %; --capacity says otherwise",
                                                  group.max));
  }
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
    const auto group = group_of(*config, arguments.group);
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
