#include "controller/notifications/news.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "controller/notifications/deploy_changes.h"
#include "model/text.h"

namespace weir {
namespace {

/// What others have said goes on as one line of this many bytes.
constexpr std::size_t kMostQuoted = 600;

std::string quoted(const std::string& text) { return quoted_line(text, kMostQuoted); }

std::string turn_source(const std::string& group) { return "turn of " + group; }
std::string size_source(const std::string& group) { return "size of " + group; }
std::string data_source(const std::string& group) { return "data of " + group; }
std::string orders_source(const std::string& group) { return "orders of " + group; }
std::string balancers_source(const std::string& group) { return "balancers of " + group; }
std::string state_source(const std::string& group) { return "state of " + group; }
std::string provider_source(const std::string& provider) { return "provider " + provider; }
std::string orphans_source(const std::string& provider) { return "orphans at " + provider; }

std::string until_text(const std::optional<TimePoint>& until) { return until ? " until " + format_time(*until) : ""; }
std::string by_text(const std::string& by) { return by.empty() ? "" : " by " + quoted(by); }

/// What one turn has to tell, part by part.
class TurnNews {
 public:
  explicit TurnNews(const TurnFacts& turn) : turn_(turn), decision_(turn.record.plan.decision) {
    begin(turn_source(turn.group.name));
  }

  std::vector<News> take() {
    add_size();
    add_launches();
    add_replaced();
    add_doubts();
    add_deploy();
    add_orders();
    if (!turn_.record.plan.refused.empty())
      happened(EventKind::plan_refused, "", "a plan was found unsafe and emptied, which is a bug: " + turn_.record.plan.refused);
    if (!was_decided()) return std::move(all_);
    begin(size_source(turn_.group.name));
    add_bounds();
    if (!turn_.asked) return std::move(all_);
    begin(data_source(turn_.group.name));
    add_data();
    return std::move(all_);
  }

 private:
  /// What follows is said by this source.
  void begin(std::string source) {
    all_.push_back({.source = std::move(source), .at = turn_.record.at, .happened = {}, .holding = {}});
  }

  /// Without a list of servers the size is held, and nobody is asked for a vote.
  [[nodiscard]] bool was_decided() const { return decision_.steps.empty() || decision_.steps.front().stage != "inventory"; }

  [[nodiscard]] Event event(EventKind kind, std::string subject, const std::string& summary) const {
    return {.kind = kind,
            .severity = type_of(kind).severity,
            .group = turn_.group.name,
            .subject = std::move(subject),
            .summary = quoted(summary),
            .at = turn_.record.at};
  }
  void happened(EventKind kind, std::string subject, const std::string& summary) {
    all_.back().happened.push_back(event(kind, std::move(subject), summary));
  }
  void holds(EventKind kind, std::string subject, const std::string& summary) {
    all_.back().holding.push_back(event(kind, std::move(subject), summary));
  }

  void add_size() {
    const int from = decision_.previous;
    const int to = decision_.desired;
    if (from == to) return;
    const bool out = to > from;
    happened(out ? EventKind::scaled_out : EventKind::scaled_in, "",
             fmt::format("scaled {} from {} to {}: {}", out ? "out" : "in", from, to, reason_of_change(decision_)));
  }

  /// The last stages say what they cut; what people order is not cut by surprise.
  void add_bounds() {
    for (const Step& step : decision_.steps) {
      if (step.from <= step.to) continue;
      if (step.stage == "min_max" && step.to == decision_.max) {
        holds(EventKind::at_max, "", fmt::format("at max {}, and {} are wanted{}", decision_.max, step.from, who_wants(step.from)));
      }
      if (step.stage == "budget") holds(EventKind::budget, "hard", fmt::format("held at {} servers: {}", step.to, step.why));
    }
    const auto soft =
        std::ranges::find_if(turn_.record.plan.notes, [](const std::string& note) { return note.contains("soft budget"); });
    if (soft != turn_.record.plan.notes.end()) holds(EventKind::budget, "soft", *soft);
  }

