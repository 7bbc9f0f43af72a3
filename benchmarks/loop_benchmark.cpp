// The whole loop: a tick of ten thousand groups against a real Prometheus, and how long weir itself takes from a fact to traffic.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <thread>

#include "balancers/nginx/balancer.h"
#include "controller/loop/loop.h"
#include "controller/observe/prometheus.h"
#include "controller/state/sqlite_store.h"
#include "providers/memory/memory.h"
#include "tests/fakes/ports.h"
#include "tests/support/http_stub.h"
#include "tests/support/nginx_server.h"
#include "tests/support/prometheus_server.h"
#include "tests/support/settings.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

double seconds_since(Steady::time_point begin) { return std::chrono::duration<double>(Steady::now() - begin).count(); }

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double resident_megabytes() {
  std::ifstream status("/proc/self/statm");
  long total = 0;
  long resident = 0;
  status >> total >> resident;
  return static_cast<double>(resident * ::sysconf(_SC_PAGESIZE)) / 1e6;
}

[[noreturn]] void give_up(const std::string& why) {
  (void)std::fprintf(stderr, "loop_benchmark: %s\n", why.c_str());
  std::abort();
}

/// Counts, and lets others wait for a count.
class Tally {
 public:
  void add() {
    {
      const std::lock_guard lock(mutex_);
      ++count_;
    }
    changed_.notify_all();
  }
  [[nodiscard]] std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  void wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, 120s, [&] { return count_ >= count; })) give_up(fmt::format("{} of {} came", count_, count));
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t count_ = 0;
};

PolicySpec tracking(const std::string& query, const std::string& total_or_average, double target) {
  PolicySpec spec{.name = "load", .type = "target_tracking", .settings = {}};
  spec.settings.set("query", query);
  spec.settings.set("value", total_or_average);
  spec.settings.set("target", target);
  spec.settings.set("tolerance", 0.01);
  return spec;
}

Managed managed(Group group, std::shared_ptr<Provider> provider) {
  Policies policies = make_policies(group);
  return {.group = std::move(group), .policies = std::move(policies), .provider = std::move(provider), .balancers = {}};
}

std::unique_ptr<SqliteStore> open_store(const TempDirectory& directory) {
  auto store = SqliteStore::open({.path = directory.path() / "state.db"});
  if (!store) give_up(store.error().message);
  return std::move(*store);
}

// ---- a tick of very many groups -------------------------------------------------------------------------------------------

constexpr int kGroups = 10'000;
constexpr int kServersPerGroup = 2;

std::string exposition() {
  std::string text = "# TYPE app_load gauge\n";
  for (int number = 0; number < kGroups; ++number) text += fmt::format("app_load{{app=\"app-{}\"}} 60\n", number);
  return text;
}

Group one_of_many(int number) {
  Group group;
  group.name = fmt::format("app-{}", number);
  group.provider = "cloud";
  group.version = "v1";
  group.min = 1;
  group.max = 10;
  group.interval = 5s;
  group.server = with_defaults(memory_provider_type().server_keys);
  group.policies = {tracking("app_load", "average", 60)};
  group.policies[0].settings.set("select", Settings::TextMap{{"app", group.name}});
  return group;
}

/// Two servers that have been serving for an hour, in the cloud and in the state file.
void settle(const Group& group, int number, TimePoint now, MemoryCloud& cloud, Store& store) {
  auto memory = store.load(group.name);
  if (!memory) give_up(memory.error().message);
  memory->desired = kServersPerGroup;
  memory->version = group.version;
  for (int index = 0; index < kServersPerGroup; ++index) {
    const std::string id = fmt::format("{}-{}-{}", group.name, memory->nonce, index + 1);
    const std::string address = fmt::format("10.{}.{}.{}:3000", index, number / 250, number % 250);
    memory->servers.push_back({.id = id, .token = id, .address = address, .version = "v1", .launched_at = now - 1h});
    memory->servers.back().admitted_at = now - 1h;
    cloud.insert({.id = id,
                  .group = group.name,
                  .token = id,
                  .address = address,
                  .version = "v1",
                  .phase = Phase::warming,
                  .launched_at = now - 1h});
  }
  memory->next_token = kServersPerGroup + 1;
  if (!store.save(group.name, *memory, Record{.group = group.name, .at = now}, Store::Durability::eventual)) give_up("save");
}

