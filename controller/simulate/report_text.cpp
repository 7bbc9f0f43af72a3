#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "controller/render/table.h"
#include "controller/simulate/report.h"
#include "controller/simulate/summary.h"

namespace weir {
namespace {

constexpr std::size_t kViolationsShown = 5;
constexpr std::size_t kDecisionsShown = 20;

/// The escape sequences, or nothing.
struct Paint {
  [[nodiscard]] std::string bold(std::string_view text) const {
    return colour == Colour::on ? fmt::format("\x1b[1m{}\x1b[0m", text) : std::string(text);
  }
  [[nodiscard]] std::string render(const Table& table) const {
    const bool on = colour == Colour::on;
    return table.text("  ", on ? "\x1b[2m" : "", on ? "\x1b[0m" : "");
  }
  Colour colour;
};

std::string number_text(double number) { return std::isfinite(number) ? fmt::format("{:.4g}", number) : "-"; }

/// "1995-07-13 00:00:00 to 1995-07-14 01:00:00 UTC (1d1h)"
std::string range_text(const Simulation& simulation) {
  return fmt::format("{} to {} UTC ({})", time_text(simulation.from), time_text(simulation.to),
                     span_text(simulation.to - simulation.from));
}

std::string headline(const Simulation& simulation, const Paint& paint) {
  return fmt::format("{} of {} over {}\n{}\n", paint.bold(printable(simulation.group)), printable(simulation.name),
                     printable(simulation.trace), range_text(simulation));
}

std::string results_text(std::span<const Simulation> simulations, const Paint& paint) {
  constexpr std::size_t most_with_meaning = 2;
  const bool with_meaning = simulations.size() <= most_with_meaning;
  std::vector<std::string> headings = {"RESULT"};
  for (std::string& title : simulation_titles(simulations)) headings.push_back(printable(std::move(title)));
  if (with_meaning) headings.emplace_back("MEANING");
  Table table(std::move(headings));
  for (const SummaryRow& row : summary_rows(simulations)) {
    std::vector<std::string> cells = {row.name};
    for (std::size_t index = 0; index < row.values.size(); ++index) {
      cells.push_back(printable(row.values[index]) + (row.best[index] ? " *" : ""));
    }
    if (with_meaning) cells.push_back(row.meaning);
    table.add(std::move(cells));
  }
  return paint.render(table);
}

std::string list_text(std::string_view heading, const std::vector<std::string>& lines, const Paint& paint) {
  if (lines.empty()) return "";
  std::string text = fmt::format("\n{}\n", paint.bold(heading));
  for (const std::string& line : lines) text += fmt::format("  - {}\n", printable(line));
  return text;
}

std::string violations_text(const Simulation& simulation, const Paint& paint) {
  const std::vector<Violation> violations = longest_violations(simulation, kViolationsShown);
  if (violations.empty()) return "";
  Table table({"FROM", "ABOVE CAPACITY FOR", "LOAD", "CAPACITY"});
  for (const Violation& each : violations) {
    table.add({time_text(each.from), span_text(each.lost), number_text(each.load), number_text(each.capacity)});
  }
  return fmt::format("\n{}\n{}", paint.bold("Longest violations"), paint.render(table));
}

std::string faults_text(const Simulation& simulation, const Paint& paint) {
  std::vector<std::string> lines;
  for (const SimulatedFault& fault : simulation.faults) {
    lines.push_back(fmt::format("{} for {}: {}", time_text(fault.from), span_text(fault.to - fault.from), fault.what));
  }
  return list_text("Faults", lines, paint);
}

std::string deploys_text(const Simulation& simulation, std::string_view heading, const Paint& paint) {
  if (simulation.deploys.empty()) return "";
  Table table({"STARTED", "TOOK", "DEPLOY", "MOST SERVERS", "FEWEST IN SERVICE", "LOST", "END"});
  for (const SimulatedDeploy& deploy : simulation.deploys) {
    std::vector<std::string> cells = {time_text(deploy.started_at),      "-", printable(deploy_title(deploy)), "-", "-", "-",
                                      printable(deploy_end_text(deploy))};
    if (deploy.end != SimulatedDeploy::End::refused) {
      cells[1] = span_text(deploy.ended_at - deploy.started_at);
      cells[3] = std::to_string(deploy.servers_max);
      cells[4] = std::to_string(deploy.in_service_min);
      cells[5] = share_text(deploy.lost_ratio);
    }
    table.add(std::move(cells));
  }
  return fmt::format("\n{}\n{}", paint.bold(heading), paint.render(table));
}

std::string decisions_text(const Simulation& simulation, const Paint& paint) {
  const std::size_t count = simulation.decisions.size();
  if (count == 0) return fmt::format("\n{}\n  none: the number of servers was never changed\n", paint.bold("Decisions"));
  const std::size_t hidden = count - std::min(count, kDecisionsShown);
  Table table({"TIME", "SERVERS", "WHY"});
  for (std::size_t index = hidden; index < count; ++index) {
    const SimulatedDecision& decision = simulation.decisions[index];
    table.add({time_text(decision.at), fmt::format("{} → {}", decision.from, decision.to), printable(decision.why)});
  }
  const std::string heading = hidden == 0 ? "Decisions" : fmt::format("Last {} of {} decisions", count - hidden, grouped(count));
  return fmt::format("\n{}\n{}", paint.bold(heading), paint.render(table));
}

std::string one_text(const Simulation& simulation, const Paint& paint) {
  return headline(simulation, paint) + "\n" + results_text({&simulation, 1}, paint) +
         list_text("Assumptions", simulation.assumptions, paint) + list_text("Notes", simulation.notes, paint) +
         faults_text(simulation, paint) + deploys_text(simulation, "Deploys", paint) + violations_text(simulation, paint) +
         decisions_text(simulation, paint);
}

bool share(std::span<const Simulation> simulations, const std::vector<std::string> Simulation::* lines) {
  return std::ranges::all_of(simulations, [&](const Simulation& each) { return each.*lines == simulations.front().*lines; });
}

/// Once where all have the same, else by simulation.
std::string lists_text(std::span<const Simulation> simulations, std::string_view heading,
                       const std::vector<std::string> Simulation::* lines, const Paint& paint) {
  if (share(simulations, lines)) return list_text(heading, simulations.front().*lines, paint);
  const std::vector<std::string> titles = simulation_titles(simulations);
  std::string text;
  for (std::size_t index = 0; index < simulations.size(); ++index) {
    text += list_text(fmt::format("{} of {}", heading, printable(titles[index])), simulations[index].*lines, paint);
  }
  return text;
}

std::string several_text(std::span<const Simulation> simulations, const Paint& paint) {
  const bool comparable = are_comparable(simulations);
  const Simulation& first = simulations.front();
  std::string text = fmt::format("{} simulations", simulations.size());
  if (comparable) text += fmt::format(" over {}\n{}", printable(first.trace), range_text(first));
  text += "\n\n" + results_text(simulations, paint);
  text += comparable ? "  * best of its row\n" : "  over different loads or times: nothing is marked as best\n";
  text += lists_text(simulations, "Assumptions", &Simulation::assumptions, paint) +
          lists_text(simulations, "Notes", &Simulation::notes, paint);
  const std::vector<std::string> titles = simulation_titles(simulations);
  for (std::size_t index = 0; index < simulations.size(); ++index) {
    text += deploys_text(simulations[index], fmt::format("Deploys of {}", printable(titles[index])), paint);
  }
  return text;
}

}  // namespace

std::string simulation_text(std::span<const Simulation> simulations, Colour colour) {
  if (simulations.empty()) return "no simulations\n";
  const Paint paint{colour};
  return simulations.size() == 1 ? one_text(simulations.front(), paint) : several_text(simulations, paint);
}

}  // namespace weir
