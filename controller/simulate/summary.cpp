#include "controller/simulate/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace weir {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

std::string cost_text(const Simulation& simulation) {
  return simulation.cost ? fmt::format("{} {}", amount_text(*simulation.cost, 2), simulation.currency) : "-";
}

/// A result of which less is better.
struct Measure {
  std::string_view name;
  std::string_view meaning;
  std::string (*text)(const Simulation&);
  double (*value)(const Simulation&);
};

constexpr Measure kMeasures[] = {
    {"time above capacity", "time in which more load came than the servers could carry",
     [](const Simulation& each) { return span_text(each.slo_lost); },
     [](const Simulation& each) { return static_cast<double>(each.slo_lost.count()); }},
    {"requests above capacity", "requests that came in that time",
     [](const Simulation& each) { return share_text(each.violation_ratio); },
     [](const Simulation& each) { return each.violation_ratio; }},
    {"requests lost", "requests beyond what could be carried", [](const Simulation& each) { return share_text(each.lost_ratio); },
     [](const Simulation& each) { return each.lost_ratio; }},
    {"requests while hot", "requests that came with the servers over 85 % busy",
     [](const Simulation& each) { return share_text(each.hot_ratio); }, [](const Simulation& each) { return each.hot_ratio; }},
    {"server hours", "hours of all servers together", [](const Simulation& each) { return amount_text(each.servers_hours, 1); },
     [](const Simulation& each) { return each.servers_hours; }},
    {"cost", "what those hours cost", [](const Simulation& each) { return cost_text(each); },
     [](const Simulation& each) { return each.cost.value_or(kUnknown); }},
    {"scale actions", "changes of the desired number of servers",
     [](const Simulation& each) { return grouped(static_cast<std::uint64_t>(std::max(each.scale_actions, 0))); },
     [](const Simulation& each) { return static_cast<double>(each.scale_actions); }},
    {"flaps", "changes of direction within ten minutes",
     [](const Simulation& each) { return grouped(static_cast<std::uint64_t>(std::max(each.flaps, 0))); },
     [](const Simulation& each) { return static_cast<double>(each.flaps); }},
};

/// Nothing is marked that nobody can see a difference in.
std::vector<bool> best_of(std::span<const Simulation> simulations, const Measure& measure, const std::vector<std::string>& texts) {
  std::vector<bool> best(simulations.size(), false);
  if (std::ranges::count(texts, texts.front()) == std::ssize(texts)) return best;
  double least = std::numeric_limits<double>::infinity();
  for (const Simulation& each : simulations) least = std::fmin(least, measure.value(each));
  for (std::size_t index = 0; index < simulations.size(); ++index) best[index] = measure.value(simulations[index]) == least;
  return best;
}

bool all_same(std::span<const Simulation> simulations, const std::function<bool(const Simulation&, const Simulation&)>& same) {
  return std::ranges::all_of(simulations, [&](const Simulation& each) { return same(each, simulations.front()); });
}

bool have_one_currency(std::span<const Simulation> simulations) {
  return all_same(simulations, [](const Simulation& one, const Simulation& other) {
    return one.cost && other.cost && one.currency == other.currency;
  });
}

SummaryRow row_of(std::span<const Simulation> simulations, const Measure& measure) {
  SummaryRow row{.name = std::string(measure.name), .meaning = std::string(measure.meaning), .values = {}, .best = {}};
  for (const Simulation& each : simulations) row.values.push_back(measure.text(each));
  const bool judged = are_comparable(simulations) && (measure.name != "cost" || have_one_currency(simulations));
  row.best = judged ? best_of(simulations, measure, row.values) : std::vector<bool>(simulations.size(), false);
  return row;
}

/// What describes a simulation without being better or worse.
SummaryRow plain_row(std::span<const Simulation> simulations, std::string name, std::string meaning,
                     std::string (*text)(const Simulation&)) {
  SummaryRow row{.name = std::move(name), .meaning = std::move(meaning), .values = {}, .best = {}};
  for (const Simulation& each : simulations) row.values.push_back(text(each));
  row.best.assign(simulations.size(), false);
  return row;
}

TimePoint end_of(const Simulation& simulation, std::size_t index) {
  const std::vector<SimulatedMoment>& moments = simulation.moments;
  return index + 1 < moments.size() ? moments[index + 1].at : std::max(simulation.to, moments[index].at);
}

double excess(double load, double capacity) {
  const double over = load - capacity;
  return std::isfinite(over) ? over : -std::numeric_limits<double>::infinity();
}

void extend(Violation& violation, const SimulatedMoment& moment, TimePoint end) {
  violation.to = end;
  const double share = std::clamp(moment.violated, 0.0, 1.0);
  violation.lost += Duration{std::llround(share * static_cast<double>((end - moment.at).count()))};
  if (excess(moment.load, moment.capacity) <= excess(violation.load, violation.capacity)) return;
  violation.load = moment.load;
  violation.capacity = moment.capacity;
}

}  // namespace

