#include "providers/memory/memory.h"

#include <fmt/format.h>

#include <utility>

namespace weir {
namespace {

constexpr Key kServerKeys[] = {
    {.name = "boot",
     .type = KeyType::duration,
     .doc = "How long a server is pending after its launch.",
     .fallback = "0s",
     .minimum = 0},
    {.name = "shutdown",
     .type = KeyType::duration,
     .doc = "How long a server stays listed as terminating.",
     .fallback = "0s",
     .minimum = 0},
    {.name = "host", .doc = "The host part of every server's address.", .fallback = "127.0.0.1"},
    {.name = "first_port",
     .type = KeyType::integer,
     .doc = "The first server has this port, each further one the next that no living server has.",
     .fallback = "20000",
     .minimum = 1,
     .maximum = 65535},
};

constexpr int kLastPort = 65535;

TimePoint system_now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

class MemoryProvider final : public Provider {
 public:
  explicit MemoryProvider(std::shared_ptr<MemoryCloud> cloud) : cloud_(std::move(cloud)) {}

  Result<std::vector<Server>> list(std::span<const Group* const> /*groups*/, std::stop_token stop) override {
    return cloud_->list(stop);
  }
  Result<Server> launch(const LaunchRequest& request, std::stop_token stop) override { return cloud_->launch(request, stop); }
  Result<void> terminate(const Group& group, const std::string& server, std::stop_token stop) override {
    return cloud_->terminate(group, server, stop);
  }

 private:
  std::shared_ptr<MemoryCloud> cloud_;
};

// NOLINTNEXTLINE(performance-unnecessary-value-param): the signature is the catalog's
Result<std::unique_ptr<Provider>> make(const Settings& /*provider*/, ProviderContext /*context*/) {
  return make_memory_provider(std::make_shared<MemoryCloud>());
}

}  // namespace

MemoryCloud::MemoryCloud(std::function<TimePoint()> now) : now_(now ? std::move(now) : system_now) {}

Result<void> MemoryCloud::pass(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
  if (!released_.wait(lock, stop, [this] { return !held_; }) || stop.stop_requested()) {
    return failure(ErrorKind::cancelled, "memory provider: stopped before it answered");
  }
  forget_stopped();
  return {};
}

void MemoryCloud::forget_stopped() {
  const TimePoint now = now_();
  std::erase_if(entries_, [&](const auto& item) {
    const Entry& entry = item.second;
    return entry.stop_asked_at && now - *entry.stop_asked_at >= entry.shutdown;
  });
}

Server MemoryCloud::view(const Entry& entry) const {
  Server server = entry.server;
  if (entry.stop_asked_at) {
    server.phase = Phase::terminating;
  } else if (now_() - server.launched_at < entry.boot) {
    server.phase = Phase::pending;
  }
  return server;
}

Result<std::vector<Server>> MemoryCloud::list(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (Result<void> passed = pass(lock, stop); !passed) return std::unexpected(passed.error());
  if (list_error_) return std::unexpected(*list_error_);
  std::vector<Server> servers;
  for (const auto& [id, entry] : entries_) {
    if (!hidden_.contains(id)) servers.push_back(view(entry));
  }
  return servers;
}

Result<Server> MemoryCloud::launch(const LaunchRequest& request, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (Result<void> passed = pass(lock, stop); !passed) return std::unexpected(passed.error());
  auto found = entries_.find(request.token);
  if (found == entries_.end()) {
    if (launch_error_) return std::unexpected(*launch_error_);
    Entry entry = make_entry(request);
    if (entry.server.address.empty()) return failure(ErrorKind::out_of_capacity, "memory provider: no port is left");
    found = entries_.emplace(request.token, std::move(entry)).first;
    ++made_;
  }
  if (found->second.server.group != request.group.name) {
    return failure(ErrorKind::invalid, fmt::format("memory provider: token {} belongs to another group", request.token));
  }
  if (std::exchange(lose_reply_, false)) return failure(ErrorKind::unavailable, "memory provider: the reply was lost");
  return view(found->second);
}

MemoryCloud::Entry MemoryCloud::make_entry(const LaunchRequest& request) const {
  const Settings& settings = request.group.server;
  std::set<std::string> taken;
  for (const auto& [id, entry] : entries_) taken.insert(entry.server.address);
  Entry entry{.server = {}, .boot = settings.duration("boot"), .shutdown = settings.duration("shutdown"), .stop_asked_at = {}};
  for (int port = settings.integer("first_port"); port <= kLastPort && entry.server.address.empty(); ++port) {
    std::string address = fmt::format("{}:{}", settings.text("host"), port);
    if (!taken.contains(address)) entry.server.address = std::move(address);
  }
  entry.server.id = request.token;
  entry.server.group = request.group.name;
  entry.server.token = request.token;
  entry.server.version = request.version;
  entry.server.phase = Phase::warming;
  entry.server.launched_at = now_();
  return entry;
}

Result<void> MemoryCloud::terminate(const Group& group, const std::string& server, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (Result<void> passed = pass(lock, stop); !passed) return passed;
  const auto found = entries_.find(server);
  if (found == entries_.end() || found->second.server.group != group.name) return {};
  Entry& entry = found->second;
  if (terminate_error_) return std::unexpected(*terminate_error_);
  if (!entry.server.protection.empty()) {
    return failure(ErrorKind::denied, fmt::format("memory provider: {} is protected: {}", server, entry.server.protection));
  }
  if (!entry.stop_asked_at) entry.stop_asked_at = now_();
  return {};
}

void MemoryCloud::lose_next_reply() {
  const std::scoped_lock lock(mutex_);
  lose_reply_ = true;
}

void MemoryCloud::fail_launches(std::optional<Error> error) {
  const std::scoped_lock lock(mutex_);
  launch_error_ = std::move(error);
}

void MemoryCloud::fail_terminations(std::optional<Error> error) {
  const std::scoped_lock lock(mutex_);
  terminate_error_ = std::move(error);
}

void MemoryCloud::fail_lists(std::optional<Error> error) {
  const std::scoped_lock lock(mutex_);
  list_error_ = std::move(error);
}

void MemoryCloud::hide(const std::string& server) {
  const std::scoped_lock lock(mutex_);
  hidden_.insert(server);
}

void MemoryCloud::hide_all() {
  const std::scoped_lock lock(mutex_);
  for (const auto& [id, entry] : entries_) hidden_.insert(id);
}

void MemoryCloud::reveal_all() {
  const std::scoped_lock lock(mutex_);
  hidden_.clear();
}

void MemoryCloud::crash(const std::string& server, std::string why) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = entries_.find(server); found != entries_.end()) found->second.server.failure = std::move(why);
}

