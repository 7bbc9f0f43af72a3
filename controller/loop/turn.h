#pragma once

#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "balancers/balancer.h"
#include "controller/ports/ports.h"
#include "controller/reconcile/reconcile.h"
#include "providers/provider.h"

namespace weir {

/// A group with everything that surrounds it. The parts a turn needs, whoever runs the turn.
struct Managed {
  Group group;
  Policies policies;
  std::shared_ptr<Provider> provider;
  std::vector<std::unique_ptr<Balancer>> balancers = {};
  std::vector<std::unique_ptr<Balancer>> previews = {};
};

/// What the provider said about one group.
struct Listing {
  bool listed = false;
  std::string detail = "the provider has not been asked yet";
  std::vector<Server> servers;  ///< sorted by id
};

/// The part of a provider's answer that belongs to a group.
[[nodiscard]] Listing listing_for(const std::string& group, const Result<std::vector<Server>>& answer);

/// Whether the group's servers are where the configuration has it. At another provider nobody would list, count or remove them.
/// Errors: invalid.
[[nodiscard]] Result<void> check_provider(const Group& group, const Memory& memory);

/// The record of orders that were written into `memory` without a turn, because nobody turns the group now. It shows the group as
/// its last record has it; without one (nullptr), as nothing but what it wanted.
[[nodiscard]] Record record_of_orders(const std::string& group, std::vector<Order> orders, const Memory& memory, const Record* last,
                                      TimePoint at);

/// The deploy as a turn at `at` has it: under way, or ended by that turn.
[[nodiscard]] std::optional<Rollout> deploy_of_turn(const std::optional<Rollout>& rollout, TimePoint at);

/// Names what the group's servers are listed and made by: its provider, or that and the one of its overflow.
[[nodiscard]] std::string lane_of(const Group& group);

/// What the metric source is asked for one group, together.
struct Inquiry {
  std::vector<Query> queries;  ///< of the policies, in their order, then those of the judge of a deploy under way
  std::size_t judging = 0;     ///< how many of them are the judge's
  std::string version;         ///< that those are about
};
[[nodiscard]] Inquiry inquiry_of(const Managed& managed, const Memory& memory);

/// What it said, as Observation has it.
struct Answers {
  std::vector<Sample> samples;
  std::vector<Sample> judged;
  std::string judged_version;
};
[[nodiscard]] Answers answers_to(const Inquiry& inquiry, std::vector<Sample> all);

/// A copy for one turn. What is for the judge is moved into it: two judgements need two answers.
[[nodiscard]] Answers take_for_turn(Answers& answers);

/// Gathers the facts of one instant: whom the provider lists, how they are, what the balancers say. Tells the probe whom to watch.
[[nodiscard]] Observation observe(const Managed& managed, const Memory& memory, const Listing& listing, Answers answers,
                                  HealthProbe& probe, TimePoint at, std::stop_token stop);

/// Does one launch or terminate action; nothing for the others.
[[nodiscard]] std::optional<Outcome> apply_action(const Managed& managed, const Action& action, std::stop_token stop);

/// Whom test traffic should reach after a turn, sorted by address: the healthy servers of the version that a deploy brings, whether
/// they serve or not; where there are none, or no deploy brings one, the peers of the plan. Pure.
[[nodiscard]] std::vector<Peer> preview_peers(const Record& record);

/// Writes the plan's peers to every balancer and waits for all. Empty if all is in force, else what failed.
[[nodiscard]] std::string apply_balancers(const Managed& managed, const Plan& plan);

}  // namespace weir
