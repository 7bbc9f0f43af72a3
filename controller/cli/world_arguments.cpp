#include "controller/cli/world_arguments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "controller/config/values.h"

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

Result<void> check_meanings(const Group& group, const Meanings& meanings) {
  for (const auto& [policy, meaning] : meanings) {
    const std::string name = policy.substr(0, policy.find('.'));
    if (std::ranges::find(group.policies, name, &PolicySpec::name) != group.policies.end()) continue;
    return failure(ErrorKind::not_found, fmt::format("--as: group {} has no policy '{}'", group.name, name));
  }
  return {};
}

}  // namespace

Result<WorldModel> model_from(const WorldArguments& arguments) {
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

Result<const Group*> group_to_rehearse(const Config& config, const std::string& name) {
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

Result<RehearsalWorld> world_for(const Group& group, const WorldArguments& arguments, const Trace& trace, WorldModel model) {
  if (const auto known = check_meanings(group, model.meanings); !known) return std::unexpected(known.error());
  const std::optional<double> told = capacity_told_by(group);
  model.capacity = arguments.capacity > 0 ? arguments.capacity : told.value_or(usual_capacity(group, trace));
  RehearsalWorld world{.model = std::move(model), .notes = {}};
  if (arguments.capacity <= 0) {
    world.notes.push_back(told ? "what a server carries is taken from a policy; --capacity says otherwise"
                               : fmt::format("what a server carries is not known: it is taken so that {} servers carry the "
                                             "highest load at 70 %; --capacity says otherwise",
                                             group.max));
  }
  return world;
}

}  // namespace weir