void MemoryCloud::vanish(const std::string& server) {
  const std::scoped_lock lock(mutex_);
  entries_.erase(server);
}

void MemoryCloud::protect(const std::string& server, std::string why) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = entries_.find(server); found != entries_.end()) found->second.server.protection = std::move(why);
}

void MemoryCloud::insert(Server server) {
  const std::scoped_lock lock(mutex_);
  std::string id = server.id;
  entries_.insert_or_assign(std::move(id), Entry{.server = std::move(server), .boot = {}, .shutdown = {}, .stop_asked_at = {}});
}

void MemoryCloud::hold() {
  const std::scoped_lock lock(mutex_);
  held_ = true;
}

void MemoryCloud::release() {
  {
    const std::scoped_lock lock(mutex_);
    held_ = false;
  }
  released_.notify_all();
}

std::vector<Server> MemoryCloud::servers() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Server> servers;
  servers.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) servers.push_back(view(entry));
  return servers;
}

int MemoryCloud::made() const {
  const std::scoped_lock lock(mutex_);
  return made_;
}

std::unique_ptr<Provider> make_memory_provider(std::shared_ptr<MemoryCloud> cloud) {
  return std::make_unique<MemoryProvider>(std::move(cloud));
}

ProviderType memory_provider_type() {
  return {.name = "memory",
          .doc = "Servers that exist only in the memory of this program: for trying weir out and for tests.",
          .provider_keys = {},
          .server_keys = kServerKeys,
          .check = nullptr,
          .abilities = {.survives_restart = false, .tested_against = "itself"},
          .make = make};
}

}  // namespace weir