  [[nodiscard]] std::string who_wants(int servers) const {
    const auto vote = std::ranges::find_if(
        decision_.votes, [&](const Vote& one) { return one.stance == Vote::Stance::wants && one.wants >= servers; });
    return vote == decision_.votes.end() ? "" : fmt::format(": {}: {}", vote->policy, vote->why);
  }

  void add_data() {
    for (const Vote& vote : decision_.votes) {
      if (vote.stance != Vote::Stance::abstains) continue;
      holds(EventKind::no_data, vote.policy,
            fmt::format("{} has no data it trusts, so nothing is scaled in meanwhile: {}", vote.policy, vote.why));
    }
  }

  void add_launches() {
    const Memory& memory = turn_.after;
    if (memory.launch_failures == 0) return;
    const auto failed = std::ranges::find_if(memory.launches, [](const LaunchIntent& one) { return !one.last_error.empty(); });
    const std::string why = failed == memory.launches.end() ? "what was launched never became healthy" : failed->last_error;
    holds(EventKind::launch_failed, "",
          fmt::format("launches fail, {} in a row, and are tried again: {}", memory.launch_failures, why));
  }

  void add_replaced() {
    for (const Action& action : turn_.record.plan.actions) {
      if (action.kind != Action::Kind::drain) continue;
      const auto known = std::ranges::find(turn_.after.servers, action.server, &ServerMemory::id);
      const bool ill = known != turn_.after.servers.end() &&
                       (known->drain_cause == DrainCause::unhealthy || known->drain_cause == DrainCause::gone_wrong);
      if (ill) happened(EventKind::server_replaced, action.server, fmt::format("{} is replaced: {}", action.server, action.why));
    }
  }

  void add_doubts() {
    if (turn_.probe_suspected) {
      holds(EventKind::probe_suspected, "",
            "most servers look unhealthy together, so the health check is suspected and nothing is replaced; look at it");
    }
    if (turn_.orphans > 0) {
      holds(EventKind::orphans, "",
            fmt::format("{} servers carry the group's tag, but nothing here launched them; `weir orphans` lists them",
                        turn_.orphans));
    }
  }

  void add_deploy() {
    const std::optional<Rollout>& rollout = turn_.after.rollout;
    if (!rollout) return;
    for (const DeployChange& change : deploy_changes(turn_.before, turn_.after, turn_.record)) add_change(change, *rollout);
    if (is_active(rollout) && rollout->at_checkpoint) {
      holds(EventKind::deploy_held, rollout->version,
            fmt::format("the deploy of {} waits for `weir deploy promote` or `abort`: {}", rollout->version, rollout->waits));
    }
  }

  void add_change(const DeployChange& change, const Rollout& rollout) {
    using Kind = DeployChange::Kind;
    const std::string deploy = fmt::format("the deploy of {}", rollout.version);
    switch (change.kind) {
      case Kind::started:
        return happened(EventKind::deploy_started, rollout.version,
                        fmt::format("{} in place of {} began, {}{}", deploy, rollout.from.empty() ? "no version" : rollout.from,
                                    to_string(rollout.strategy), by_text(rollout.by)));
      case Kind::hook_failed:
        return happened(EventKind::hook_failed, rollout.version,
                        fmt::format("the hook {} of {} failed: {}", to_string(change.hook.point), deploy, change.hook.said));
      case Kind::hook_asks_to_wait:
      case Kind::hook_done:
        return;
      case Kind::promoted:
        return happened(EventKind::operator_action, rollout.version, fmt::format("{} was promoted{}", deploy, by_text(change.by)));
      case Kind::passed:
        return happened(EventKind::deploy_step, rollout.version, fmt::format("{} passed step {}", deploy, rollout.step));
      case Kind::goes_back:
        return happened(change.by.empty() ? EventKind::deploy_going_back : EventKind::deploy_aborted, rollout.version,
                        fmt::format("{} goes back to {}: {}", deploy, rollout.from, rollout.why_back));
      case Kind::done:
        return happened(EventKind::deploy_finished, rollout.version,
                        fmt::format("{} is done after {}: all servers run it", deploy, time_taken(rollout)));
      case Kind::went_back:
        return happened(EventKind::deploy_rolled_back, rollout.version,
                        fmt::format("{} went back after {}: all servers run {} again; it went back because {}", deploy,
                                    time_taken(rollout), rollout.from, rollout.why_back));
    }
  }

