#include "controller/policy_test/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "policies/formula.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// How long before its beginning a test's world has been there and been watched.
constexpr Duration kPast = 24h;
constexpr const char* kNonce = "test";

/// What a policy's own questions are called, in the order in which it asks them; questions about the past come after these.
std::vector<std::string> names_of(const PolicySpec& spec) {
  const Settings& settings = spec.settings;
  std::vector<std::string> names;
  if (settings.has("query")) {
    names.push_back(spec.name);
  } else if (const auto formula = Formula::parse(settings.text("formula"))) {
    for (const std::string& operand : formula->names()) names.push_back(spec.name + "." + operand);
  }
  for (const char* gate : {"age", "series", "cross_check"}) {
    if (settings.section("trust").has(gate)) names.push_back(fmt::format("{}.trust.{}", spec.name, gate));
  }
  return names;
}

std::optional<double> value_at(const SeriesValues& values, std::size_t turn) {
  return turn < values.size() ? values[turn] : std::nullopt;
}

Sample not_a_number(double value) {
  return {.status = Sample::Status::nan, .value = value, .series = {}, .detail = fmt::format("the value is {}", value)};
}

Sample whole_sample(std::optional<double> value) {
  if (!value) return {.status = Sample::Status::empty};
  if (!std::isfinite(*value)) return not_a_number(*value);
  return {.status = Sample::Status::ok, .value = *value};
}

/// As from Prometheus: finite numbers only, and NaN if there are none but some of another kind.
Sample server_sample(const std::map<std::string, SeriesValues>& servers, std::size_t turn) {
  Sample sample{.status = Sample::Status::empty};
  for (const auto& [server, values] : servers) {
    const std::optional<double> value = value_at(values, turn);
    if (!value) continue;
    if (std::isfinite(*value)) {
      sample.series.push_back({server, *value});
    } else {
      sample.value = *value;
      sample.status = Sample::Status::nan;
    }
  }
  if (sample.series.empty()) return sample.status == Sample::Status::nan ? not_a_number(sample.value) : sample;
  sample.status = Sample::Status::ok;
  return sample;
}

}  // namespace