/// Notes when each tick begins, for it begins with asking the metrics.
class TickingSource final : public MetricSource {
 public:
  explicit TickingSource(MetricSource& inner) : inner_(inner) {}
  void ask(std::span<const Query> queries, const Answered& answered, std::stop_token stop) override {
    {
      const std::lock_guard lock(mutex_);
      begun_ = Steady::now();
    }
    ticks.add();
    const auto counted = [&](std::size_t index, Sample sample) {
      failed += sample.status == Sample::Status::ok ? 0 : 1;
      answered(index, std::move(sample));
    };
    inner_.ask(queries, counted, std::move(stop));
  }
  [[nodiscard]] Steady::time_point begun() const {
    const std::lock_guard lock(mutex_);
    return begun_;
  }
  Tally ticks;
  std::atomic<int> failed = 0;

 private:
  MetricSource& inner_;
  mutable std::mutex mutex_;
  Steady::time_point begun_;
};

void tick_of_ten_thousand_groups(benchmark::State& state) {
  const HttpStub apps(HttpStub::Answer{.body = exposition(), .content_type = "text/plain; version=0.0.4"});
  const PrometheusServer::Job jobs[] = {{.name = "apps", .targets = {apps.address()}}};
  auto prometheus = PrometheusServer::start(jobs, "1s");
  if (!prometheus) give_up(prometheus.error().message);
  FakeClock clock;
  FakeProbe probe;
  probe.all_are(HealthStatus::healthy);
  HttpClient http;
  PrometheusSource source({.url = (*prometheus)->url()}, http, clock);
  const Query total{.expression = "count(app_load)", .server_label = {}, .select = {}, .on_empty = {}, .on_nan = {}};
  if (!wait_until(60s, [&] { return source.query({&total, 1}, {}).front().value == kGroups; })) give_up("nothing was scraped");
  TickingSource ticking(source);
  const TempDirectory directory;
  const auto store = open_store(directory);
  const auto cloud = std::make_shared<MemoryCloud>();
  const std::shared_ptr<Provider> provider = make_memory_provider(cloud);
  std::vector<Managed> groups;
  for (int number = 0; number < kGroups; ++number) {
    groups.push_back(managed(one_of_many(number), provider));
    settle(groups.back().group, number, clock.now(), *cloud, *store);
  }
  if (!store->flush()) give_up("flush");
  const Log log(Log::Format::text);
  Tally turned;
  LoopEvents events;
  events.turned = [&](const Group&, const Record&, std::chrono::nanoseconds) { turned.add(); };
  auto loop = Loop::start({clock, &ticking, probe, *store, log}, {}, std::move(events), std::move(groups));
  if (!loop) give_up(loop.error().message);
  turned.wait_for(kGroups);
  double cpu = 0;
  for ([[maybe_unused]] auto _ : state) {
    const std::size_t tick = ticking.ticks.count();
    const std::size_t turns = turned.count();
    const double before = cpu_seconds();
    ticking.ticks.wait_for(tick + 1);
    turned.wait_for(turns + kGroups);
    if (!store->flush()) give_up("flush");
    state.SetIterationTime(seconds_since(ticking.begun()));
    cpu += cpu_seconds() - before;
  }
  if (ticking.failed != 0) give_up(fmt::format("{} samples were not good", ticking.failed.load()));
  state.counters["cpu_s"] = benchmark::Counter(cpu, benchmark::Counter::kAvgIterations);
  state.counters["resident_MB"] = resident_megabytes();
  state.counters["groups"] = kGroups;
}
BENCHMARK(tick_of_ten_thousand_groups)->Iterations(5)->UseManualTime()->Unit(benchmark::kMillisecond);

