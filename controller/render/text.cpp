#include "controller/render/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include "controller/render/deploys.h"
#include "controller/render/orders.h"
#include "controller/render/table.h"

namespace weir {
namespace {

/// The escape sequences, or nothing.
struct Paint {
  explicit Paint(Colour colour) : on(colour == Colour::on) {}
  [[nodiscard]] std::string operator()(std::string_view code, std::string_view text) const {
    return on ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  }
  [[nodiscard]] std::string start(std::string_view code) const { return on ? fmt::format("\x1b[{}m", code) : ""; }
  [[nodiscard]] std::string stop() const { return on ? "\x1b[0m" : ""; }
  bool on;
};

constexpr std::string_view kBold = "1";
constexpr std::string_view kDim = "2";
constexpr std::string_view kRed = "31";
constexpr std::string_view kGreen = "32";
constexpr std::string_view kYellow = "33";

std::string render(const Table& table, const Paint& paint) { return table.text("  ", paint.start(kDim), paint.stop()); }

std::string plural(int count, std::string_view noun) { return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s"); }

/// A value as people read it: six digits are plenty.
std::string number_text(std::optional<double> value) { return value ? fmt::format("{:.6g}", *value) : "-"; }

std::string last_text(std::optional<TimePoint> then, TimePoint now) { return then ? age_text(*then, now) + " ago" : "-"; }

std::string vote_text(const Vote& vote) {
  return vote.stance == Vote::Stance::wants ? fmt::format("wants {}", vote.wants) : std::string(to_string(vote.stance));
}

std::string step_text(const Step& step) {
  return step.from == step.to ? std::to_string(step.to) : fmt::format("{} → {}", step.from, step.to);
}

std::string votes_text(const Decision& decision, const Paint& paint) {
  if (decision.votes.empty()) return "  no policies\n";
  Table table({"POLICY", "TYPE", "VALUE", "VOTE", "WHY"});
  for (const Vote& vote : decision.votes) {
    table.add({vote.policy, std::string(vote.type), number_text(vote.value), vote_text(vote), printable(vote.why)});
  }
  return render(table, paint);
}

std::string steps_text(const Decision& decision, const Paint& paint) {
  if (decision.steps.empty()) return "";
  Table table({"STAGE", "SERVERS", "WHY"});
  for (const Step& step : decision.steps) table.add({std::string(step.stage), step_text(step), printable(step.why)});
  return render(table, paint);
}

std::string action_subject(const Action& action) {
  if (action.kind == Action::Kind::launch) return fmt::format("a new server ({})", action.server);
  if (action.kind == Action::Kind::run_hook) return "-";
  return action.address.empty() ? action.server : fmt::format("{} ({})", action.server, action.address);
}

std::string actions_text(const std::vector<Action>& actions, const Paint& paint) {
  Table table({"ACTION", "SERVER", "VERSION", "WHY"});
  for (const Action& action : actions) {
    std::string kind(to_string(action.kind));
    if (action.kind == Action::Kind::set_weight) kind += fmt::format(" {}", action.weight);
    table.add({std::move(kind), action_subject(action), action.version.empty() ? "-" : action.version, printable(action.why)});
  }
  return table.empty() ? "" : render(table, paint);
}

std::string health_text(const Server& server) {
  if (!server.failure.empty()) return "failed: " + printable(server.failure);
  const std::string status(to_string(server.health.status));
  return server.health.detail.empty() ? status : fmt::format("{}: {}", status, printable(server.health.detail));
}

std::string servers_text(const std::vector<Server>& servers, TimePoint now, const Paint& paint) {
  if (servers.empty()) return "  no servers\n";
  Table table({"SERVER", "ADDRESS", "VERSION", "PHASE", "AGE", "CONNECTIONS", "HEALTH"});
  for (const Server& server : servers) {
    std::string phase(to_string(server.phase));
    if (!server.listed) phase += " (not listed)";
    table.add({server.id, server.address.empty() ? "-" : server.address, server.version.empty() ? "-" : server.version,
               std::move(phase), age_text(server.launched_at, now), server.connections ? std::to_string(*server.connections) : "-",
               health_text(server)});
  }
  return render(table, paint);
}

std::string notes_text(const Plan& plan, std::string_view servers_detail, const Paint& paint) {
  std::string text;
  if (!servers_detail.empty())
    text += fmt::format("  {} {}\n", paint(kYellow, "servers not known:"), printable(std::string(servers_detail)));
  for (const std::string& note : plan.notes) text += fmt::format("  {} {}\n", paint(kYellow, "note:"), printable(note));
  if (!plan.refused.empty())
    text += fmt::format("  {} {}\n", paint(kRed, "refused as unsafe, nothing is done:"), printable(plan.refused));
  return text;
}

std::string_view diff_colour(std::string_view line) {
  if (line.starts_with('+')) return kGreen;
  return line.starts_with('-') ? kRed : kDim;
}

std::string diff_text(const BalancerDiff& balancer, const Paint& paint) {
  if (balancer.diff.empty()) return fmt::format("  {}: no change\n", balancer.name);
  std::string text = fmt::format("  {}:\n", balancer.name);
  std::string_view rest = balancer.diff;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    text += fmt::format("    {}\n", paint(diff_colour(line), printable(std::string(line))));
  }
  return text;
}

std::string then_text(const std::optional<std::vector<PlannedStep>>& then) {
  if (!then) return "";
  if (then->empty()) return "  then, if the load stays: no further change\n";
  std::string text = "  then, if the load stays:\n";
  for (const PlannedStep& step : *then) {
    text += fmt::format("    in {}: {} → {} servers ({})\n", format_duration(step.after), step.from, step.to, printable(step.why));
  }
  return text;
}

std::string cost_text(const Cost& cost) {
  const auto price = [&cost](std::optional<double> value) {
    return value ? fmt::format("{:.4g} {}", *value, cost.currency) : "unknown";
  };
  if (!cost.per_hour_before && !cost.per_hour_after) return "";
  return fmt::format("  price per hour: {} → {}\n", price(cost.per_hour_before), price(cost.per_hour_after));
}

/// "app: 2 → 4 servers", the part of a decision everybody reads.
std::string headline(std::string_view group, const Decision& decision, const Paint& paint) {
  const bool same = decision.previous == decision.desired;
  const std::string change = same ? fmt::format("stays at {}", plural(decision.desired, "server"))
                                  : fmt::format("{} → {}", decision.previous, plural(decision.desired, "server"));
  const std::string_view colour = same ? kDim : decision.desired > decision.previous ? kGreen : kYellow;
  return fmt::format("{} {}", paint(kBold, fmt::format("{}:", group)), paint(colour, change));
}

/// `at` is when the servers were seen, which is when it soaked so long.
std::string deploy_line(const std::optional<Rollout>& rollout, const std::vector<Server>& servers, int size, TimePoint at,
                        const Paint& paint) {
  if (!rollout) return "";
  return fmt::format("  {} {}\n", paint(kYellow, "deploy:"), deploy_text(*rollout, servers, size, at));
}

std::string plan_text(const GroupPlan& plan, const Paint& paint) {
  std::string text = headline(plan.group, plan.plan.decision, paint);
  text += fmt::format("  ({} in service at {}, {})\n", plan.current, plan.provider, clock_text(plan.at));
  text += deploy_line(plan.rollout, plan.servers, plan.plan.decision.desired, plan.at, paint);
  text += notes_text(plan.plan, plan.servers_detail, paint);
  text += votes_text(plan.plan.decision, paint) + "\n" + steps_text(plan.plan.decision, paint);
  if (!changes_something(plan)) return text + "\n  nothing to do\n";
  if (!plan.plan.actions.empty()) text += "\n" + actions_text(plan.plan.actions, paint);
  if (!plan.balancers.empty()) text += "\n";
  for (const BalancerDiff& balancer : plan.balancers) text += diff_text(balancer, paint);
  return text + cost_text(plan.cost) + then_text(plan.then);
}

std::string summary(std::span<const GroupPlan> plans) {
  int actions = 0;
  for (const GroupPlan& plan : plans) actions += static_cast<int>(plan.plan.actions.size());
  const auto changed = static_cast<int>(std::ranges::count_if(plans, changes_something));
  if (changed == 0) return "Nothing to do.\n";
  return fmt::format("{} in {} to change. Nothing was changed by this command.\n", plural(actions, "action"),
                     plural(changed, "group"));
}

/// "launch a, drain b"
std::string actions_in_short(const std::vector<Action>& actions) {
  std::string text;
  for (const Action& action : actions)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", to_string(action.kind), action.server);
  return text;
}

std::string status_reason(const GroupStatus& status, TimePoint now) {
  std::string deploy;
  if (is_active(status.rollout)) deploy = "deploy: " + deploy_text(*status.rollout, status.servers, status.desired, now);
  std::string text;
  for (const std::string& part : {manual_text(status.manual), deploy, printable(status.why)}) {
    text += (text.empty() || part.empty() ? "" : "; ") + part;
  }
  return text;
}

/// What a turn was told to do, before why it came out as it did.
std::string turn_reason(const Record& record) {
  std::string text;
  for (const Order& order : record.orders) text += "ordered: " + order_text(order) + "; ";
  if (record.rollout && record.rollout->ended_at) text += "deploy: " + deploy_headline(*record.rollout) + "; ";
  return text + turn_reason(record.plan);
}

std::string quiet_turns(std::int64_t count, const Paint& paint) {
  if (count <= 0) return "";
  return "  " + paint(kDim, fmt::format("… {} without change", plural(static_cast<int>(count), "turn"))) + "\n";
}

}  // namespace

std::string plans_text(std::span<const GroupPlan> plans, Colour colour) {
  const Paint paint(colour);
  std::string text;
  for (const GroupPlan& plan : plans) text += plan_text(plan, paint) + "\n";
  return text + summary(plans);
}

std::string status_text(std::span<const GroupStatus> statuses, TimePoint now, Colour colour) {
  if (statuses.empty()) return "no groups\n";
  Table table({"GROUP", "DESIRED", "IN_SERVICE", "WARMING", "DRAINING", "MIN", "MAX", "LAST CHANGE", "WHY"});
  for (const GroupStatus& status : statuses) {
    const int warming = count_phase(status.servers, Phase::pending) + count_phase(status.servers, Phase::warming);
    const int draining = count_phase(status.servers, Phase::draining) + count_phase(status.servers, Phase::terminating);
    table.add({status.name, status.desired ? std::to_string(*status.desired) : "-",
               std::to_string(count_phase(status.servers, Phase::in_service)), std::to_string(warming), std::to_string(draining),
               std::to_string(status.min), std::to_string(status.max), last_text(status.last_change, now),
               status_reason(status, now)});
  }
  return table.text("", Paint(colour).start(kDim), Paint(colour).stop());
}

std::string decision_text(const Decision& decision, Colour colour) {
  const Paint paint(colour);
  return votes_text(decision, paint) + "\n" + steps_text(decision, paint);
}

std::string explain_text(const Record& record, TimePoint now, Colour colour, const Manual& manual) {
  const Paint paint(colour);
  std::string text = headline(record.group, record.plan.decision, paint);
  text += fmt::format("  ({}, {} ago)\n", clock_text(record.at), age_text(record.at, now));
  if (manual != Manual{}) text += fmt::format("  {} {}\n", paint(kYellow, "by hand:"), manual_text(manual));
  for (const Order& order : record.orders) text += fmt::format("  {} {}\n", paint(kYellow, "ordered:"), order_text(order));
  text += deploy_line(record.rollout, record.servers, record.plan.decision.desired, record.at, paint);
  text += notes_text(record.plan, record.servers_detail, paint);
  text += decision_text(record.plan.decision, colour);
  const std::string actions = actions_text(record.plan.actions, paint);
  text += "\n" + (actions.empty() ? "  no actions\n" : actions);
  text += "\n" + servers_text(record.servers, record.at, paint);
  if (record.plan.revisit_at) text += fmt::format("\n  next look at {}\n", clock_text(*record.plan.revisit_at));
  return text;
}

std::string history_text(std::span<const HistoryEntry> changes, std::int64_t newest_turn, Colour colour) {
  const Paint paint(colour);
  if (changes.empty()) return newest_turn > 0 ? quiet_turns(newest_turn, paint) : "no turns yet\n";
  std::string text;
  std::int64_t next = newest_turn + 1;
  for (const HistoryEntry& change : changes) {
    text += quiet_turns(next - change.number - 1, paint);
    const Decision& decision = change.record.plan.decision;
    const std::string what = decision.previous == decision.desired ? std::to_string(decision.desired)
                                                                   : fmt::format("{} → {}", decision.previous, decision.desired);
    const std::string actions = actions_in_short(change.record.plan.actions);
    text += fmt::format("{}  {:<8}  {}{}{}\n", clock_text(change.record.at), what, actions, actions.empty() ? "" : "  ",
                        paint(kDim, printable(turn_reason(change.record))));
    next = change.number;
  }
  return text;
}

}  // namespace weir
