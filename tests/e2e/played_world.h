#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "balancers/balancer.h"
#include "controller/config/config.h"
#include "controller/loop/loop.h"
#include "controller/observe/probe.h"
#include "controller/observe/prometheus.h"
#include "controller/simulate/trace.h"
#include "controller/simulate/world.h"
#include "controller/state/sqlite_store.h"
#include "platform/http_client.h"
#include "providers/provider.h"
#include "tests/support/http_stub.h"
#include "tests/support/nginx_server.h"
#include "tests/support/process_world.h"
#include "tests/support/prometheus_server.h"

namespace weir {

/// Time that goes on only when it is told to. Thread-safe.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(TimePoint begin) : now_(begin) {}
  [[nodiscard]] TimePoint now() const override { return now_.load(); }
  [[nodiscard]] std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(now().time_since_epoch());
  }
  void set(TimePoint now) { now_ = now; }

 private:
  std::atomic<TimePoint> now_;
};

/// A real Prometheus that lives in the time of a clock. What it scrapes carries that time; and since it can only be asked for its
/// own present, or by a parameter that weir does not send, a door before it adds the parameter.
class PrometheusInTime {
 public:
  /// While `silent` it leaves questions without an answer.
  PrometheusInTime(const VirtualClock& clock, std::function<bool()> silent);

  /// What went wrong, or nothing.
  [[nodiscard]] std::string start();
  /// Where weir asks.
  [[nodiscard]] std::string url() const { return door_.url(); }
  /// From now on this is exposed as of `at`, which must rise from call to call. Waits until Prometheus has it.
  [[nodiscard]] bool expose(TimePoint at, const std::vector<std::pair<std::string, double>>& gauges);

 private:
  [[nodiscard]] HttpStub::Answer answer(const HttpStub::Request& request);

  const VirtualClock& clock_;
  HttpClient http_;
  std::unique_ptr<PrometheusServer> server_;
  std::function<bool()> silent_;
  HttpStub exporter_;
  HttpStub door_;
};

/// A provider that has the faults which are played, and keeps a book of what it did. Thread-safe.
class PlayedProvider final : public Provider {
 public:
  using Fails = std::function<bool(Fault::Kind)>;
  PlayedProvider(std::unique_ptr<Provider> real, Fails fails) : real_(std::move(real)), fails_(std::move(fails)) {}

  [[nodiscard]] Result<std::vector<Server>> list(std::span<const Group* const> groups, std::stop_token stop) override;
  [[nodiscard]] Result<Server> launch(const LaunchRequest& request, std::stop_token stop) override;
  [[nodiscard]] Result<void> terminate(const Group& group, const std::string& server, std::stop_token stop) override;

  /// What was launched since the last call.
  [[nodiscard]] std::vector<Server> launched();
  /// Ids of the servers that there should be.
  [[nodiscard]] std::set<std::string> servers() const;

 private:
  std::unique_ptr<Provider> real_;
  Fails fails_;
  mutable std::mutex mutex_;
  std::vector<Server> launched_;
  std::set<std::string> there_;
};

/// One turn, whoever took it.
struct PlayedTurn {
  TimePoint at;
  Plan plan;
};

/// What is played.
struct Play {
  std::string keys;    ///< of the group, in YAML: sizes, policies, rules; `sum(load)` and `sum(serving)` can be asked
  bool nginx = false;  ///< else a file that no traffic follows
  Trace trace;         ///< within the last hour, before which Prometheus takes no samples
  WorldModel model;    ///< any of its faults but those of balancers
};

/// The world that SimulatedWorld imagines, for real but on a clock of its own: weir's loop, store, probe and balancer, a
/// Prometheus, servers that are processes. The clock stands still while anything is under way, so nothing depends on how fast this
/// machine is.
class PlayedWorld {
 public:
  explicit PlayedWorld(Play play);
  ~PlayedWorld();
  PlayedWorld(const PlayedWorld&) = delete;
  PlayedWorld& operator=(const PlayedWorld&) = delete;

  // What can go wrong returns what did, or nothing.

  /// Reads the configuration; from then on there is a group().
  [[nodiscard]] std::string configure();
  [[nodiscard]] const Group& group() const { return config_.groups.front(); }
  /// Starts everything where `memory` is: with its servers, healthy and in the balancer.
  [[nodiscard]] std::string start(Memory memory);
  /// Plays the whole trace.
  [[nodiscard]] std::string play();
  [[nodiscard]] std::vector<PlayedTurn> turns() const;

 private:
  [[nodiscard]] std::string config_text() const;
  [[nodiscard]] std::string make_servers(Memory& memory);
  [[nodiscard]] std::string make_traffic(Balancer& balancer, const Memory& memory);
  [[nodiscard]] std::string start_loop(std::unique_ptr<Balancer> balancer);
  [[nodiscard]] std::filesystem::path gate(const std::string& server) const { return gates_.path() / server; }
  [[nodiscard]] bool open_gate(const std::string& server) const;
  [[nodiscard]] bool is_healthy(const std::string& server) const;

  [[nodiscard]] TimePoint next_event(TimePoint regular) const;
  [[nodiscard]] std::string boot_what_is_due(TimePoint at);
  [[nodiscard]] std::string live_through(TimePoint at);
  [[nodiscard]] bool expose(TimePoint at);
  [[nodiscard]] bool fails(Fault::Kind kind) const;
  [[nodiscard]] std::string settle();
  void note_turns();
  void go_to(TimePoint at);

  Play play_;
  VirtualClock clock_;
  TempDirectory gates_;
  std::unique_ptr<NginxServer> nginx_;
  PrometheusInTime prometheus_;
  ProcessWorld machine_;
  std::shared_ptr<PlayedProvider> provider_;
  Config config_;
  HttpClient http_;
  NetworkProbe probe_{http_};
  BalancerMaker balancers_;
  std::unique_ptr<Balancer> reader_;  ///< of what the loop's own balancer has written
  std::unique_ptr<PrometheusSource> metrics_;
  std::unique_ptr<SqliteStore> store_;
  Log log_{Log::Format::text};

  LoadCursor load_;
  std::map<std::string, TimePoint> booting_;  ///< by server: when it is done
  bool woken_ = false;                        ///< the health of a server has changed
  std::optional<TimePoint> revisit_;          ///< the loop's next look, if it comes before the next interval
  mutable std::mutex mutex_;
  std::vector<PlayedTurn> turns_;
  std::unique_ptr<Loop> loop_;  ///< goes first
};

}  // namespace weir
