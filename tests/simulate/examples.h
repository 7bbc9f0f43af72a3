#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>

#include "controller/simulate/report.h"
#include "controller/simulate/trace.h"

namespace weir {

/// Five minutes from 09:30, a moment a minute; every field says something.
[[nodiscard]] inline Simulation small_simulation() {
  using namespace std::chrono_literals;
  const TimePoint begin = TimePoint{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}} + 9h + 30min;
  return {.name = "weir.yaml",
          .group = "app",
          .trace = "monday",
          .from = begin,
          .to = begin + 5min,
          .turns = 1234,
          .servers_hours = 1234.56,
          .violation_ratio = 0.0123,
          .hot_ratio = 0.25,
          .lost_ratio = 0.00001,
          .slo_lost = 90s,
          .scale_actions = 3,
          .flaps = 1,
          .servers_min = 2,
          .servers_max = 4,
          .cost = 61.7,
          .currency = "USD",
          .decisions = {{begin + 60s, 2, 4, "cpu 81 is above 70 for 5m: +2"},
                        {begin + 180s, 4, 3, "cpu 20 is below 30: -1"},
                        {begin + 180'500ms, 3, 2, "cpu 10 is below 30: -1"}},
          .moments = {{begin, 100, 200, 2, 2, 2, 0},
                      {begin + 1min, 210, 200, 4, 2, 4, 0.5},
                      {begin + 2min, 300, 200, 4, 2, 4, 1},
                      {begin + 3min, 150, 400, 2, 4, 4, 0},
                      {begin + 4min, 201, 200, 2, 2, 2, 0.1}},
          .faults = {{begin + 2min, begin + 3min, "no launches"}},
          .gaps = {{begin + 3min, begin + 4min}},
          .assumptions = {"a server carries 100 requests/s", "boots take 60s"},
          .notes = {"one gap"}};
}

/// A fleet over a recorded load that follows it some minutes behind; enough of a controller for a picture.
[[nodiscard]] inline Simulation recorded_simulation(const std::string& file, const std::string& name, double per_server,
                                                    int behind) {
  using namespace std::chrono_literals;
  Simulation simulation = small_simulation();
  const auto trace = read_trace(std::filesystem::path(WEIR_SOURCE_DIR) / "tests/data/traces" / file);
  if (!trace) return simulation;
  simulation.name = name;
  simulation.trace = trace->name;
  simulation.from = trace->at.front();
  simulation.to = trace->at.back() + trace->step;
  simulation.gaps = trace->gaps;
  simulation.decisions.clear();
  simulation.moments.clear();
  int desired = 2;
  std::vector<int> history;
  for (std::size_t index = 0; index < trace->at.size(); ++index) {
    const int wanted = std::clamp(static_cast<int>(std::ceil(trace->load[index] / per_server / 0.7)), 2, 10);
    if (wanted > desired || wanted < desired - 1) {
      simulation.decisions.push_back(
          {trace->at[index], desired, wanted,
           fmt::format("votes: rps wants {}: {:.4g} is {:.0f} % of what {} servers are meant to carry", wanted, trace->load[index],
                       trace->load[index] / per_server / desired / 0.7 * 100, desired)});
      desired = wanted;
    }
    history.push_back(desired);
    const int in_service = history[index >= static_cast<std::size_t>(behind) ? index - static_cast<std::size_t>(behind) : 0];
    const double capacity = in_service * per_server;
    simulation.moments.push_back({trace->at[index], trace->load[index], capacity, desired, in_service,
                                  std::max(desired, in_service), trace->load[index] > capacity ? 1.0 : 0.0});
  }
  const Duration whole = simulation.to - simulation.from;
  simulation.faults = {{simulation.from + whole / 4, simulation.from + whole / 4 + whole / 20, "provider sold out"},
                       {simulation.from + whole * 7 / 10, simulation.from + whole * 7 / 10 + whole / 50, "Prometheus silent"}};
  simulation.scale_actions = static_cast<int>(simulation.decisions.size());
  return simulation;
}

/// A year, or more, of made-up load with this many decisions; as large as pages become.
[[nodiscard]] inline Simulation long_simulation(int days, int decisions) {
  Simulation simulation = small_simulation();
  simulation.trace = "made up";
  simulation.from = TimePoint{std::chrono::sys_days{std::chrono::year{2023} / 1 / 1}};
  simulation.to = simulation.from + std::chrono::days{days};
  simulation.decisions.clear();
  simulation.moments.clear();
  simulation.faults.clear();
  simulation.gaps.clear();
  const Duration whole = simulation.to - simulation.from;
  std::uint32_t dice = 1;
  const auto roll = [&dice](std::uint32_t sides) { return (dice = dice * 1'664'525U + 1'013'904'223U, (dice >> 8U) % sides); };
  int servers = 4;
  for (int index = 0; index < decisions; ++index) {
    int wanted = std::clamp(servers + (roll(2) == 0 ? 1 : -1) * static_cast<int>(1 + roll(2)), 2, 10);
    simulation.decisions.push_back(
        {simulation.from + whole / decisions * index + Duration{roll(60'000)}, servers, wanted,
         fmt::format("votes: cpu-high wants {}: cpu {}.{:02} is above 70 for 5m", wanted, 70 + roll(30), roll(100))});
    servers = wanted;
  }
  for (int index = 0; index < 2000; ++index) {
    const double day = static_cast<double>(index) / 2000 * days;
    const double load = 400 + 250 * std::sin(day / 7 * 6.2832) + 150 * std::sin(day * 6.2832) + roll(90);
    const int in_service = std::clamp(static_cast<int>(load / 80) + (roll(40) == 0 ? -1 : 1), 2, 10);
    simulation.moments.push_back({simulation.from + whole / 2000 * index, load, in_service * 100.0, in_service, in_service,
                                  in_service, load > in_service * 100.0 ? 0.3 : 0.0});
  }
  return simulation;
}

}  // namespace weir
