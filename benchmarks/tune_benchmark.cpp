// How long `weir tune` takes for 200 candidates over four weeks of 15 s turns, on all cores.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <numbers>

#include "controller/config/config.h"
#include "controller/tune/tune.h"

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
      - {name: cpu-high, type: threshold, query: cpu, above: 70, for: 5m, change: +1}
      - {name: cpu-low, type: threshold, query: cpu, below: 30, for: 5m, change: -1}
)";

/// A sample a minute: days, weeks, and a noise that is the same every time.
Trace four_weeks_of_load() {
  Trace trace{.name = "weeks", .step = 1min};
  std::uint64_t noise = 1;
  for (int minute = 0; minute < 28 * 24 * 60; ++minute) {
    const double day = minute / 1440.0;
    noise = noise * 6364136223846793005ULL + 1442695040888963407ULL;
    const double jitter = static_cast<double>(noise >> 40U) / (1U << 24U) * 30;
    trace.at.push_back(TimePoint(500'000h) + minute * 1min);
    trace.load.push_back(350 + 250 * std::sin(2 * std::numbers::pi * day) + 60 * std::sin(2 * std::numbers::pi * day / 7) + jitter);
  }
  return trace;
}

void tune_over_four_weeks(benchmark::State& state) {
  auto config = parse_config(kConfiguration, "weir.yaml", process_environment(), builtin_catalogs());
  if (!config) std::abort();
  const Trace trace = four_weeks_of_load();
  for (auto _ : state) {
    const auto tuning = tune(config->groups.front(), trace, {.model = {.capacity = 100}});
    if (!tuning) std::abort();
    state.counters["simulations"] = static_cast<double>(tuning->candidates.size());
  }
}
BENCHMARK(tune_over_four_weeks)->Unit(benchmark::kSecond)->Iterations(1)->UseRealTime()->MeasureProcessCPUTime();

}  // namespace
}  // namespace weir
