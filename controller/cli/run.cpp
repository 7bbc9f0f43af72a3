#include "controller/cli/run.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <ctime>
#include <mutex>

#include "controller/api/server.h"
#include "controller/cli/assemble.h"
#include "controller/cli/live.h"
#include "controller/cli/notices.h"
#include "controller/log/log.h"
#include "controller/loop/loop.h"
#include "controller/service/notify.h"
#include "controller/state/sqlite_store.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// How long receivers of notifications may take what they have not got yet when weir stops.
constexpr Duration kNotificationPatience{3000};

/// How long a child of a killed weir, made just then, may hold its port.
constexpr Duration kPortPatience{5000};

/// The signals the service waits for; blocked in every thread, so that only wait_for_signal() sees them.
sigset_t service_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

/// The next signal, or 0 after `most`.
int wait_for_signal(const sigset_t& signals, Duration most) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(most);
  const timespec timeout{seconds.count(), std::chrono::nanoseconds(most - seconds).count()};
  return std::max(0, sigtimedwait(&signals, nullptr, &timeout));
}

/// The configuration in force and the loop that runs it.
struct Running {
  Config config;
  std::shared_ptr<Loop> loop;
};

/// What a turn means for weir's own metrics.
void count_turn(Metrics& metrics, const Record& record, Metrics::Elapsed took) {
  metrics.turn(record, took);
  const Decision& decision = record.plan.decision;
  if (decision.breached_at) metrics.breach_to_decision(record.at - *decision.breached_at);
  for (const Action& action : record.plan.actions) {
    const auto server = std::ranges::find(record.servers, action.server, &Server::id);
    const bool counted = action.kind == Action::Kind::terminate && server != record.servers.end() && server->connections;
    if (counted) metrics.terminated_with(*server->connections);
  }
}

LoopEvents events_for(Metrics& metrics) {
  return {
      .turned = [&metrics](const Group&, const Record& record, Metrics::Elapsed took) { count_turn(metrics, record, took); },
      .judged =
          [&metrics](const Group& group, bool probe_suspected, int orphans) {
            metrics.probe_suspected(group.name, probe_suspected);
            metrics.orphans(group.name, orphans);
          },
      .acted = [&metrics](
                   const Group& group, Action::Kind kind,
                   bool succeeded) { metrics.action(group.name, kind, succeeded ? Metrics::Success::yes : Metrics::Success::no); },
      .by_hand = [&metrics](const Group& group, const Manual& manual) { metrics.manual(group.name, manual); },
      .serving = [&metrics](const Group&, Duration took) { metrics.decision_to_serving(took); },
      .written =
          [&metrics](const Group& group, bool succeeded) {
            metrics.balancer_write(group.name, succeeded ? Metrics::Success::yes : Metrics::Success::no);
          },
      .sampled = [&metrics](const Group& group, const std::string& policy,
                            Sample::Status status) { metrics.sample(group.name, policy, status); },
      .lost = [&metrics](const Group& group, int requests) { metrics.lost(group.name, requests); },
      .orphans = [&metrics](const std::string& provider,
                            const std::vector<Server>& orphans) { metrics.unowned(provider, static_cast<int>(orphans.size())); },
      .not_saved =
          [&metrics](const Group& group) {
            metrics.state_save_failed();
            metrics.turn_failed(group.name);
          }};
}

void log_call(const Log& log, const ApiReport& report) {
  log.info("api_call", {{"api", report.api},
                        {"operation", report.operation},
                        {"method", report.method},
                        {"url", report.url},
                        {"attempt", std::to_string(report.attempt)},
                        {"status", std::to_string(report.status)},
                        {"outcome", std::string(report.outcome)},
                        {"ms", std::to_string(report.elapsed.count())},
                        {"detail", report.detail}});
}

