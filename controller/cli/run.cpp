#include "controller/cli/run.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <mutex>

#include "controller/cli/assemble.h"
#include "controller/log/log.h"
#include "controller/loop/loop.h"
#include "controller/state/sqlite_store.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

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
  std::unique_ptr<Assembly> assembly;
  std::unique_ptr<Loop> loop;  // before the assembly it uses
};

class Service {
 public:
  Service(const Log& log, SqliteStore& store) : log_(log), store_(store) {
    outside_.probe.on_change([this](const std::string& group) {
      const std::lock_guard lock(mutex_);
      if (running_ && running_->loop) running_->loop->wake(group);
    });
  }
  ~Service() {
    outside_.probe.on_change({});
    stop_loop();
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  [[nodiscard]] Result<void> start(Config config) {
    auto running = std::make_unique<Running>();
    running->config = std::move(config);
    auto assembly = assemble(running->config, outside_);
    if (!assembly) return std::unexpected(assembly.error());
    running->assembly = std::move(*assembly);
    const Loop::Options options{.workers = running->config.controller.workers};
    auto loop = Loop::start({outside_.clock, running->assembly->metrics.get(), outside_.probe, store_, log_}, options, {},
                            std::move(running->assembly->groups));
    if (!loop) return std::unexpected(loop.error());
    running->loop = std::move(*loop);
    const std::lock_guard lock(mutex_);
    running_ = std::move(running);
    return {};
  }

  /// Reads the file again. Whatever is wrong with it, the old configuration stays in force.
  void reload() {
    const std::filesystem::path source = running_->config.source;
    ConfigResult config = load_config(source, process_environment(), builtin_catalogs());
    if (!config) {
      for (const ConfigError& error : config.error()) log_.error("reload_refused", {{"error", to_string(error)}});
      log_.error("reload_refused", {{"consequence", "the configuration read before stays in force"}});
      return;
    }
    if (config->controller.state != running_->config.controller.state) {
      log_.error("reload_refused", {{"error", "controller.state cannot change while weir runs: restart it"}});
      return;
    }
    // Two loops must never run the same groups: the old one ends first, and comes back if the new one cannot start.
    const Config old = running_->config;
    forget_groups(old, *config);
    stop_loop();
    if (const auto started = start(std::move(*config)); !started) {
      log_.error("reload_refused",
                 {{"error", started.error().message}, {"consequence", "the configuration read before stays in force"}});
      if (const auto again = start(old); !again) log_.error("start_failed", {{"error", again.error().message}});
      return;
    }
    log_.info("reloaded", {{"config", source.string()}, {"groups", std::to_string(running_->config.groups.size())}});
  }

  [[nodiscard]] bool is_running() const { return running_ != nullptr; }

 private:
  void stop_loop() {
    std::unique_ptr<Running> old;
    {
      const std::lock_guard lock(mutex_);
      old = std::move(running_);
    }
    if (old) old->loop.reset();
  }

  /// Nobody checks the health of groups that are no longer configured.
  void forget_groups(const Config& old, const Config& wanted) {
    for (const Group& group : old.groups) {
      const bool stays = std::ranges::find(wanted.groups, group.name, &Group::name) != wanted.groups.end();
      if (!stays) outside_.probe.watch(group.name, group.health, {});
    }
  }

  const Log& log_;
  SqliteStore& store_;
  Outside outside_;
  std::mutex mutex_;
  std::unique_ptr<Running> running_;
};

}  // namespace

int run_service(Config config) {
  const sigset_t signals = service_signals();
  (void)pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
  const Log log(config.controller.log_format == LogFormat::json ? Log::Format::json : Log::Format::text);
  auto store = SqliteStore::open({.path = config.controller.state});
  if (!store) {
    log.error("start_failed", {{"error", store.error().message}});
    return 1;
  }
  Service service(log, **store);
  const std::string source = config.source.string();
  const std::string groups = std::to_string(config.groups.size());
  if (const auto started = service.start(std::move(config)); !started) {
    log.error("start_failed", {{"error", started.error().message}});
    return 1;
  }
  log.info("started", {{"config", source}, {"groups", groups}});
  while (service.is_running()) {
    const int signal = wait_for_signal(signals, 500ms);
    if (signal == SIGHUP) service.reload();
    if (signal != SIGTERM && signal != SIGINT) continue;
    log.info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
    return 0;
  }
  return 1;
}

}  // namespace weir
