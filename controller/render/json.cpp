#include "controller/render/json.h"

#include <fmt/format.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "controller/render/deploys.h"
#include "controller/render/json_writer.h"
#include "controller/render/orders.h"
#include "controller/render/rfc3339.h"

namespace weir {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;
constexpr std::string_view kPlatform = "platform";  // the failure's cause; `program` is not written

std::string_view to_string(DrainCause cause) {
  switch (cause) {
    case DrainCause::surplus:
      return "surplus";
    case DrainCause::unhealthy:
      return "unhealthy";
    case DrainCause::gone_wrong:
      return "gone_wrong";
    case DrainCause::standby:
      return "standby";
  }
  std::abort();
}

constexpr std::array kDrainCauses{DrainCause::surplus, DrainCause::unhealthy, DrainCause::gone_wrong, DrainCause::standby};
constexpr std::array kOrders{Order::Kind::scale,  Order::Kind::pause,   Order::Kind::resume,
                             Order::Kind::deploy, Order::Kind::promote, Order::Kind::abort};
constexpr std::array kStrategies{Strategy::rolling, Strategy::blue_green, Strategy::canary};
constexpr std::array kDirections{Rollout::Direction::forward, Rollout::Direction::back};
constexpr std::array kHookPoints{HookPoint::before, HookPoint::after_new_healthy, HookPoint::before_switch, HookPoint::after,
                                 HookPoint::gate};
constexpr std::array kEnds{Rollout::End::none, Rollout::End::done, Rollout::End::went_back};
constexpr std::array kPhases{Phase::pending, Phase::warming, Phase::in_service, Phase::draining, Phase::terminating};
constexpr std::array kHealthStatuses{HealthStatus::unknown, HealthStatus::healthy, HealthStatus::unhealthy};
constexpr std::array kStances{Vote::Stance::wants, Vote::Stance::content, Vote::Stance::abstains};
constexpr std::array kActionKinds{Action::Kind::launch,    Action::Kind::admit,      Action::Kind::drain,   Action::Kind::readmit,
                                  Action::Kind::terminate, Action::Kind::set_weight, Action::Kind::run_hook};

// ---- writing ----

template <typename T, typename Write>
void write_array(JsonWriter& out, std::string_view name, const std::vector<T>& items, Write write) {
  out.key(name);
  out.begin_array();
  for (const T& item : items) {
    out.begin_object();
    write(out, item);
    out.end_object();
  }
  out.end_array();
}

template <typename T, typename Write>
void write_array_if(JsonWriter& out, std::string_view name, const std::vector<T>& items, Write write) {
  if (!items.empty()) write_array(out, name, items, write);
}

void write(JsonWriter& out, const Recommendation& recommendation) {
  out.field("at", recommendation.at);
  out.field("servers", recommendation.servers);
}

void write(JsonWriter& out, const ScaleEvent& event) {
  out.field("at", event.at);
  out.field("change", event.change);
}

void write(JsonWriter& out, const SeenValue& seen) {
  out.field("at", seen.at);
  out.field("value", seen.value);
}

void write_numbers(JsonWriter& out, const std::vector<double>& numbers) {
  out.begin_array();
  for (const double number : numbers) out.value(number);
  out.end_array();
}

void write_forecast(JsonWriter& out, const ForecastMemory& forecast) {
  out.key("forecast");
  out.begin_object();
  out.field_if("load", forecast.load);
  write_array_if(out, "recent", forecast.recent, [](JsonWriter& to, const SeenValue& seen) { write(to, seen); });
  write_array_if(out, "open", forecast.open, [](JsonWriter& to, const ForecastMemory::Promise& promise) {
    to.field("at", promise.at);
    to.key("peaks");
    write_numbers(to, promise.peaks);
  });
  write_array_if(out, "errors", forecast.errors, [](JsonWriter& to, const std::vector<double>& errors) {
    to.key("weights");
    write_numbers(to, errors);
  });
  out.field("faded_at", forecast.faded_at);
  out.end_object();
}

void write(JsonWriter& out, const Manual& manual) {
  if (manual.hold) {
    out.key("hold");
    out.begin_object();
    out.field("servers", manual.hold->servers);
    out.field_if("until", manual.hold->until);
    out.field_if("by", manual.hold->by);
    out.end_object();
  }
  if (!manual.pause) return;
  out.key("pause");
  out.begin_object();
  out.field("out", manual.pause->out);
  out.field("in", manual.pause->in);
  out.field_if("until", manual.pause->until);
  out.field_if("by", manual.pause->by);
  out.end_object();
}

void write(JsonWriter& out, const HelpMemory& help) {
  if (help.trial) {
    out.key("trial");
    out.begin_object();
    out.field("policy", help.trial->policy);
    out.field("at", help.trial->at);
    out.field("value", help.trial->value);
    out.field("load", help.trial->load);
    out.field("servers", help.trial->servers);
    out.end_object();
  }
  out.field_if("failures", help.failures);
  out.field_if("stopped_at", help.stopped_at);
}

void write(JsonWriter& out, const Spending& spending) {
  out.field("amount", spending.amount);
  out.field("counted_to", spending.counted_to);
}

/// A section of its own, left out if it says nothing.
template <typename T>
void write_section_if(JsonWriter& out, std::string_view name, const T& what) {
  if (what == T{}) return;
  out.key(name);
  out.begin_object();
  write(out, what);
  out.end_object();
}

void write_deploy_if(JsonWriter& out, std::string_view name, const std::optional<Rollout>& rollout) {
  if (!rollout) return;
  out.key(name);
  out.begin_object();
  write_deploy(out, *rollout);
  out.end_object();
}

void write(JsonWriter& out, const PolicyMemory& memory) {
  out.field("policy", memory.policy);
  out.field_if("above_since", memory.above_since);
  out.field_if("below_since", memory.below_since);
  out.field_if("good_at", memory.good_at);
  out.field_if("good_value", memory.good_value);
  out.field_if("good_missing", memory.good_missing);
  out.field_if("most_series", memory.most_series);
  out.field_if("most_series_at", memory.most_series_at);
  if (memory.forecast != ForecastMemory{}) write_forecast(out, memory.forecast);
}

void write(JsonWriter& out, const ServerMemory& server) {
  out.field("id", server.id);
  out.field_if("token", server.token);
  out.field_if("address", server.address);
  out.field_if("version", server.version);
  out.field("launched_at", server.launched_at);
  out.field("seen_at", server.seen_at);
  out.field_if("missed", server.missed);
  out.field_if("admitted_at", server.admitted_at);
  out.field_if("ready_at", server.ready_at);
  out.field_if("drain_at", server.drain_at);
  if (server.drain_cause != DrainCause::surplus) out.field("drain_cause", to_string(server.drain_cause));
  out.field_if("idle_since", server.idle_since);
  out.field_if("terminate_at", server.terminate_at);
  out.field_if("release_at", server.release_at);
  if (server.found_serving) out.field("found_serving", true);
}

void write(JsonWriter& out, const LaunchIntent& intent) {
  out.field("token", intent.token);
  out.field_if("version", intent.version);
  out.field("decided_at", intent.decided_at);
  out.field_if("attempts", intent.attempts);
  out.field("next_attempt_at", intent.next_attempt_at);
  out.field_if("last_error", intent.last_error);
  out.field_if("abandoned_at", intent.abandoned_at);
}

void write(JsonWriter& out, const Vote& vote) {
  out.field("policy", vote.policy);
  out.field("type", vote.type);
  out.field("stance", to_string(vote.stance));
  out.field("desired", vote.stance == Vote::Stance::wants ? std::optional(vote.wants) : std::nullopt);
  out.field("value", vote.value);
  if (!vote.scales_out) out.field("scales_out", false);
  if (!vote.scales_in) out.field("scales_in", false);
  if (vote.value_falls) out.field("value_falls", true);
  if (vote.forbids_out) out.field("forbids_out", true);
  if (vote.forbids_in) out.field("forbids_in", true);
  out.field_if("min", vote.min);
  out.field_if("max", vote.max);
  out.field_if("forecast", vote.forecast);
  out.field("why", vote.why);
}

void write(JsonWriter& out, const Step& step) {
  out.field("stage", step.stage);
  out.field("from", step.from);
  out.field("to", step.to);
  out.field("why", step.why);
}

void write(JsonWriter& out, const Action& action) {
  out.field("kind", to_string(action.kind));
  out.field("server", action.server);
  out.field_if("address", action.address);
  out.field("version", action.version);
  if (action.kind == Action::Kind::set_weight) out.field("weight", action.weight);
  out.field("why", action.why);
}

void write(JsonWriter& out, const Peer& peer) {
  out.field("server", peer.server);
  out.field("address", peer.address);
  if (peer.weight != 1) out.field("weight", peer.weight);
}

/// `group` is the owner that need not be repeated.
void write_server(JsonWriter& out, const Server& server, std::string_view group) {
  out.field("id", server.id);
  if (server.group != group) out.field("group", server.group);
  out.field_if("token", server.token);
  out.field("address", server.address);
  out.field("phase", to_string(server.phase));
  out.field("health", to_string(server.health.status));
  out.field_if("health_detail", server.health.detail);
  out.field("version", server.version);
  out.field("launched_at", server.launched_at);
  out.field_if("in_service_since", server.in_service_since);
  out.field("connections", server.connections);
  out.field_if("paid_until", server.paid_until);
  if (server.overflow) out.field("overflow", true);
  if (server.price) out.field("price_per_hour", server.price->per_hour);
  if (server.price) out.field("currency", server.price->currency);
  if (!server.listed) out.field("listed", false);
  out.field_if("failure", server.failure);
  if (!server.failure.empty() && server.failure_cause == FailureCause::platform) out.field("failure_cause", kPlatform);
  out.field_if("protection", server.protection);
  out.field_if("zone", server.zone);
}

void write_servers(JsonWriter& out, const std::vector<Server>& servers, std::string_view group) {
  write_array(out, "servers", servers, [group](JsonWriter& to, const Server& server) { write_server(to, server, group); });
}

/// The part that plans and records share, in the words of the contract.
void write_judgement(JsonWriter& out, const Plan& plan) {
  const auto item = [](JsonWriter& to, const auto& what) { write(to, what); };
  write_array(out, "votes", plan.decision.votes, item);
  write_array(out, "steps", plan.decision.steps, item);
  write_array(out, "actions", plan.actions, item);
}

void write_rest_of_plan(JsonWriter& out, const Plan& plan) {
  out.field("min", plan.decision.min);
  out.field("max", plan.decision.max);
  out.field_if("breached_at", plan.decision.breached_at);
  write_array_if(out, "peers", plan.peers, [](JsonWriter& to, const Peer& peer) { write(to, peer); });
  out.field_if("write_balancers", plan.write_balancers);
  if (!plan.notes.empty()) {
    out.key("notes");
    out.begin_array();
    for (const std::string& note : plan.notes) out.value(note);
    out.end_array();
  }
  out.field_if("revisit_at", plan.revisit_at);
  out.field_if("refused", plan.refused);
}

void write_plan(JsonWriter& out, const GroupPlan& plan) {
  out.field("group", plan.group);
  out.field("provider", plan.provider);
  out.field("at", plan.at);
  out.field("current", plan.current);
  out.field("previous", plan.plan.decision.previous);
  out.field("desired", plan.plan.decision.desired);
  write_judgement(out, plan.plan);
  write_array(out, "balancers", plan.balancers, [](JsonWriter& to, const BalancerDiff& balancer) {
    to.field("name", balancer.name);
    to.field("diff", balancer.diff);
  });
  out.key("cost");
  out.begin_object();
  out.field("per_hour_before", plan.cost.per_hour_before);
  out.field("per_hour_after", plan.cost.per_hour_after);
  out.field("currency", plan.cost.currency.empty() ? std::nullopt : std::optional(plan.cost.currency));
  out.end_object();
  if (plan.then) {
    write_array(out, "then", *plan.then, [](JsonWriter& to, const PlannedStep& step) {
      to.field("after", format_duration(step.after));
      to.field("from", step.from);
      to.field("to", step.to);
      to.field("why", step.why);
    });
  }
  write_rest_of_plan(out, plan.plan);
  write_deploy_if(out, "deploy", plan.rollout);
  write_servers(out, plan.servers, plan.group);
  out.field_if("servers_detail", plan.servers_detail);
}

void write(JsonWriter& out, const Order& order) {
  out.field("order", to_string(order.kind));
  if (order.kind == Order::Kind::scale) out.field("servers", order.servers);
  if (order.kind == Order::Kind::pause) {
    out.field("out", order.out);
    out.field("in", order.in);
  }
  if (order.kind == Order::Kind::deploy) out.field("version", order.version);
  if (order.strategy) out.field("strategy", to_string(*order.strategy));
  out.field_if("until", order.until);
  out.field("at", order.at);
  out.field_if("by", order.by);
  out.field_if("token", order.token);
  out.field_if("from", order.from);
}

void write_status(JsonWriter& out, const GroupStatus& status) {
  out.begin_object();
  out.field("name", status.name);
  out.field("provider", status.provider);
  out.field("version", status.version);
  out.field("min", status.min);
  out.field("max", status.max);
  out.field("desired", status.desired);
  out.field("in_service", count_phase(status.servers, Phase::in_service));
  out.field("paused", status.manual.pause.has_value());
  write(out, status.manual);
  write_deploy_if(out, "deploy", status.rollout);
  if (status.spend) {
    out.key("cost");
    out.begin_object();
    out.field("per_hour", status.spend->per_hour);
    out.field_if("month_to_date", status.spend->month_to_date);
    out.field_if("month_end", status.spend->month_end);
    out.field("currency", status.spend->currency);
    out.end_object();
  }
  write_servers(out, status.servers, status.name);
  out.field("last_turn", status.last_turn);
  out.field("last_change", status.last_change);
  out.field("why", status.why);
  out.end_object();
}

// ---- reading ----

using Names = std::set<std::string, std::less<>>;

/// What all readers of one document share: the first complaint, and the home of names that are string_views in the model.
struct Reading {
  std::string complaint;
  std::shared_ptr<Names> names = std::make_shared<Names>();
};

/// Reads the fields of one JSON object. A field that is not there leaves the default; the first one of the wrong type is kept as
/// the complaint, and reading goes on harmlessly.
class Fields {
 public:
  Fields(const json& value, std::string where, Reading& reading) : value_(value), where_(std::move(where)), reading_(reading) {
    if (!value_.is_object()) complain("", "an object");
  }

