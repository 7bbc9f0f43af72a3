#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "examples/demo/weir_view.h"
#include "examples/load/load.h"
#include "examples/stand/stand.h"
#include "tests/support/http_stub.h"

namespace weir {

/// True if WEIR_SOAK is set: tests then take their full time.
[[nodiscard]] bool soaking();

struct SiteOptions {
  int min = 2;
  int max = 8;
  std::vector<std::string> app_options = {"--service-time", "5ms"};
  std::string health = "{http: /health, interval: 400ms, timeout: 400ms, healthy_after: 2, unhealthy_after: 5, deadline: 20s}";
  std::string scale_in = "{cooldown: 0s, stabilization_window: 0s}";
  std::string drain = "{timeout: 10s}";
  std::string deploy = {};  ///< the group's `deploy`; empty: none
  /// Options of weir-example-app, one a line, that only servers of this version have. Unless empty, no other version starts.
  std::map<std::string, std::string> versions = {};
  std::vector<std::string> weir_under = {};  ///< as StandOptions has it
};

/// An app server that runs, as the machine sees it.
struct AppProcess {
  pid_t pid = 0;
  std::string address;
  std::string version = {};
  auto operator<=>(const AppProcess&) const = default;
};

/// How weir ended, and what it printed.
struct CommandAnswer {
  int status = -1;
  std::string output;  ///< standard output and error
};

/// A stand with weir whose group is as large as a gauge says that the test holds and Prometheus scrapes: one `want(N)` is one scale
/// event. Everything reacts within a second or so.
class Site {
 public:
  /// Made but not running; nullptr after a reported failure.
  [[nodiscard]] static std::unique_ptr<Site> create(const SiteOptions& options = {});
  /// The same, and begun.
  [[nodiscard]] static std::unique_ptr<Site> start(const SiteOptions& options = {});
  /// Starts nginx, Prometheus and weir, and waits for min servers in service. False after a reported failure.
  [[nodiscard]] bool begin();

  [[nodiscard]] Stand& stand() { return *stand_; }
  [[nodiscard]] std::string config() const { return stand_->weir_config(group_); }
  /// Writes the configuration again with this change; `run` notices at SIGHUP or restart.
  void rewrite_config(const std::string& what, const std::string& by);

  /// The gauge says so from the next scrape on.
  void want(int servers) { wanted_ = servers; }
  /// Scrapes of the gauge fail from now on.
  void lose_the_gauge() { gauge_.answer(HttpStub::Answer{.status = 500}); }
  /// Until exactly so many are desired, in service, known to nginx and running, and no other is on its way in or out.
  [[nodiscard]] bool settles_at(int servers, Duration within = std::chrono::seconds(40));
  /// The same without the last two: servers that drain may be there still.
  [[nodiscard]] bool serves_with(int servers, Duration within = std::chrono::seconds(40));
  /// Proves that weir goes on taking turns, so that what it has not done by then it will not do.
  [[nodiscard]] bool takes_turns(int turns, Duration within = std::chrono::seconds(40));

  /// What weir says; a group of nothing if it does not answer.
  [[nodiscard]] GroupView group();
  /// Sum of the series of weir's /metrics with this name (and this text in their labels).
  [[nodiscard]] double metric(const std::string& name, const std::string& label = {});
  /// What weir said of its last turn, in JSON.
  [[nodiscard]] std::string last_turn();
  /// Until weir's record of its last turn has this text in it.
  [[nodiscard]] bool says(const std::string& text, Duration within = std::chrono::seconds(40));
  [[nodiscard]] std::string weir_log();
  /// Until weir's log has this text in it.
  [[nodiscard]] bool logs(const std::string& text, Duration within = std::chrono::seconds(40));

  /// App servers that run, sorted by address.
  [[nodiscard]] std::vector<AppProcess> apps();
  /// The versions that they run.
  [[nodiscard]] std::set<std::string> versions();
  /// Addresses in weir's file for nginx, sorted.
  [[nodiscard]] std::vector<std::string> peers();
  /// Runs `weir ARGUMENTS… -c` with the site's configuration, to its end.
  [[nodiscard]] CommandAnswer command(const std::vector<std::string>& arguments, Duration within = std::chrono::seconds(40));
  /// `weir deploy start --wait`.
  [[nodiscard]] CommandAnswer deploy(const std::string& version, const std::string& strategy);
  /// What to print when a test fails.
  [[nodiscard]] std::string story();

 private:
  Site();
  [[nodiscard]] bool prepare(const SiteOptions& options);
  [[nodiscard]] bool publish(const std::map<std::string, std::string>& versions);
  /// Weir's last turn found nothing to change at the balancers.
  [[nodiscard]] bool is_in_force();

  std::atomic<int> wanted_{0};
  HttpStub gauge_;
  std::unique_ptr<Stand> stand_;
  StandGroup group_;
};

/// Two kinds of clients at once, at a moderate rate: GET over connections that are kept, and POST with a connection for each.
class Traffic {
 public:
  explicit Traffic(Stand& stand, double rps = 30);
  /// Ends it. Failure: any request failed, or hardly one was made.
  [[nodiscard]] testing::AssertionResult all_answered();
  [[nodiscard]] std::size_t failures() const;
  /// "503", or the error.
  [[nodiscard]] std::string first_failure() const;
  [[nodiscard]] std::size_t requests() const;
  /// Of those, good answers by servers of this version.
  [[nodiscard]] std::size_t answered_by(const std::string& version) const;

 private:
  [[nodiscard]] Load::Observer counter();

  mutable std::mutex mutex_;
  std::map<std::string, std::size_t> answers_;
  Load kept_;
  Load fresh_;
};

}  // namespace weir
