// How fast `weir simulate` lives through a year of 15 s turns: a fleet of 2 to 10 servers under a daily and weekly load.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <string>

#include "controller/config/config.h"
#include "controller/simulate/simulate.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr const char* kConfiguration = R"(
prometheus: {url: "http://127.0.0.1:9090"}
providers: {cloud: {type: memory}}
groups:
  - name: app
    provider: cloud
    server: {}
    min: 2
    max: 10
    policies:
      - {name: rps, type: target_tracking, query: rps, value: total, target: 70}
      - {name: tomorrow, type: predictive, query: rps, target: 70, capacity: 100}
)";

/// A sample a minute: days and weeks, and a noise that is the same every time.
Trace year_of_load() {
  Trace trace{.name = "year", .step = 1min};
  std::uint64_t noise = 1;
  for (int minute = 0; minute < 365 * 24 * 60; ++minute) {
    const double day = minute / 1440.0;
    noise = noise * 6364136223846793005ULL + 1442695040888963407ULL;
    const double jitter = static_cast<double>(noise >> 40U) / (1U << 24U) * 30;
    trace.at.push_back(TimePoint(500'000h) + minute * 1min);
    trace.load.push_back(350 + 250 * std::sin(2 * std::numbers::pi * day) + 60 * std::sin(2 * std::numbers::pi * day / 7) + jitter);
  }
  return trace;
}

/// `policies`: how many of the configuration's take part.
void simulate_a_year(benchmark::State& state) {
  auto config = parse_config(kConfiguration, "weir.yaml", process_environment(), builtin_catalogs());
  if (!config) std::abort();
  Group& group = config->groups.front();
  group.policies.resize(static_cast<std::size_t>(state.range(0)));
  const Policies policies = make_policies(group);
  const Trace trace = year_of_load();
  std::uint64_t turns = 0;
  for (auto _ : state) {
    const Simulation result = simulate(group, policies, trace, {.model = {.capacity = 100}});
    turns += result.turns;
    benchmark::DoNotOptimize(result.servers_hours);
  }
  state.counters["turns"] = benchmark::Counter(static_cast<double>(turns), benchmark::Counter::kIsRate);
}
BENCHMARK(simulate_a_year)->Arg(1)->Arg(2)->Unit(benchmark::kSecond)->Iterations(1);

}  // namespace
}  // namespace weir
