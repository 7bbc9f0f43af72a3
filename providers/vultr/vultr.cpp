#include "providers/vultr/vultr.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "providers/vultr/api.h"
#include "providers/vultr/order.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Moment = WaitingClock::Moment;

/// What was posted has turned up in the list by then (a new instance was seen to lag by a second or so).
constexpr Duration kSettled = 6s;
/// Between two searches for what may have been made.
constexpr Duration kSearchAgain = 2s;
/// So long it is remembered whom we handed out and what we posted.
constexpr Duration kRemembered = 1h;
/// A removal that was accepted is asked for again after this.
constexpr Duration kRemoveAgain = 30s;
/// Prices that could not be had are asked for again after this.
constexpr Duration kPricesAgain = 10min;

TimePoint system_now() { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }

bool is_instance_id(const std::string& id) {
  constexpr std::size_t kLongest = 64;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !id.empty() && id.size() <= kLongest && std::ranges::all_of(id, allowed);
}

/// An address the API gives out before there is one.
bool is_no_address(const std::string& address) { return address.empty() || address == "0.0.0.0"; }

/// How servers are reached: what their tags say from their launch on; the configuration for those that a person has tagged.
struct Reach {
  int port = 0;
  bool is_private = false;
};

Reach reach_of(const VultrInstance& instance, const Group* group) {
  Reach reach;
  if (group != nullptr) reach = {group->server.integer("port"), group->server.boolean("private_address")};
  const std::string port = instance.tag(vultr_tag::kPort);
  (void)std::from_chars(port.data(), port.data() + port.size(), reach.port);
  const std::string network = instance.tag(vultr_tag::kNetwork);
  if (!network.empty()) reach.is_private = network == "private";
  return reach;
}

std::string address_of(const VultrInstance& instance, const Reach& reach) {
  const std::string& host = reach.is_private ? instance.internal_ip : instance.main_ip;
  if (is_no_address(host) || reach.port == 0) return {};
  return fmt::format("{}:{}", host, reach.port);
}

/// The end of the hour under way, counted from the creation.
TimePoint end_of_paid_hour(TimePoint created, TimePoint now) {
  const auto hours = std::chrono::floor<std::chrono::hours>(std::max(now - created, Duration{0}));
  return created + hours + 1h;
}

Phase phase_of(const VultrInstance& instance) {
  const bool up = instance.status == "active" && instance.power_status == "running";
  return up ? Phase::warming : Phase::pending;
}

/// Keeps equal tokens from being launched by two threads at once.
class TokenTurns {
 public:
  /// False: stopped before it was this caller's turn.
  [[nodiscard]] bool take(const std::string& token, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const bool free = changed_.wait(lock, stop, [&] { return !taken_.contains(token); });
    if (free) taken_.insert(token);
    return free;
  }
  void give_back(const std::string& token) {
    {
      const std::lock_guard lock(mutex_);
      taken_.erase(token);
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::set<std::string> taken_;
};

/// What this object has done and said, as far as it matters for what it does next. None of it is needed after a restart.
/// Thread-safe.
class Deeds {
 public:
  /// A create of ours for a token: when it was last under way, and what came of it.
  struct Post {
    Moment at{};
    std::string instance = {};  ///< empty: nobody knows
  };

  void posted(const std::string& token, Post post) {
    const std::lock_guard lock(mutex_);
    std::erase_if(posts_, [&](const auto& each) { return post.at - each.second.at > kRemembered; });
    posts_[token] = std::move(post);
  }
  /// It is certain that nothing was made.
  void not_posted(const std::string& token) {
    const std::lock_guard lock(mutex_);
    posts_.erase(token);
  }
  [[nodiscard]] std::optional<Post> post(const std::string& token) const {
    const std::lock_guard lock(mutex_);
    const auto found = posts_.find(token);
    return found == posts_.end() ? std::nullopt : std::optional(found->second);
  }

  void handed_out(const std::string& instance, Moment at) {
    const std::lock_guard lock(mutex_);
    handed_out_[instance] = at;
  }
  [[nodiscard]] bool was_handed_out(const std::string& instance) const {
    const std::lock_guard lock(mutex_);
    return handed_out_.contains(instance);
  }

  void removed(const std::string& instance, Moment at) {
    const std::lock_guard lock(mutex_);
    removed_[instance] = at;
  }
  /// When its removal was last accepted.
  [[nodiscard]] std::optional<Moment> removal(const std::string& instance) const {
    const std::lock_guard lock(mutex_);
    const auto found = removed_.find(instance);
    return found == removed_.end() ? std::nullopt : std::optional(found->second);
  }

  void forget_before(Moment at) {
    const std::lock_guard lock(mutex_);
    const auto is_old = [at](const auto& each) { return each.second < at; };
    std::erase_if(handed_out_, is_old);
    std::erase_if(removed_, is_old);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Post> posts_;         // by token
  std::map<std::string, Moment> handed_out_;  // by instance: last said to be there
  std::map<std::string, Moment> removed_;     // by instance
};

class VultrProvider final : public Provider {
 public:
  VultrProvider(VultrOptions options, Network& network)
      : options_(std::move(options)),
        clock_(network.clock),
        api_(options_.api_url, options_.api_key, network),
        began_(clock_.now()) {
    if (!options_.now) options_.now = system_now;
  }

  Result<std::vector<Server>> list(std::span<const Group* const> groups, std::stop_token stop) override;
  Result<Server> launch(const LaunchRequest& request, std::stop_token stop) override;
  Result<void> terminate(const Group& group, const std::string& id, std::stop_token stop) override;

 private:
  using Instances = std::vector<VultrInstance>;

  [[nodiscard]] bool is_ours(const VultrInstance& instance) const {
    return instance.tag(vultr_tag::kOwner) == options_.owner && !instance.tag(vultr_tag::kGroup).empty();
  }
  [[nodiscard]] Server to_server(const VultrInstance& instance, const Group* group) const;
  void mark_surplus(const Instances& instances, std::vector<Server>& servers) const;
  void learn_prices(const std::stop_token& stop);
  void add_prices(const Instances& instances, std::vector<Server>& servers);

  [[nodiscard]] Result<Server> launch_alone(const LaunchRequest& request, const std::stop_token& stop);
  [[nodiscard]] Result<std::optional<VultrInstance>> search(const std::string& token, const std::stop_token& stop);
  [[nodiscard]] Result<std::optional<VultrInstance>> look_for(const std::string& token, const std::stop_token& stop);
  [[nodiscard]] Result<Server> make_somewhere(const LaunchRequest& request, const std::stop_token& stop);
  [[nodiscard]] Result<Server> settle(const LaunchRequest& request, const Error& error, const std::stop_token& stop);
  [[nodiscard]] Server hand_out(const VultrInstance& instance, const Group& group);

  VultrOptions options_;
  WaitingClock& clock_;
  VultrApi api_;
  const Moment began_;
  TokenTurns turns_;
  Deeds deeds_;
  std::mutex prices_mutex_;
  std::map<std::string, VultrPlan> plans_;
  Moment prices_due_{};
};

Server VultrProvider::to_server(const VultrInstance& instance, const Group* group) const {
  Server server{.id = instance.id,
                .group = instance.tag(vultr_tag::kGroup),
                .token = instance.tag(vultr_tag::kToken),
                .address = address_of(instance, reach_of(instance, group)),
                .version = instance.tag(vultr_tag::kVersion),
                .phase = phase_of(instance),
                .launched_at = instance.created_at};
  if (group == nullptr || group->server.boolean("use_paid_hours")) {
    server.paid_until = end_of_paid_hour(instance.created_at, options_.now());
  }
  if (deeds_.removal(instance.id)) server.phase = Phase::terminating;
  server.failure_cause = FailureCause::platform;  // Vultr knows nothing of what its instances run
  if (instance.status == "suspended") server.failure = "suspended by Vultr";
  if (instance.server_status == "locked") server.protection = "locked by Vultr for work of its own";
  return server;
}

/// A create that was carried out late, after its repetition, leaves two instances with one token. Of those the one that was never
/// handed out has never had traffic and can go. Where that is not known (after a restart of weir) none is accused: the group then
/// has a server more than it wants and gives one back as always.
void VultrProvider::mark_surplus(const Instances& instances, std::vector<Server>& servers) const {
  std::map<std::string, std::string> in_use;  // by token
  for (const VultrInstance& instance : instances) {
    const std::string token = instance.tag(vultr_tag::kToken);
    const bool counts = !token.empty() && deeds_.was_handed_out(instance.id) && !deeds_.removal(instance.id);
    if (counts) in_use.emplace(token, instance.id);
  }
  for (Server& server : servers) {
    const auto other = in_use.find(server.token);
    if (other == in_use.end() || deeds_.was_handed_out(server.id) || !server.failure.empty()) continue;
    server.failure = fmt::format("made a second time by a create that was carried out late; {} is the one in use", other->second);
  }
}

void VultrProvider::learn_prices(const std::stop_token& stop) {
  {
    const std::lock_guard lock(prices_mutex_);
    if (!plans_.empty() || clock_.now() < prices_due_) return;
    prices_due_ = clock_.now() + kPricesAgain;
  }
  const auto plans = api_.plans(stop);
  if (!plans) return;
  const std::lock_guard lock(prices_mutex_);
  for (const VultrPlan& plan : *plans) plans_.insert_or_assign(plan.id, plan);
}

void VultrProvider::add_prices(const Instances& instances, std::vector<Server>& servers) {
  const std::lock_guard lock(prices_mutex_);
  for (std::size_t index = 0; index < servers.size(); ++index) {
    const auto plan = plans_.find(instances[index].plan);
    if (plan == plans_.end()) continue;
    const auto& places = plan->second.per_hour_in;
    const auto there = std::ranges::find(places, instances[index].region, &std::pair<std::string, double>::first);
    servers[index].price = Price{.per_hour = there == places.end() ? plan->second.per_hour : there->second, .currency = "USD"};
  }
}

Result<std::vector<Server>> VultrProvider::list(std::span<const Group* const> groups, std::stop_token stop) {
  Result<Instances> instances = api_.instances(stop);
  if (!instances) return std::unexpected(instances.error());
  std::erase_if(*instances, [this](const VultrInstance& instance) { return !is_ours(instance); });
  std::ranges::sort(*instances, {}, &VultrInstance::id);
  if (!instances->empty()) learn_prices(stop);
  std::vector<Server> servers;
  for (const VultrInstance& instance : *instances) {
    const auto group = std::ranges::find(groups, instance.tag(vultr_tag::kGroup), &Group::name);
    servers.push_back(to_server(instance, group == groups.end() ? nullptr : *group));
  }
  add_prices(*instances, servers);
  mark_surplus(*instances, servers);
  const Moment now = clock_.now();
  for (const Server& server : servers) {
    if (server.failure.empty()) deeds_.handed_out(server.id, now);
  }
  deeds_.forget_before(now - kRemembered);
  return servers;
}

Result<Server> VultrProvider::launch(const LaunchRequest& request, std::stop_token stop) {
  if (!turns_.take(request.token, stop)) {
    return failure(ErrorKind::cancelled, fmt::format("vultr: launch {}: cancelled before anything was made", request.token));
  }
  Result<Server> server = launch_alone(request, stop);
  turns_.give_back(request.token);
  return server;
}

Result<Server> VultrProvider::launch_alone(const LaunchRequest& request, const std::stop_token& stop) {
  const Result<std::optional<VultrInstance>> found = search(request.token, stop);
  if (!found) return std::unexpected(found.error());
  if (*found) return hand_out(**found, request.group);
  return make_somewhere(request, stop);
}

/// The instance with this token, if there is one. Nothing only once what this weir or the one before it may have posted has had its
/// time to turn up.
Result<std::optional<VultrInstance>> VultrProvider::search(const std::string& token, const std::stop_token& stop) {
  const auto post = deeds_.post(token);
  const Moment settled = std::max(began_, post ? post->at : began_) + kSettled;
  for (;;) {
    const Moment begun = clock_.now();
    Result<std::optional<VultrInstance>> found = look_for(token, stop);
    if (!found || *found || begun >= settled) return found;
    if (!clock_.wait_until(std::min(clock_.now() + kSearchAgain, std::max(settled, clock_.now())), stop)) {
      return failure(ErrorKind::cancelled, fmt::format("vultr: launch {}: cancelled while looking for it", token));
    }
  }
}

Result<std::optional<VultrInstance>> VultrProvider::look_for(const std::string& token, const std::stop_token& stop) {
  Result<Instances> instances = api_.instances(stop);
  if (!instances) return std::unexpected(instances.error());
  std::optional<VultrInstance> found;
  for (VultrInstance& instance : *instances) {
    if (!is_ours(instance) || instance.tag(vultr_tag::kToken) != token) continue;
    const bool better = !found || (deeds_.was_handed_out(instance.id) && !deeds_.was_handed_out(found->id));
    if (better) found = std::move(instance);
  }
  if (found) return found;
  // The list may lag behind what the answer to our own create has promised.
  const auto post = deeds_.post(token);
  if (!post || post->instance.empty()) return found;
  Result<VultrInstance> promised = api_.instance(post->instance, stop);
  if (promised) return std::optional(*std::move(promised));
  if (promised.error().kind == ErrorKind::not_found) return found;
  return std::unexpected(promised.error());
}

Result<Server> VultrProvider::make_somewhere(const LaunchRequest& request, const std::stop_token& stop) {
  std::string refusals;
  for (const VultrPlace& place : places_of(request.group.server)) {
    deeds_.posted(request.token, {.at = clock_.now()});
    const Result<VultrInstance> made = api_.create(create_body(request, place, options_.owner), stop);
    if (made) {
      deeds_.posted(request.token, {.at = clock_.now(), .instance = made->id});
      return hand_out(*made, request.group);
    }
    const Error& error = made.error();
    if (error.kind == ErrorKind::unavailable || error.kind == ErrorKind::cancelled) return settle(request, error, stop);
    deeds_.not_posted(request.token);
    if (error.kind != ErrorKind::out_of_capacity) return std::unexpected(error);
    refusals += fmt::format("{}{} in {}: {}", refusals.empty() ? "" : "; ", place.plan, place.region, error.message);
  }
  return failure(ErrorKind::out_of_capacity, fmt::format("{}; nothing was made", refusals));
}

/// Nobody knows what became of the create: its instance may turn up in the next seconds. If it does not, the caller repeats with
/// the same token.
Result<Server> VultrProvider::settle(const LaunchRequest& request, const Error& error, const std::stop_token& stop) {
  deeds_.posted(request.token, {.at = clock_.now()});
  if (error.kind == ErrorKind::cancelled) return std::unexpected(error);
  const Result<std::optional<VultrInstance>> found = search(request.token, stop);
  if (found && *found) return hand_out(**found, request.group);
  // Whatever the search failed of, a create may have happened.
  if (!found) return failure(ErrorKind::unavailable, fmt::format("{}; {}", error.message, found.error().message));
  return failure(ErrorKind::unavailable, fmt::format("{}; no instance has turned up in {}; asked again with the same token",
                                                     error.message, format_duration(kSettled)));
}

Server VultrProvider::hand_out(const VultrInstance& instance, const Group& group) {
  deeds_.handed_out(instance.id, clock_.now());
  return to_server(instance, &group);
}

Result<void> VultrProvider::terminate(const Group& group, const std::string& id, std::stop_token stop) {
  // There is no instance of such a name.
  if (!is_instance_id(id)) return {};
  const auto asked = deeds_.removal(id);
  if (asked && clock_.now() - *asked < kRemoveAgain) return {};
  const Result<VultrInstance> instance = api_.instance(id, stop);
  if (!instance) {
    if (instance.error().kind == ErrorKind::not_found) return {};
    return std::unexpected(instance.error());
  }
  if (!is_ours(*instance) || instance->tag(vultr_tag::kGroup) != group.name) return {};
  const Result<void> removed = api_.destroy(id, stop);
  if (removed) deeds_.removed(id, clock_.now());
  return removed;
}

}  // namespace

std::unique_ptr<Provider> make_vultr_provider(VultrOptions options, Network& network) {
  return std::make_unique<VultrProvider>(std::move(options), network);
}

}  // namespace weir
