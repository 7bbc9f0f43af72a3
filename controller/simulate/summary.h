#pragma once

#include <span>
#include <string>
#include <vector>

#include "controller/simulate/report.h"

namespace weir {

/// One result of all simulations, as text and page show it.
struct SummaryRow {
  std::string name;
  std::string meaning;
  std::vector<std::string> values;  ///< one for each simulation
  std::vector<bool> best;           ///< likewise; all false where nothing is to choose
};

/// A time in which the load was above the capacity in every moment.
struct Violation {
  TimePoint from;
  TimePoint to;
  Duration lost{};      ///< how much of it was in violation
  double load = 0;      ///< where it was worst
  double capacity = 0;  ///< likewise
};

/// Whether results can be held against each other: the same load over the same time.
[[nodiscard]] bool are_comparable(std::span<const Simulation> simulations);

/// What tells the simulations apart in headings: the name, with group and load where those differ.
[[nodiscard]] std::vector<std::string> simulation_titles(std::span<const Simulation> simulations);

/// The results, most telling first.
[[nodiscard]] std::vector<SummaryRow> summary_rows(std::span<const Simulation> simulations);

/// What a deploy was about: "rolling v1 → v2"; of one that was refused only the version.
[[nodiscard]] std::string deploy_title(const SimulatedDeploy& deploy);

/// How a deploy ended, with the reason: "went back to v1: 2 of its servers failed"; "done" needs none.
[[nodiscard]] std::string deploy_end_text(const SimulatedDeploy& deploy);

/// The `most` longest, longest first.
[[nodiscard]] std::vector<Violation> longest_violations(const Simulation& simulation, std::size_t most);

/// A share for people: "0.12 %"; "-" if it is not known.
[[nodiscard]] std::string share_text(double share);

/// 1,234.5
[[nodiscard]] std::string amount_text(double amount, int digits);

/// 1,234,567
[[nodiscard]] std::string grouped(std::uint64_t number);

/// For people: to the second, to the minute from a day on.
[[nodiscard]] std::string span_text(Duration duration);

/// For people: UTC to the second, `2026-03-01 09:30:00`.
[[nodiscard]] std::string time_text(TimePoint time);

}  // namespace weir
