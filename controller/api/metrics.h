#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "controller/ports/ports.h"
#include "model/group.h"
#include "model/memory.h"
#include "model/plan.h"
#include "model/query.h"
#include "platform/api_client.h"

namespace weir {

/// What weir says about itself at /metrics. Thread-safe; recording never waits for a scrape. Groups that were not announced with
/// group() are passed over, so the number of series is bounded by the configuration.
class Metrics {
 public:
  using Elapsed = std::chrono::nanoseconds;
  enum class Success { yes, no };

  /// `version` of this program, for weir_build_info.
  explicit Metrics(std::string_view version);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// Announces a group, or its new configuration: what was counted before goes on.
  void group(const Group& group);
  /// Its series end.
  void remove_group(const std::string& group);

  /// A turn came to its end. Outcome (quiet, changed, blind without a server list, refused as unsafe), servers by phase and their
  /// cost, desired, scale events, what policies and stages said, and the deploy are taken from the record.
  void turn(const Record& record, Elapsed took);
  /// A turn could not be completed: its plan was not applied.
  void turn_failed(const std::string& group);
  void action(const std::string& group, Action::Kind kind, Success success);
  /// A query's answer; only those that are not ok are counted.
  void sample(const std::string& group, const std::string& policy, Sample::Status status);
  /// From the first bad sample of a breach to the decision to scale.
  void breach_to_decision(Elapsed elapsed);
  /// From the decision to a server in service.
  void decision_to_serving(Elapsed elapsed);
  /// A server was terminated with this many connections still open (0 for a clean scale-in).
  void terminated_with(int connections);
  /// So many requests more were lost because their server was leaving. A group whose balancers never tell has no such series.
  void lost(const std::string& group, int requests);
  /// Servers with the group's tag that the group neither knows nor adopts.
  void orphans(const std::string& group, int servers);
  /// Servers at this provider with a tag of ours whose group nobody configures.
  void unowned(const std::string& provider, int servers);
  void probe_suspected(const std::string& group, bool suspected);
  /// What a person has ordered, as far as it is in force.
  void manual(const std::string& group, const Manual& manual);
  void balancer_write(const std::string& group, Success success);
  /// An attempt at a call to a provider's or balancer's API.
  void api_call(const ApiReport& report);
  /// What became of a message to a receiver of notifications: delivered, failed or dropped.
  void notification(const std::string& receiver, std::string_view result);
  /// How many messages wait for it.
  void notifications_queued(const std::string& receiver, std::size_t waiting);
  void config_reload(Success success);
  void state_save_failed();
  /// A request of the API showed a wrong token.
  void wrong_token();
  /// A request of the API was answered 429.
  void request_limited();

  /// Everything, in Prometheus' text format.
  [[nodiscard]] std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir
