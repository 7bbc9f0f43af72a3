#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "controller/ports/ports.h"
#include "model/group.h"
#include "model/server.h"
#include "model/time.h"
#include "platform/health_check.h"
#include "platform/http_client.h"

namespace weir {

/// What the checks of one server have said so far.
struct HealthState {
  Health health = {};
  int good_in_row = 0;
  int bad_in_row = 0;
  bool operator==(const HealthState&) const = default;
};

/// The state after one more answer: healthy after `healthy_after` good ones in a row, unhealthy after `unhealthy_after` bad ones,
/// else as before. `detail` tells why a check was bad; it is kept until the server is healthy and answers well.
[[nodiscard]] HealthState advance_health(HealthState state, bool good, std::string detail, const HealthCheck& check);

/// How long after the start of one check the next one starts. A server that is not healthy is asked every second at least, so that
/// it serves as soon as it can. `spread` in [0, 1) is the server's place within the interval: it is used once, when the server
/// becomes healthy, so that servers launched together are not asked together for ever.
[[nodiscard]] Duration next_check_after(HealthStatus before, HealthStatus after, const HealthCheck& check, double spread);

/// Asks servers over the network: a TCP connection that stands, or an HTTP GET answered with 200 to 399. Every check opens a
/// connection of its own and closes it, so that a draining server is left with no connection of ours. The first check follows
/// watch() at once. A check that fails for want of something on this machine says nothing about the server and does not count.
///
/// One thread for all servers. on_change's callback runs on it and must not block; it may come once more for a group after
/// watch() took the server away. When on_change() returns, the callback set before does not run any more (unless it is the one that
/// calls); neither does any after the destructor.
class NetworkProbe : public HealthProbe {
 public:
  struct Options {
    int max_in_flight = 512;  ///< checks under way at a time; further ones start late rather than failing
  };

  /// `http` must outlive it.
  explicit NetworkProbe(HttpClient& http);
  NetworkProbe(HttpClient& http, Options options);
  ~NetworkProbe() override;
  NetworkProbe(const NetworkProbe&) = delete;
  NetworkProbe& operator=(const NetworkProbe&) = delete;

  void on_change(Changed changed) override;
  /// No targets: the group is forgotten. A server whose address changed starts anew.
  void watch(const std::string& group, const HealthCheck& check, std::span<const ProbeTarget> targets) override;
  [[nodiscard]] Health health(const std::string& group, const std::string& server) const override;

 private:
  class Scheduler;
  std::shared_ptr<Scheduler> scheduler_;
};

}  // namespace weir