  void read(const char* key, std::string& out) {
    if (const json* found = find(key, "a text", &json::is_string)) out = found->get_ref<const std::string&>();
  }
  void read(const char* key, std::string_view& out) {
    std::string text;
    read(key, text);
    out = *reading_.names->insert(std::move(text)).first;
  }
  void read(const char* key, bool& out) {
    if (const json* found = find(key, "true or false", &json::is_boolean)) out = found->get<bool>();
  }
  void read(const char* key, double& out) {
    if (const json* found = find(key, "a number", &json::is_number)) out = found->get<double>();
  }
  void read(const char* key, int& out) {
    const json* found = find(key, "a whole number", &json::is_number_integer);
    if (found == nullptr) return;
    const auto number = found->get<std::int64_t>();
    const bool fits = number >= std::numeric_limits<int>::min() && number <= std::numeric_limits<int>::max();
    if (!fits || (found->is_number_unsigned() && number < 0)) return complain(key, "a smaller number");
    out = static_cast<int>(number);
  }
  void read(const char* key, std::uint64_t& out) {
    if (const json* found = find(key, "a whole number, not negative", &json::is_number_unsigned)) out = found->get<std::uint64_t>();
  }
  void read(const char* key, TimePoint& out) {
    std::string text;
    read(key, text);
    if (text.empty()) return;
    const std::optional<TimePoint> time = parse_rfc3339(text);
    if (!time) return complain(key, "a time like 2026-03-01T09:30:00.250Z");
    out = *time;
  }
  template <typename T>
  void read(const char* key, std::optional<T>& out) {
    if (!has(key)) return;
    T content{};
    read(key, content);
    out = std::move(content);
  }
  template <typename T, std::size_t Count>
  void read(const char* key, T& out, const std::array<T, Count>& all) {
    std::string name;
    read(key, name);
    if (name.empty()) return;
    for (const T& candidate : all) {
      if (to_string(candidate) != name) continue;
      out = candidate;
      return;
    }
    complain(key, "one of the known names");
  }
  template <typename T, std::size_t Count>
  void read(const char* key, std::optional<T>& out, const std::array<T, Count>& all) {
    if (has(key)) read(key, out.emplace(), all);
  }
  void read(const char* key, std::vector<double>& out) {
    const json* found = find(key, "a list", &json::is_array);
    if (found == nullptr) return;
    for (const json& item : *found) {
      if (!item.is_number()) return complain(key, "a list of numbers");
      out.push_back(item.get<double>());
    }
  }
  void read(const char* key, std::vector<std::string>& out) {
    const json* found = find(key, "a list", &json::is_array);
    if (found == nullptr) return;
    for (const json& item : *found) {
      if (!item.is_string()) return complain(key, "a list of texts");
      out.push_back(item.get<std::string>());
    }
  }
  /// A list of objects, each read by `read_item(Fields&, T&)`.
  template <typename T, typename ReadItem>
  void read(const char* key, std::vector<T>& out, ReadItem read_item) {
    const json* found = find(key, "a list", &json::is_array);
    if (found == nullptr) return;
    out.reserve(found->size());
    for (const json& item : *found) {
      Fields fields(item, fmt::format("{}{}[{}].", where_, key, out.size()), reading_);
      read_item(fields, out.emplace_back());
    }
  }
  template <typename ReadSection>
  void section(const char* key, ReadSection read_section) {
    const json* found = find(key, "an object", &json::is_object);
    if (found == nullptr) return;
    Fields fields(*found, fmt::format("{}{}.", where_, key), reading_);
    read_section(fields);
  }

 private:
  [[nodiscard]] bool has(const char* key) const {
    if (!value_.is_object()) return false;
    const auto found = value_.find(key);
    return found != value_.end() && !found->is_null();
  }
  const json* find(const char* key, std::string_view expected, bool (json::*is)() const noexcept) {
    if (!has(key)) return nullptr;
    const json& found = *value_.find(key);
    if ((found.*is)()) return &found;
    complain(key, expected);
    return nullptr;
  }
  void complain(const char* key, std::string_view expected) {
    if (!reading_.complaint.empty()) return;
    std::string path = where_ + key;
    if (path.ends_with('.')) path.pop_back();
    reading_.complaint = fmt::format("{}: expected {}", path.empty() ? "the whole" : path, expected);
  }

  const json& value_;
  std::string where_;
  Reading& reading_;
};

void read(Fields& in, Recommendation& recommendation) {
  in.read("at", recommendation.at);
  in.read("servers", recommendation.servers);
}

void read(Fields& in, ScaleEvent& event) {
  in.read("at", event.at);
  in.read("change", event.change);
}

void read(Fields& in, ForecastMemory& forecast) {
  in.read("load", forecast.load);
  in.read("recent", forecast.recent, [](Fields& fields, SeenValue& seen) {
    fields.read("at", seen.at);
    fields.read("value", seen.value);
  });
  in.read("open", forecast.open, [](Fields& fields, ForecastMemory::Promise& promise) {
    fields.read("at", promise.at);
    fields.read("peaks", promise.peaks);
  });
  in.read("errors", forecast.errors, [](Fields& fields, std::vector<double>& errors) { fields.read("weights", errors); });
  in.read("faded_at", forecast.faded_at);
}

void read(Fields& in, Manual::Hold& hold) {
  in.read("servers", hold.servers);
  in.read("until", hold.until);
  in.read("by", hold.by);
}

void read(Fields& in, Manual::Pause& pause) {
  in.read("out", pause.out);
  in.read("in", pause.in);
  in.read("until", pause.until);
  in.read("by", pause.by);
}

void read(Fields& in, Manual& manual) {
  in.section("hold", [&manual](Fields& fields) {
    Manual::Hold hold;
    read(fields, hold);
    manual.hold = hold;
  });
  in.section("pause", [&manual](Fields& fields) {
    Manual::Pause pause;
    read(fields, pause);
    manual.pause = pause;
  });
}

void read(Fields& in, HelpMemory& help) {
  in.section("trial", [&help](Fields& fields) {
    HelpMemory::Trial trial;
    fields.read("policy", trial.policy);
    fields.read("at", trial.at);
    fields.read("value", trial.value);
    fields.read("load", trial.load);
    fields.read("servers", trial.servers);
    help.trial = trial;
  });
  in.read("failures", help.failures);
  in.read("stopped_at", help.stopped_at);
}

void read(Fields& in, Spending& spending) {
  in.read("amount", spending.amount);
  in.read("counted_to", spending.counted_to);
}

void read(Fields& in, HookRun& run) {
  in.read("point", run.point, kHookPoints);
  in.read("token", run.token);
  in.read("started_at", run.started_at);
  in.read("ended_at", run.ended_at);
  in.read("about", run.about);
  in.read("failed", run.failed);
  in.read("asks_to_wait", run.asks_to_wait);
  in.read("said", run.said);
}

void read(Fields& in, Rollout& rollout) {
  in.read("version", rollout.version);
  in.read("from", rollout.from);
  in.read("replaced", rollout.replaced);
  in.read("strategy", rollout.strategy, kStrategies);
  in.read("by", rollout.by);
  in.read("started_at", rollout.started_at);
  in.read("direction", rollout.direction, kDirections);
  in.read("why_back", rollout.why_back);
  in.read("step", rollout.step);
  in.read("passed", rollout.passed);
  in.read("reached_at", rollout.reached_at);
  in.read("share", rollout.share);
  in.read("replaced_share", rollout.replaced_share);
  in.read("blocked_at", rollout.blocked_at);
  in.read("promoted", rollout.promoted);
  in.read("trusted_at", rollout.trusted_at);
  in.read("progressed_at", rollout.progressed_at);
  in.read("moved", rollout.moved);
  in.read("failures", rollout.failures);
  in.read("last_failure", rollout.last_failure);
  in.read("hooks", rollout.hooks, [](Fields& fields, HookRun& run) { read(fields, run); });
  in.section("judge", [&rollout](Fields& fields) {
    fields.read("judged_at", rollout.judge.judged_at);
    fields.read("inconclusive_since", rollout.judge.inconclusive_since);
    fields.read("bad", rollout.judge.bad);
    fields.read("why", rollout.judge.why);
  });
  in.read("ended_at", rollout.ended_at);
  in.read("end", rollout.end, kEnds);
  in.read("waits", rollout.waits);
  in.read("at_checkpoint", rollout.at_checkpoint);
}

void read(Fields& in, PolicyMemory& memory) {
  in.read("policy", memory.policy);
  in.read("above_since", memory.above_since);
  in.read("below_since", memory.below_since);
  in.read("good_at", memory.good_at);
  in.read("good_value", memory.good_value);
  in.read("good_missing", memory.good_missing);
  in.read("most_series", memory.most_series);
  in.read("most_series_at", memory.most_series_at);
  in.section("forecast", [&memory](Fields& fields) { read(fields, memory.forecast); });
}

void read(Fields& in, ServerMemory& server) {
  in.read("id", server.id);
  in.read("token", server.token);
  in.read("address", server.address);
  in.read("version", server.version);
  in.read("launched_at", server.launched_at);
  in.read("seen_at", server.seen_at);
  in.read("missed", server.missed);
  in.read("admitted_at", server.admitted_at);
  in.read("ready_at", server.ready_at);
  in.read("drain_at", server.drain_at);
  in.read("drain_cause", server.drain_cause, kDrainCauses);
  in.read("idle_since", server.idle_since);
  in.read("terminate_at", server.terminate_at);
  in.read("release_at", server.release_at);
  in.read("found_serving", server.found_serving);
}

void read(Fields& in, LaunchIntent& intent) {
  in.read("token", intent.token);
  in.read("version", intent.version);
  in.read("decided_at", intent.decided_at);
  in.read("attempts", intent.attempts);
  in.read("next_attempt_at", intent.next_attempt_at);
  in.read("last_error", intent.last_error);
  in.read("abandoned_at", intent.abandoned_at);
}

void read(Fields& in, Vote& vote) {
  in.read("policy", vote.policy);
  in.read("type", vote.type);
  in.read("stance", vote.stance, kStances);
  in.read("desired", vote.wants);
  in.read("value", vote.value);
  in.read("scales_out", vote.scales_out);
  in.read("scales_in", vote.scales_in);
  in.read("value_falls", vote.value_falls);
  in.read("forbids_out", vote.forbids_out);
  in.read("forbids_in", vote.forbids_in);
  in.read("min", vote.min);
  in.read("max", vote.max);
  in.read("forecast", vote.forecast);
  in.read("why", vote.why);
}

void read(Fields& in, Step& step) {
  in.read("stage", step.stage);
  in.read("from", step.from);
  in.read("to", step.to);
  in.read("why", step.why);
}

void read(Fields& in, Action& action) {
  in.read("kind", action.kind, kActionKinds);
  in.read("server", action.server);
  in.read("address", action.address);
  in.read("version", action.version);
  in.read("weight", action.weight);
  in.read("why", action.why);
}

void read(Fields& in, Peer& peer) {
  in.read("server", peer.server);
  in.read("address", peer.address);
  in.read("weight", peer.weight);
}

void read(Fields& in, Server& server) {
  in.read("id", server.id);
  in.read("group", server.group);
  in.read("token", server.token);
  in.read("address", server.address);
  in.read("phase", server.phase, kPhases);
  in.read("health", server.health.status, kHealthStatuses);
  in.read("health_detail", server.health.detail);
  in.read("version", server.version);
  in.read("launched_at", server.launched_at);
  in.read("in_service_since", server.in_service_since);
  in.read("connections", server.connections);
  in.read("paid_until", server.paid_until);
  in.read("overflow", server.overflow);
  std::optional<double> per_hour;
  in.read("price_per_hour", per_hour);
  if (per_hour) in.read("currency", server.price.emplace(Price{.per_hour = *per_hour}).currency);
  in.read("listed", server.listed);
  in.read("failure", server.failure);
  std::string cause;
  in.read("failure_cause", cause);
  if (cause == kPlatform) server.failure_cause = FailureCause::platform;
  in.read("protection", server.protection);
  in.read("zone", server.zone);
}

constexpr auto kReadItem = [](Fields& in, auto& what) { read(in, what); };

void read_servers(Fields& in, std::vector<Server>& servers, const std::string& group) {
  in.read("servers", servers, [&group](Fields& fields, Server& server) {
    server.group = group;
    read(fields, server);
  });
}

void read(Fields& in, Plan& plan) {
  in.read("previous", plan.decision.previous);
  in.read("desired", plan.decision.desired);
  in.read("min", plan.decision.min);
  in.read("max", plan.decision.max);
  in.read("breached_at", plan.decision.breached_at);
  in.read("votes", plan.decision.votes, kReadItem);
  in.read("steps", plan.decision.steps, kReadItem);
  in.read("actions", plan.actions, kReadItem);
  in.read("peers", plan.peers, kReadItem);
  in.read("write_balancers", plan.write_balancers);
  in.read("notes", plan.notes);
  in.read("revisit_at", plan.revisit_at);
  in.read("refused", plan.refused);
}

void read(Fields& in, Order& order) {
  in.read("order", order.kind, kOrders);
  in.read("servers", order.servers);
  in.read("out", order.out);
  in.read("in", order.in);
  in.read("version", order.version);
  in.read("strategy", order.strategy, kStrategies);
  in.read("until", order.until);
  in.read("at", order.at);
  in.read("by", order.by);
  in.read("token", order.token);
  in.read("from", order.from);
}

void read(Fields& in, Record& record) {
  in.read("group", record.group);
  in.read("at", record.at);
  read(in, record.plan);
  read_servers(in, record.servers, record.group);
  in.read("servers_detail", record.servers_detail);
  in.read("orders", record.orders, kReadItem);
  in.section("deploy", [&record](Fields& fields) { read(fields, record.rollout.emplace()); });
}

void read(Fields& in, GroupPlan& plan) {
  in.read("group", plan.group);
  in.read("provider", plan.provider);
  in.read("at", plan.at);
  in.read("current", plan.current);
  read(in, plan.plan);
  in.read("balancers", plan.balancers, [](Fields& fields, BalancerDiff& balancer) {
    fields.read("name", balancer.name);
    fields.read("diff", balancer.diff);
  });
  in.section("cost", [&plan](Fields& fields) {
    fields.read("per_hour_before", plan.cost.per_hour_before);
    fields.read("per_hour_after", plan.cost.per_hour_after);
    fields.read("currency", plan.cost.currency);
  });
  in.section("deploy", [&plan](Fields& fields) { read(fields, plan.rollout.emplace()); });
  read_servers(in, plan.servers, plan.group);
  in.read("servers_detail", plan.servers_detail);
}

void read(Fields& in, Memory& memory) {
  in.read("nonce", memory.nonce);
  in.read("next_token", memory.next_token);
  in.read("desired", memory.desired);
  in.read("version", memory.version);
  in.read("provider", memory.provider);
  in.read("scaled_out_at", memory.scaled_out_at);
  in.read("scaled_in_at", memory.scaled_in_at);
  in.read("turned_at", memory.turned_at);
  in.read("watched_since", memory.watched_since);
  in.read("suspected_at", memory.suspected_at);
  in.read("rules", memory.rules);
  in.read("highest", memory.highest, kReadItem);
  in.read("lowest", memory.lowest, kReadItem);
  in.read("events", memory.events, kReadItem);
  in.read("policies", memory.policies, kReadItem);
  in.read("min", memory.min);
  in.read("max", memory.max);
  in.section("manual", [&memory](Fields& fields) { read(fields, memory.manual); });
  in.section("rollout", [&memory](Fields& fields) { read(fields, memory.rollout.emplace()); });
  in.read("deploy_untold", memory.deploy_untold);
  in.section("help", [&memory](Fields& fields) { read(fields, memory.help); });
  in.section("spending", [&memory](Fields& fields) { read(fields, memory.spending.emplace()); });
  std::vector<double> boots;
  in.read("boots_ms", boots);
  for (const double boot : boots) memory.boots.emplace_back(static_cast<Duration::rep>(boot));
  in.read("servers", memory.servers, kReadItem);
  in.read("launches", memory.launches, kReadItem);
  in.read("launch_failures", memory.launch_failures);
  in.read("launch_not_before", memory.launch_not_before);
}

/// Parses the text and hands its fields to `read_fields`. `what` names the document in errors.
template <typename ReadFields>
Result<void> read_document(std::string_view text, std::string_view what, Reading& reading, ReadFields read_fields) {
  try {
    const json document = json::parse(text);
    Fields fields(document, "", reading);
    read_fields(fields);
  } catch (const json::exception& error) {
    return failure(ErrorKind::invalid, fmt::format("{} is not valid JSON: {}", what, error.what()));
  }
  if (!reading.complaint.empty()) return failure(ErrorKind::invalid, fmt::format("{} is damaged: {}", what, reading.complaint));
  return {};
}

/// Like read_document, for documents that carry "format".
template <typename T>
Result<void> read_versioned(std::string_view text, std::string_view what, Reading& reading, T& out) {
  int format = 0;
  const Result<void> done = read_document(text, what, reading, [&](Fields& fields) {
    fields.read("format", format);
    if (format == kFormat) read(fields, out);
  });
  if (!done) return done;
  if (format == kFormat) return {};
  return failure(ErrorKind::invalid, fmt::format("{} has format {}, this weir knows {} only", what, format, kFormat));
}

}  // namespace