std::vector<AskedQuery> asked_by(const Group& group, const Policies& policies) {
  std::vector<AskedQuery> asked;
  for (std::size_t index = 0; index < policies.size(); ++index) {
    const PolicySpec& spec = group.policies[index];
    const std::vector<std::string> names = names_of(spec);
    std::vector<Query> queries;
    policies[index]->append_queries(Duration{60'000}, queries);
    for (std::size_t i = 0; i < queries.size(); ++i) {
      asked.push_back({.name = i < names.size() ? names[i] : spec.name + ".past",
                       .per_server = !queries[i].server_label.empty() && !queries[i].past});
    }
  }
  return asked;
}

TestWorld::TestWorld(const PolicyTest& test, const Policies& policies)
    : test_(test), policies_(policies), asked_(asked_by(test.group, policies)), now_(test.begin) {
  Memory& memory = turn_.memory;
  memory.nonce = kNonce;
  memory.version = test.group.version;
  memory.provider = test.group.provider;
  memory.rules = test.group.rules;
  memory.turned_at = test.begin - test.group.interval;
  memory.watched_since = test.begin - kPast;
  memory.desired = test.desired;
  // So far everybody was content.
  memory.highest = memory.lowest = {{*memory.turned_at, test.desired}};
  for (const TestServer& server : test.servers) add_first(server);
  std::ranges::sort(machines_, {}, [](const Machine& machine) { return machine.facts.id; });
  std::ranges::sort(memory.servers, {}, &ServerMemory::id);
}

void TestWorld::add_first(const TestServer& server) {
  const TimePoint since = server.unready ? test_.begin : test_.begin - server.warm.value_or(kPast);
  Memory& memory = turn_.memory;
  Server facts{.id = server.id,
               .group = test_.group.name,
               .token = fmt::format("{}-{}-{}", test_.group.name, kNonce, memory.next_token++),
               .address = server.id + ":80",
               .version = test_.group.version,
               .phase = Phase::warming,
               .launched_at = since};
  ServerMemory known{.id = facts.id,
                     .token = facts.token,
                     .address = facts.address,
                     .version = facts.version,
                     .launched_at = since,
                     .seen_at = test_.begin};
  if (!server.unready) known.admitted_at = since;
  memory.servers.push_back(std::move(known));
  machines_.push_back({std::move(facts), server.unready ? std::nullopt : std::optional(since)});
  ++numbered_;
}

/// The servers of the beginning are s1, s2, …, unless the test says otherwise; those launched go on from there.
std::string TestWorld::next_id() {
  while (true) {
    std::string id = fmt::format("s{}", ++numbered_);
    const auto has_id = [&](const Machine& machine) { return machine.facts.id == id; };
    if (std::ranges::none_of(machines_, has_id)) return id;
  }
}

const Turn& TestWorld::advance() {
  now_ = test_.begin + test_.group.interval * static_cast<std::int64_t>(turns_);
  Observation seen = observe();
  outcomes_.clear();
  turn_ = reconcile(test_.group, policies_, std::move(seen), std::move(turn_.memory));
  ++turns_;
  apply(turn_.plan);
  return turn_;
}

Observation TestWorld::observe() const {
  Observation seen{.at = now_, .listed = true};
  for (const Machine& machine : machines_) {
    seen.servers.push_back(machine.facts);
    const bool healthy = machine.ready_at && *machine.ready_at <= now_;
    seen.servers.back().health.status = healthy ? HealthStatus::healthy : HealthStatus::unknown;
  }
  for (const AskedQuery& query : asked_) seen.samples.push_back(answer(query));
  seen.outcomes = outcomes_;
  for (const Order& order : test_.orders) {
    const bool new_now = turns_ == 0 || order.at > now_ - test_.group.interval;
    if (order.at <= now_ && new_now) seen.orders.push_back(order);
  }
  return seen;
}

Sample TestWorld::answer(const AskedQuery& query) const {
  const auto found = test_.answers.find(query.name);
  if (found == test_.answers.end()) return {.status = Sample::Status::empty};
  const TestAnswers& answers = found->second;
  if (answers.status != Sample::Status::ok) return {.status = answers.status, .series = {}, .detail = "as the test says"};
  return query.per_server ? server_sample(answers.servers, turns_) : whole_sample(value_at(answers.values, turns_));
}

void TestWorld::apply(const Plan& plan) {
  for (const Action& action : plan.actions) {
    if (action.kind == Action::Kind::drain || action.kind == Action::Kind::terminate) forget(action.server);
    if (action.kind == Action::Kind::run_hook) outcomes_.push_back({.kind = Outcome::Kind::hook, .subject = action.server});
    if (action.kind != Action::Kind::launch) continue;
    outcomes_.push_back({.kind = Outcome::Kind::launch, .subject = action.server, .error = {}});
    const std::string id = next_id();
    Machine machine{.facts = {.id = id,
                              .group = test_.group.name,
                              .token = action.server,
                              .address = id + ":80",
                              .version = action.version,
                              .phase = Phase::warming,
                              .launched_at = now_},
                    .ready_at = now_ + test_.boot};
    const auto place = std::ranges::upper_bound(machines_, id, {}, [](const Machine& one) { return one.facts.id; });
    machines_.insert(place, std::move(machine));
  }
}

/// A controller comes back to a removal every half second until two lists lack the server; a test's turns are an interval apart, so
/// that much is over before the next.
void TestWorld::forget(const std::string& server) {
  std::erase_if(machines_, [&](const Machine& machine) { return machine.facts.id == server; });
  std::erase_if(turn_.memory.servers, [&](const ServerMemory& known) { return known.id == server; });
}

}  // namespace weir