bool are_comparable(std::span<const Simulation> simulations) {
  return simulations.size() > 1 && all_same(simulations, [](const Simulation& one, const Simulation& other) {
           return one.trace == other.trace && one.from == other.from && one.to == other.to;
         });
}

std::vector<std::string> simulation_titles(std::span<const Simulation> simulations) {
  const bool one_group = all_same(simulations, [](const auto& one, const auto& other) { return one.group == other.group; });
  const bool one_trace = all_same(simulations, [](const auto& one, const auto& other) { return one.trace == other.trace; });
  std::vector<std::string> titles;
  for (const Simulation& each : simulations) {
    titles.push_back(each.name + (one_group ? "" : " " + each.group) + (one_trace ? "" : " over " + each.trace));
  }
  return titles;
}

std::vector<SummaryRow> summary_rows(std::span<const Simulation> simulations) {
  std::vector<SummaryRow> rows;
  const bool priced = std::ranges::any_of(simulations, [](const Simulation& each) { return each.cost.has_value(); });
  for (const Measure& measure : kMeasures) {
    if (measure.name != "cost" || priced) rows.push_back(row_of(simulations, measure));
  }
  rows.push_back(plain_row(simulations, "servers", "fewest and most at a time",
                           [](const Simulation& each) { return fmt::format("{} to {}", each.servers_min, each.servers_max); }));
  rows.push_back(
      plain_row(simulations, "turns", "how often it was decided", [](const Simulation& each) { return grouped(each.turns); }));
  return rows;
}

std::string_view to_string(SimulatedDeploy::End end) {
  switch (end) {
    case SimulatedDeploy::End::done:
      return "done";
    case SimulatedDeploy::End::went_back:
      return "went_back";
    case SimulatedDeploy::End::replaced:
      return "replaced";
    case SimulatedDeploy::End::refused:
      return "refused";
    case SimulatedDeploy::End::none:
      break;
  }
  return "none";
}

std::string deploy_title(const SimulatedDeploy& deploy) {
  if (deploy.end == SimulatedDeploy::End::refused) return deploy.version;
  return fmt::format("{} {} → {}", deploy.strategy, deploy.from, deploy.version);
}

std::string deploy_end_text(const SimulatedDeploy& deploy) {
  const std::string why = deploy.why.empty() ? "" : ": " + deploy.why;
  switch (deploy.end) {
    case SimulatedDeploy::End::done:
      return "done";
    case SimulatedDeploy::End::went_back:
      return fmt::format("went back to {}{}", deploy.from, why);
    case SimulatedDeploy::End::replaced:
      return "another took its place";
    case SimulatedDeploy::End::refused:
      return "refused" + why;
    case SimulatedDeploy::End::none:
      break;
  }
  return "not at its end" + why;
}

std::vector<Violation> longest_violations(const Simulation& simulation, std::size_t most) {
  std::vector<Violation> found;
  bool open = false;
  for (std::size_t index = 0; index < simulation.moments.size(); ++index) {
    const SimulatedMoment& moment = simulation.moments[index];
    const bool violated = moment.violated > 0;
    if (violated && !open) {
      found.push_back({.from = moment.at, .to = moment.at, .load = moment.load, .capacity = moment.capacity});
    }
    if (violated) extend(found.back(), moment, end_of(simulation, index));
    open = violated;
  }
  std::ranges::sort(found, [](const Violation& left, const Violation& right) {
    return left.lost != right.lost ? left.lost > right.lost : left.from < right.from;
  });
  found.resize(std::min(found.size(), most));
  return found;
}

std::string share_text(double share) {
  if (!std::isfinite(share)) return "-";
  if (share > 0 && share < 0.0001) return "<0.01 %";
  return share == 0 ? "0 %" : fmt::format("{:.2f} %", share * 100);
}

std::string amount_text(double amount, int digits) {
  if (!std::isfinite(amount)) return "-";
  const std::string plain = fmt::format("{:.{}f}", std::abs(amount), digits);
  const std::size_t whole = std::min(plain.find('.'), plain.size());
  std::string text = amount < 0 ? "-" : "";
  for (std::size_t index = 0; index < whole; ++index) {
    if (index > 0 && (whole - index) % 3 == 0) text += ',';
    text += plain[index];
  }
  return text + plain.substr(whole);
}

std::string grouped(std::uint64_t number) { return amount_text(static_cast<double>(number), 0); }

std::string span_text(Duration duration) {
  using namespace std::chrono;
  if (duration < seconds{1}) return format_duration(duration);
  return format_duration(duration >= days{1} ? Duration{round<minutes>(duration)} : Duration{round<seconds>(duration)});
}

std::string time_text(TimePoint time) {
  std::string text = format_time(time).substr(0, 19);
  if (const std::size_t middle = text.find('T'); middle != std::string::npos) text[middle] = ' ';
  return text;
}

}  // namespace weir