std::string memory_json(const Memory& memory) {
  const auto item = [](JsonWriter& to, const auto& what) { write(to, what); };
  std::string text;
  text.reserve(512 + memory.servers.size() * 320 + memory.launches.size() * 200);
  JsonWriter out(text);
  out.begin_object();
  out.field("format", kFormat);
  out.field_if("nonce", memory.nonce);
  out.field("next_token", memory.next_token);
  out.field_if("desired", memory.desired);
  out.field_if("version", memory.version);
  out.field_if("provider", memory.provider);
  out.field_if("scaled_out_at", memory.scaled_out_at);
  out.field_if("scaled_in_at", memory.scaled_in_at);
  out.field_if("turned_at", memory.turned_at);
  out.field_if("watched_since", memory.watched_since);
  out.field_if("suspected_at", memory.suspected_at);
  out.field_if("rules", memory.rules);
  write_array_if(out, "highest", memory.highest, item);
  write_array_if(out, "lowest", memory.lowest, item);
  write_array_if(out, "events", memory.events, item);
  write_array_if(out, "policies", memory.policies, item);
  out.field_if("min", memory.min);
  out.field_if("max", memory.max);
  write_section_if(out, "manual", memory.manual);
  write_deploy_if(out, "rollout", memory.rollout);
  if (memory.deploy_untold) out.field("deploy_untold", true);
  write_section_if(out, "help", memory.help);
  if (memory.spending) {
    out.key("spending");
    out.begin_object();
    write(out, *memory.spending);
    out.end_object();
  }
  if (!memory.boots.empty()) {
    out.key("boots_ms");
    out.begin_array();
    for (const Duration boot : memory.boots) out.value(boot.count());
    out.end_array();
  }
  write_array_if(out, "servers", memory.servers, item);
  write_array_if(out, "launches", memory.launches, item);
  out.field_if("launch_failures", memory.launch_failures);
  out.field_if("launch_not_before", memory.launch_not_before);
  out.end_object();
  return text;
}