  /// Those about deploys are told of as what they do to it.
  void add_orders() {
    for (const Order& order : turn_.record.orders) {
      if (order.kind == Order::Kind::scale) {
        happened(EventKind::operator_action, "",
                 fmt::format("held at {} servers{}{}", order.servers, by_text(order.by), until_text(order.until)));
      }
      if (order.kind == Order::Kind::pause) {
        const std::string_view one = order.out ? "scaling out" : "scaling in";
        happened(
            EventKind::operator_action, "",
            fmt::format("{} is paused{}{}", order.out && order.in ? "scaling" : one, by_text(order.by), until_text(order.until)));
      }
      if (order.kind == Order::Kind::resume) happened(EventKind::operator_action, "", fmt::format("resumed{}", by_text(order.by)));
    }
  }

  const TurnFacts& turn_;
  const Decision& decision_;
  std::vector<News> all_;
};

/// News of a source with one condition at most.
News one_condition(std::string source, EventKind kind, const std::string& group, const std::string& subject,
                   const std::string& summary, TimePoint at) {
  News news{.source = std::move(source), .at = at, .happened = {}, .holding = {}};
  if (summary.empty()) return news;
  news.holding.push_back(
      {.kind = kind, .severity = type_of(kind).severity, .group = group, .subject = subject, .summary = quoted(summary), .at = at});
  return news;
}

}  // namespace

std::string reason_of_change(const Decision& decision) {
  std::string why;
  for (const Step& step : decision.steps) {
    if (step.from != step.to) why += (why.empty() ? "" : "; ") + fmt::format("{}: {}", step.stage, step.why);
  }
  return why;
}

std::vector<News> news_of_turn(const TurnFacts& turn) { return TurnNews(turn).take(); }

News news_of_orders(const TurnFacts& orders) {
  News news = std::move(TurnNews(orders).take().front());
  // A source of its own: what the turn said goes on.
  news.source = orders_source(orders.group.name);
  news.holding.clear();
  return news;
}

News news_of_provider(const std::string& provider, const std::string& error, std::vector<std::string> groups, TimePoint at) {
  const std::string summary =
      error.empty() ? "" : fmt::format("provider {} gives no list, so nothing is launched or removed there: {}", provider, error);
  News news = one_condition(provider_source(provider), EventKind::provider_failing, "", provider, summary, at);
  if (!news.holding.empty()) news.holding.front().touches = std::move(groups);
  return news;
}

News news_of_orphans(const std::string& provider, const std::string& servers, TimePoint at) {
  const std::string summary =
      servers.empty()
          ? ""
          : fmt::format("servers at provider {} belong to no group configured here and may cost money: {}", provider, servers);
  return one_condition(orphans_source(provider), EventKind::orphans, "", provider, summary, at);
}

News news_of_balancers(const std::string& group, const std::string& error, TimePoint at) {
  const std::string summary = error.empty() ? "" : "traffic does not follow yet, and it is tried again: " + error;
  return one_condition(balancers_source(group), EventKind::balancer_failing, group, "", summary, at);
}

News news_of_state(const std::string& group, const std::string& error, TimePoint at) {
  const std::string summary = error.empty() ? "" : "the state cannot be saved, so nothing is launched or removed: " + error;
  return one_condition(state_source(group), EventKind::state_failing, group, "", summary, at);
}

News news_of_controller(EventKind kind, const std::string& summary, TimePoint at) {
  News news{.source = "controller", .at = at, .happened = {}, .holding = {}};
  news.happened.push_back({.kind = kind, .severity = type_of(kind).severity, .summary = quoted(summary), .at = at});
  return news;
}

std::set<std::string> sources_of(std::span<const std::string> groups, std::span<const std::string> providers) {
  std::set<std::string> sources;
  for (const std::string& group : groups) {
    sources.insert({turn_source(group), size_source(group), data_source(group), orders_source(group), balancers_source(group),
                    state_source(group)});
  }
  for (const std::string& provider : providers) sources.insert({provider_source(provider), orphans_source(provider)});
  return sources;
}

}  // namespace weir
