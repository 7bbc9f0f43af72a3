// What one tick of many groups costs: writing their memory and records as JSON, keeping them in the state file, counting them.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "controller/api/metrics.h"
#include "controller/render/json.h"
#include "controller/state/sqlite_store.h"

namespace weir {
namespace {

const TimePoint kStart{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};

Memory typical_memory(int tick) {
  const TimePoint at = kStart + std::chrono::seconds{15 * tick};
  Memory memory;
  memory.nonce = "a1b2c3";
  memory.next_token = 17;
  memory.desired = 3;
  memory.version = "v1";
  memory.scaled_out_at = kStart;
  memory.turned_at = at;
  memory.watched_since = kStart;
  memory.highest = {{at, 3}};
  memory.policies = {{"cpu-high", {}, {}, at, 54.3}, {"cpu-low", {}, {}, at, 54.3}, {"cpu", {}, {}, at, 54.3}};
  for (int server = 0; server < 3; ++server) {
    memory.servers.push_back({.id = fmt::format("6f2a8a4e-{}", server),
                              .token = fmt::format("app-a1b2c3-{}", server),
                              .address = fmt::format("10.0.0.{}:3000", server),
                              .version = "v1",
                              .launched_at = kStart,
                              .seen_at = at,
                              .admitted_at = kStart});
  }
  return memory;
}

Record typical_record(const std::string& group, int tick) {
  Record record;
  record.group = group;
  record.at = kStart + std::chrono::seconds{15 * tick};
  Decision& decision = record.plan.decision;
  decision.previous = 3;
  decision.desired = 3;
  decision.votes = {
      {"cpu-high",
       "threshold",
       Vote::Stance::content,
       0,
       54.3,
       true,
       false,
       true,
       false,
       false,
       {},
       {},
       {},
       "54.3 is not above 70"},
      {"cpu-low", "threshold", Vote::Stance::content, 0, 54.3, false, true, true, false, false, {}, {}, {}, "54.3 is not below 30"},
      {"cpu",
       "target_tracking",
       Vote::Stance::wants,
       3,
       54.3,
       true,
       true,
       true,
       false,
       false,
       {},
       {},
       {},
       "54.3 is within 10 % of the target 60"}};
  for (const char* stage :
       {"votes", "rollout", "dependencies", "stabilization_window", "cooldown", "rate_limits", "budget", "min_max"}) {
    decision.steps.push_back({stage, 3, 3, "nothing to hold"});
  }
  for (const ServerMemory& server : typical_memory(tick).servers) {
    record.servers.push_back({.id = server.id,
                              .group = group,
                              .token = server.token,
                              .address = server.address,
                              .version = "v1",
                              .phase = Phase::in_service,
                              .health = {HealthStatus::healthy, ""},
                              .launched_at = kStart,
                              .in_service_since = kStart,
                              .connections = 12});
    record.plan.peers.push_back({server.id, server.address, 1});
  }
  return record;
}

void serialise(benchmark::State& state) {
  const Memory memory = typical_memory(1);
  const Record record = typical_record("app", 1);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(memory_json(memory));
    benchmark::DoNotOptimize(record_json(record));
  }
  state.counters["bytes"] = static_cast<double>(memory_json(memory).size() + record_json(record).size());
}
BENCHMARK(serialise);

void parse(benchmark::State& state) {
  const std::string memory = memory_json(typical_memory(1));
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(parse_memory(memory));
}
BENCHMARK(parse);

void count_turn(benchmark::State& state) {
  Metrics metrics("0");
  std::vector<Record> turns;
  for (int number = 0; number < 10'000; ++number) {
    turns.push_back(typical_record(fmt::format("group-{:05}", number), 1));
    Group group;
    group.name = turns.back().group;
    metrics.group(group);
  }
  std::size_t next = 0;
  for ([[maybe_unused]] auto _ : state) metrics.turn(turns[next++ % turns.size()], std::chrono::microseconds{50});
}
BENCHMARK(count_turn);

void scrape(benchmark::State& state) {
  Metrics metrics("0");
  for (int number = 0; number < 10'000; ++number) {
    Group group;
    group.name = fmt::format("group-{:05}", number);
    metrics.group(group);
    metrics.turn(typical_record(group.name, 1), std::chrono::microseconds{50});
  }
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(metrics.text());
}
BENCHMARK(scrape)->Unit(benchmark::kMillisecond);

/// CPU time of all threads: the writer's too.
void save_tick(benchmark::State& state) {
  std::string directory = (std::filesystem::temp_directory_path() / "weir-benchmark-XXXXXX").string();
  if (::mkdtemp(directory.data()) == nullptr) std::abort();
  {
    SqliteStore::Options options;
    options.path = std::filesystem::path(directory) / "state.db";
    const auto store = SqliteStore::open(std::move(options));
    if (!store) std::abort();
    std::vector<std::string> groups;
    groups.reserve(static_cast<std::size_t>(state.range(0)));
    for (int group = 0; group < state.range(0); ++group) groups.push_back(fmt::format("group-{:05}", group));
    int tick = 0;
    for ([[maybe_unused]] auto _ : state) {
      ++tick;
      const Memory memory = typical_memory(tick);
      Record record = typical_record("", tick);
      for (const std::string& group : groups) {
        record.group = group;
        if (!(*store)->save(group, memory, record, Store::Durability::eventual)) std::abort();
      }
      if (!(*store)->flush()) std::abort();
    }
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    state.counters["max_rss_MiB"] = static_cast<double>(usage.ru_maxrss) / 1024;
  }
  std::filesystem::remove_all(directory);
}
BENCHMARK(save_tick)->Arg(10'000)->Iterations(20)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir

BENCHMARK_MAIN();