Result<Memory> parse_memory(std::string_view json) {
  Reading reading;
  Memory memory;
  const Result<void> done = read_versioned(json, "the remembered state", reading, memory);
  if (!done) return std::unexpected(done.error());
  return memory;
}

std::string record_json(const Record& record) {
  std::string text;
  text.reserve(1536 + record.servers.size() * 256);
  JsonWriter out(text);
  out.begin_object();
  out.field("format", kFormat);
  out.field("group", record.group);
  out.field("at", record.at);
  out.field("previous", record.plan.decision.previous);
  out.field("desired", record.plan.decision.desired);
  write_judgement(out, record.plan);
  write_rest_of_plan(out, record.plan);
  write_servers(out, record.servers, record.group);
  out.field_if("servers_detail", record.servers_detail);
  write_array_if(out, "orders", record.orders, [](JsonWriter& to, const Order& order) { write(to, order); });
  write_deploy_if(out, "deploy", record.rollout);
  out.end_object();
  return text;
}

Result<StoredRecord> parse_record(std::string_view json) {
  Reading reading;
  StoredRecord stored;
  const Result<void> done = read_versioned(json, "the decision record", reading, stored.record);
  if (!done) return std::unexpected(done.error());
  stored.names = std::move(reading.names);
  return stored;
}