// ---- from a fact to traffic -----------------------------------------------------------------------------------------------

/// From the moment a sample with a higher load is there until the balancer has the new server: reconcile, saving to disk, launch,
/// meeting the server and saving, writing. The machine boots and is healthy at once, so all of it is weir's own time.
class Demand final : public MetricSource {
 public:
  void ask(std::span<const Query> queries, const Answered& answered, std::stop_token /*stop*/) override {
    Sample sample{.status = Sample::Status::ok};
    {
      const std::lock_guard lock(mutex_);
      if (value_ != delivered_) at_ = Steady::now();
      delivered_ = sample.value = value_;
    }
    for (std::size_t index = 0; index < queries.size(); ++index) answered(index, sample);
  }
  void want(double value) {
    const std::lock_guard lock(mutex_);
    value_ = value;
  }
  [[nodiscard]] Steady::time_point delivered_at() const {
    const std::lock_guard lock(mutex_);
    return at_;
  }

 private:
  mutable std::mutex mutex_;
  double value_ = 1;
  double delivered_ = 1;
  Steady::time_point at_;
};

/// `pause` lies between one server and the next; it is not counted.
void measure_breach_to_serving(benchmark::State& state, std::unique_ptr<Balancer> balancer, std::chrono::milliseconds pause) {
  FakeClock clock;
  FakeProbe probe;
  probe.all_are(HealthStatus::healthy);
  Demand demand;
  const TempDirectory directory;
  const auto store = open_store(directory);
  Group group = one_of_many(0);
  group.max = 10'000;
  group.interval = 20ms;
  group.warm_up = 0ms;
  group.policies = {tracking("load", "total", 1)};
  group.policies[0].settings.set("tolerance", 0.0);
  std::vector<Managed> groups;
  groups.push_back(managed(std::move(group), make_memory_provider(std::make_shared<MemoryCloud>())));
  groups[0].balancers.push_back(std::move(balancer));
  const Log log(Log::Format::text);
  Tally served;
  LoopEvents events;
  events.serving = [&](const Group&, Duration) { served.add(); };
  auto loop = Loop::start({clock, &demand, probe, *store, log}, {}, std::move(events), std::move(groups));
  if (!loop) give_up(loop.error().message);
  std::size_t servers = 1;
  served.wait_for(servers);
  for ([[maybe_unused]] auto _ : state) {
    std::this_thread::sleep_for(pause);
    demand.want(static_cast<double>(++servers));
    served.wait_for(servers);
    state.SetIterationTime(seconds_since(demand.delivered_at()));
  }
}

void breach_to_serving(benchmark::State& state) {
  measure_breach_to_serving(state, std::make_unique<FakeBalancer>(std::make_shared<BalancerWatch>()), 0ms);
}
BENCHMARK(breach_to_serving)
    ->Iterations(20)
    ->Repetitions(5)
    ->ReportAggregatesOnly()
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

/// The same with a real nginx: its test, its reload, and the proof that the new workers have taken over.
void breach_to_serving_by_nginx(benchmark::State& state) {
  NginxServer nginx;
  NginxReloader reloader({.test = nginx.test_command(), .reload = nginx.reload_command(), .pid_file = nginx.pid_file()});
  const NginxFile file{.path = nginx.upstream_file(), .format = {.group = "app-0"}, .adopt = true};
  std::ofstream(nginx.upstream_file()) << "server 127.0.0.1:1;\n";
  if (!nginx.start()) give_up(nginx.error_log());
  measure_breach_to_serving(state, std::make_unique<NginxBalancer>(file, reloader), std::chrono::milliseconds(state.range(0)));
}
BENCHMARK(breach_to_serving_by_nginx)
    ->ArgName("pause_ms")
    ->Arg(2000)
    ->Arg(0)
    ->Iterations(10)
    ->Repetitions(3)
    ->ReportAggregatesOnly()
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir

BENCHMARK_MAIN();
