#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "policies/policy.h"

namespace weir {

inline constexpr TimePoint kNoon{std::chrono::hours(500'004)};

/// A fleet with its servers: `warmed` of them s1, s2, … at 10.0.0.1:80, …, then `fresh` ones that still warm up.
class TestFleet {
 public:
  TestFleet(int desired, int warmed, int fresh = 0) {
    for (int number = 1; number <= warmed + fresh; ++number) {
      servers_.push_back({.id = "s" + std::to_string(number),
                          .address = "10.0.0." + std::to_string(number) + ":80",
                          .phase = Phase::in_service,
                          .in_service_since = kNoon - (number <= warmed ? Duration(3'600'000) : Duration(1000))});
    }
    fleet_ = {.desired = desired,
              .in_service = warmed + fresh,
              .warmed = warmed,
              .on_the_way = fresh,
              .servers = servers_,
              .warmed_before = kNoon - Duration(60'000)};
  }
  TestFleet(const TestFleet&) = delete;
  TestFleet& operator=(const TestFleet&) = delete;

  operator const Fleet&() const { return fleet_; }  // NOLINT(google-explicit-constructor): it stands for one

 private:
  std::vector<Server> servers_;
  Fleet fleet_;
};

/// The one policy of that type with these settings; `query` is set.
inline std::unique_ptr<const Policy> policy_of(std::string type, std::vector<std::pair<std::string, Settings::Value>> settings) {
  Group group;
  group.policies.push_back({.name = "it", .type = std::move(type)});
  group.policies[0].settings.set("query", std::string("up"));
  for (auto& [key, value] : settings) group.policies[0].settings.set(key, std::move(value));
  Policies made = make_policies(group);
  return std::move(made.front());
}

inline Sample ok(double value) { return {.status = Sample::Status::ok, .value = value}; }
inline Sample ok(std::vector<Sample::Series> series) { return {.status = Sample::Status::ok, .series = std::move(series)}; }
inline Sample bad(Sample::Status status) { return {.status = status, .detail = "prometheus: 503"}; }

/// What a policy that asks one question is told.
inline std::vector<Sample> one(Sample sample) { return {std::move(sample)}; }

/// "wants 4", "content" or "abstains".
inline std::string stance_of(const Vote& vote) {
  const std::string stance(to_string(vote.stance));
  return vote.stance == Vote::Stance::wants ? stance + " " + std::to_string(vote.wants) : stance;
}

}  // namespace weir