class Service {
 public:
  Service(const Log& log, SqliteStore& store) : log_(log), store_(store) {
    outside_.acts = true;
    outside_.network.told = [this](const ApiReport& report) {
      metrics_.api_call(report);
      if (log_calls_) log_call(log_, report);
    };
    outside_.probe.on_change([this](const std::string& group) {
      const std::lock_guard lock(mutex_);
      if (running_) running_->loop->wake(group);
    });
  }
  ~Service() {
    outside_.probe.on_change({});
    stop_loop();
    notifications_.stop(kNotificationPatience);
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  [[nodiscard]] Result<void> start(Config config) {
    auto running = std::make_unique<Running>();
    running->config = std::move(config);
    log_calls_ = running->config.controller.log_calls;
    auto assembly = assemble(running->config, outside_);
    if (!assembly) return std::unexpected(assembly.error());
    // Whoever holds the loop, an answer of the API for instance, holds what the loop uses.
    const std::shared_ptr<Assembly> parts = std::move(*assembly);
    for (const Group& group : running->config.groups) metrics_.group(group);
    const Loop::Options options{.workers = running->config.controller.workers};
    notifications_.configure(running->config.notifications, sources_in(running->config));
    Notifier* notifier = running->config.notifications.routes.empty() ? nullptr : &notifications_;
    auto loop = Loop::start({outside_.clock, parts->metrics.get(), outside_.probe, store_, log_, &outside_.http, notifier}, options,
                            events_for(metrics_), std::move(parts->groups), parts->providers);
    if (!loop) return std::unexpected(loop.error());
    running->loop = std::shared_ptr<Loop>(loop->release(), [parts](Loop* one) { delete one; });
    data_.follow(running->loop);
    const ControllerSettings& controller = running->config.controller;
    control_.admit(controller.access, controller.rates);
    control_.follow(running->loop);
    const std::lock_guard lock(mutex_);
    running_ = std::move(running);
    return {};
  }

  /// The API of this service; before start() it says that nothing runs yet.
  [[nodiscard]] Result<std::unique_ptr<ApiServer>> serve(const ControllerSettings& settings) {
    control_.admit(settings.access, settings.rates);
    if (settings.tls.wanted()) {
      auto identity = TlsIdentity::load(settings.tls);
      if (!identity) return std::unexpected(identity.error());
      tls_ = std::move(*identity);
    }
    const Listen& listen = settings.listen;
    return ApiServer::start(
        fmt::format("{}:{}", listen.host, listen.port),
        [this](const ApiRequest& request, const ApiReply& reply) { answer(request, data_, control_, reply); }, {}, kPortPatience,
        tls_);
  }

  /// Something of the controller itself, for those who want to know.
  void tell(EventKind kind, const std::string& summary) { notifications_.tell(news_of_controller(kind, summary, clock_.now())); }

  [[nodiscard]] Result<void> alive() const { return data_.alive(); }

  /// Reads the file again. Whatever is wrong with it, the old configuration stays in force.
  void reload() {
    const std::filesystem::path source = running_->config.source;
    ConfigResult config = load_config(source, process_environment(), builtin_catalogs());
    if (!config) {
      for (const ConfigError& error : config.error()) log_.error("reload_refused", {{"error", to_string(error)}});
      return refuse_reload("the file is not valid");
    }
    if (config->controller.state != running_->config.controller.state) {
      return refuse_reload("controller.state cannot change while weir runs: restart it");
    }
    if (config->controller.listen != running_->config.controller.listen) {
      return refuse_reload("controller.listen cannot change while weir runs: restart it");
    }
    if (config->controller.tls.wanted() != running_->config.controller.tls.wanted()) {
      return refuse_reload("controller.tls cannot be switched on or off while weir runs: restart it");
    }
    if (config->controller.history_retention != running_->config.controller.history_retention) {
      return refuse_reload("controller.history_retention cannot change while weir runs: restart it");
    }
    if (config->controller.log_format != running_->config.controller.log_format) {
      return refuse_reload("controller.log_format cannot change while weir runs: restart it");
    }
    if (tls_) {
      if (const auto read = tls_->reload(config->controller.tls); !read) return refuse_reload(read.error().message);
    }
    // Two loops must never run the same groups: the old one ends first, and comes back if the new one cannot start.
    const Config old = running_->config;
    forget_groups(old, *config);
    stop_loop();
    if (const auto started = start(std::move(*config)); !started) {
      refuse_reload(started.error().message);
      if (const auto again = start(old); !again) log_.error("start_failed", {{"error", again.error().message}});
      return;
    }
    metrics_.config_reload(Metrics::Success::yes);
    log_.info("reloaded", {{"config", source.string()}, {"groups", std::to_string(running_->config.groups.size())}});
    tell(EventKind::config_reloaded,
         fmt::format("the configuration was read again and is in force, with {} groups", running_->config.groups.size()));
  }

  [[nodiscard]] bool is_running() const { return running_ != nullptr; }

  /// Ends the turns. What was ordered until then is saved, and whoever ordered it is told so while the API can.
  void stop() { stop_loop(); }

 private:
  void refuse_reload(const std::string& error) {
    metrics_.config_reload(Metrics::Success::no);
    log_.error("reload_refused", {{"error", error}, {"consequence", "the configuration read before stays in force"}});
    tell(EventKind::reload_refused,
         fmt::format("the configuration was read again and refused: {}; the one before stays in force", error));
  }

  void stop_loop() {
    data_.follow(nullptr);
    control_.follow(nullptr);
    std::unique_ptr<Running> old;
    {
      const std::lock_guard lock(mutex_);
      old = std::move(running_);
    }
    // A request that is being answered may hold the loop a moment longer; stopped it is when this returns.
    if (old) old->loop->stop();
  }

  /// Nobody checks the health of groups that are no longer configured.
  void forget_groups(const Config& old, const Config& wanted) {
    for (const Group& group : old.groups) {
      const bool stays = std::ranges::find(wanted.groups, group.name, &Group::name) != wanted.groups.end();
      if (stays) continue;
      outside_.probe.watch(group.name, group.health, {});
      metrics_.remove_group(group.name);
    }
  }

  const Log& log_;
  SqliteStore& store_;
  Metrics metrics_{WEIR_VERSION};
  LiveData data_{store_.reader(), metrics_};
  SystemClock clock_;
  LiveControl control_{clock_, log_, metrics_};
  std::shared_ptr<TlsIdentity> tls_;  ///< null: plain HTTP
  std::atomic<bool> log_calls_ = false;
  std::mutex mutex_;
  std::unique_ptr<Running> running_;
  /// Goes first: only then is the last change of health reported, which looks at all of the above.
  Outside outside_;
  /// Its receivers use the connections of the outside.
  Notifications notifications_{{outside_.clock, outside_.network, outside_.waiting, log_, delivery_events(metrics_)}};
};

/// systemd not listening is no reason to stop, but one to say so.
void tell(const Log& log, const Result<void>& told) {
  if (!told) log.warning("notify_failed", {{"error", told.error().message}});
}

/// Until told to stop.
int serve_signals(Service& service, const sigset_t& signals, const Log& log) {
  ServiceNotifier systemd;
  tell(log, systemd.ready("running"));
  const Duration beat = std::min<Duration>(ServiceNotifier::watchdog_interval().value_or(1s), 1s);
  while (service.is_running()) {
    const int signal = wait_for_signal(signals, beat);
    // A dead scheduler is left to the watchdog: it starts weir anew, which loses nothing.
    if (service.alive()) tell(log, systemd.watchdog());
    if (signal == SIGHUP) {
      tell(log, systemd.reloading());
      service.reload();
      tell(log, systemd.ready("running"));
    }
    if (signal != SIGTERM && signal != SIGINT) continue;
    tell(log, systemd.stopping());
    log.info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
    service.tell(EventKind::controller_stopped, "weir was told to stop; servers and traffic stay as they are");
    return 0;
  }
  return 1;
}

}  // namespace

int run_service(Config config) {
  const sigset_t signals = service_signals();
  (void)pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
  const Log log(config.controller.log_format == LogFormat::json ? Log::Format::json : Log::Format::text);
  auto store = SqliteStore::open({.path = config.controller.state, .retention = {.age = config.controller.history_retention}});
  if (!store) {
    log.error("start_failed", {{"error", store.error().message}});
    return 1;
  }
  for (const std::string& warning : exposed_secrets(config)) log.warning("secret_exposed", {{"warning", warning}});
  Service service(log, **store);
  const std::string source = config.source.string();
  const std::string groups = std::to_string(config.groups.size());
  // First what may fail: weir acts only once nothing keeps it from running.
  auto api = service.serve(config.controller);
  if (!api) {
    log.error("start_failed", {{"error", api.error().message}});
    return 1;
  }
  if (const auto started = service.start(std::move(config)); !started) {
    log.error("start_failed", {{"error", started.error().message}});
    return 1;
  }
  log.info("started", {{"config", source}, {"groups", groups}});
  service.tell(EventKind::controller_started, fmt::format("weir " WEIR_VERSION " runs {} groups", groups));
  const int status = serve_signals(service, signals, log);
  service.stop();
  return status;
}

}  // namespace weir
