#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "model/error.h"
#include "model/group.h"
#include "model/memory.h"
#include "model/observation.h"
#include "model/plan.h"
#include "model/query.h"
#include "model/server.h"
#include "model/time.h"

namespace weir {

/// Time, for the loop and the adapters; nothing else may ask for it.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint now() const = 0;
  /// Nobody sets it, so intervals are counted in it.
  [[nodiscard]] virtual std::chrono::steady_clock::time_point steady() const { return std::chrono::steady_clock::now(); }
};

/// Where metrics come from.
class MetricSource {
 public:
  virtual ~MetricSource() = default;
  /// What became of queries[index]. What went wrong is in the sample.
  using Answered = std::function<void(std::size_t index, Sample sample)>;
  /// Asks all these queries together; equal expressions are asked once. Tells of each as soon as its answer is there, on the
  /// calling thread, so that a slow one delays nobody else's; returns when it has told of all, within the source's own timeout.
  virtual void ask(std::span<const Query> queries, const Answered& answered, std::stop_token stop) = 0;

  /// The same, with all answers at once, in the order of the queries.
  [[nodiscard]] std::vector<Sample> query(std::span<const Query> queries, std::stop_token stop) {
    std::vector<Sample> samples(queries.size());
    ask(queries, [&samples](std::size_t index, Sample sample) { samples[index] = std::move(sample); }, std::move(stop));
    return samples;
  }
};

/// One server to be asked, and where.
struct ProbeTarget {
  std::string server;   ///< Server::id
  std::string address;  ///< host:port
  bool operator==(const ProbeTarget&) const = default;
};

/// Asks servers whether they can serve, all the time and without blocking anybody. Thread-safe.
class HealthProbe {
 public:
  virtual ~HealthProbe() = default;
  /// Called with the group's name whenever the status of one of its servers changes. Set before the first watch().
  using Changed = std::function<void(const std::string& group)>;
  virtual void on_change(Changed changed) = 0;
  /// From now on exactly these servers of the group are checked this way. Servers watched before keep their history.
  virtual void watch(const std::string& group, const HealthCheck& check, std::span<const ProbeTarget> targets) = 0;
  /// Unknown for a server that is not watched.
  [[nodiscard]] virtual Health health(const std::string& group, const std::string& server) const = 0;
};

/// One turn as it is remembered and explained.
struct Record {
  std::string group;
  TimePoint at;
  Plan plan;
  std::vector<Server> servers;          ///< classified
  std::string servers_detail;           ///< why the list was not known
  std::vector<Order> orders = {};       ///< that this turn was given
  std::optional<Rollout> rollout = {};  ///< the deploy under way after it, or ended by it
};

/// Where memory and records are kept. Thread-safe.
class Store {
 public:
  virtual ~Store() = default;
  enum class Durability {
    durable,   ///< on disk when the call returns: the plan has actions
    eventual,  ///< soon, together with others: losing it changes nothing but clocks
  };
  /// The group's memory; a new group gets a fresh one with a nonce.
  [[nodiscard]] virtual Result<Memory> load(const std::string& group) = 0;
  /// Memory and record of one turn, in one transaction.
  [[nodiscard]] virtual Result<void> save(const std::string& group, const Memory& memory, const Record& record,
                                          Durability durability) = 0;
};

}  // namespace weir