std::string plans_json(std::span<const GroupPlan> plans) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("format", kFormat);
  out.key("groups");
  out.begin_array();
  for (const GroupPlan& plan : plans) {
    out.begin_object();
    write_plan(out, plan);
    out.end_object();
  }
  out.end_array();
  out.end_object();
  return text;
}

Result<StoredPlans> parse_plans(std::string_view json) {
  Reading reading;
  StoredPlans stored;
  int format = 0;
  const Result<void> done = read_document(json, "the plan", reading, [&](Fields& fields) {
    fields.read("format", format);
    if (format == kFormat) fields.read("groups", stored.plans, kReadItem);
  });
  if (!done) return std::unexpected(done.error());
  if (format != kFormat) {
    return failure(ErrorKind::invalid, fmt::format("the plan has format {}, this weir knows {} only", format, kFormat));
  }
  stored.names = std::move(reading.names);
  return stored;
}

std::string status_json(const GroupStatus& status) {
  std::string text;
  JsonWriter out(text);
  write_status(out, status);
  return text;
}

std::string statuses_json(std::span<const std::shared_ptr<const GroupStatus>> statuses) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.key("groups");
  out.begin_array();
  for (const std::shared_ptr<const GroupStatus>& status : statuses) write_status(out, *status);
  out.end_array();
  out.end_object();
  return text;
}

}  // namespace weir
