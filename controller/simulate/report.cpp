#include "controller/simulate/report.h"

#include <fmt/format.h>

#include "controller/render/json_writer.h"

namespace weir {
namespace {

double seconds_from(const Simulation& simulation, TimePoint time) {
  return std::chrono::duration<double>(time - simulation.from).count();
}

void write_texts(JsonWriter& out, std::string_view name, const std::vector<std::string>& texts) {
  out.key(name);
  out.begin_array();
  for (const std::string& text : texts) out.value(text);
  out.end_array();
}

void write_results(JsonWriter& out, const Simulation& simulation) {
  out.field("servers_hours", simulation.servers_hours);
  out.field("violation_ratio", simulation.violation_ratio);
  out.field("hot_ratio", simulation.hot_ratio);
  out.field("lost_ratio", simulation.lost_ratio);
  out.field("slo_minutes_lost", std::chrono::duration<double, std::ratio<60>>(simulation.slo_lost).count());
  out.field("scale_actions", simulation.scale_actions);
  out.field("flaps", simulation.flaps);
  out.field("servers_min", simulation.servers_min);
  out.field("servers_max", simulation.servers_max);
  out.field("cost", simulation.cost);
  out.field("currency", simulation.cost ? std::optional(simulation.currency) : std::nullopt);
}

void write_decisions(JsonWriter& out, const Simulation& simulation) {
  out.key("decisions");
  out.begin_array();
  for (const SimulatedDecision& decision : simulation.decisions) {
    out.begin_object();
    out.field("t", seconds_from(simulation, decision.at));
    out.field("at", decision.at);
    out.field("from", decision.from);
    out.field("to", decision.to);
    out.field("why", decision.why);
    out.end_object();
  }
  out.end_array();
}

void write_times(JsonWriter& out, const Simulation& simulation) {
  out.key("faults");
  out.begin_array();
  for (const SimulatedFault& fault : simulation.faults) {
    out.begin_object();
    out.field("from", fault.from);
    out.field("to", fault.to);
    out.field("what", fault.what);
    out.end_object();
  }
  out.end_array();
  out.key("gaps");
  out.begin_array();
  for (const auto& [from, to] : simulation.gaps) {
    out.begin_object();
    out.field("from", from);
    out.field("to", to);
    out.end_object();
  }
  out.end_array();
}

void write_deploys(JsonWriter& out, const Simulation& simulation) {
  out.key("deploys");
  out.begin_array();
  for (const SimulatedDeploy& deploy : simulation.deploys) {
    const bool ended = deploy.end != SimulatedDeploy::End::none;
    out.begin_object();
    out.field("version", deploy.version);
    out.field("from", deploy.from);
    out.field("strategy", deploy.strategy);
    out.field("started_at", deploy.started_at);
    out.field("ended_at", ended ? std::optional(deploy.ended_at) : std::nullopt);
    out.field("end", to_string(deploy.end));
    out.field("why", deploy.why);
    out.field("servers_max", deploy.servers_max);
    out.field("in_service_min", deploy.in_service_min);
    out.field("lost_ratio", deploy.lost_ratio);
    out.end_object();
  }
  out.end_array();
}

void write(JsonWriter& out, const Simulation& simulation) {
  out.begin_object();
  out.field("name", simulation.name);
  out.field("group", simulation.group);
  out.field("trace", simulation.trace);
  out.field("from", simulation.from);
  out.field("to", simulation.to);
  out.field("turns", simulation.turns);
  write_results(out, simulation);
  write_texts(out, "assumptions", simulation.assumptions);
  write_texts(out, "notes", simulation.notes);
  write_times(out, simulation);
  write_deploys(out, simulation);
  write_decisions(out, simulation);
  out.end_object();
}

/// What was desired before anything was decided.
int first_desired(const Simulation& simulation) {
  if (!simulation.decisions.empty()) return simulation.decisions.front().from;
  return simulation.moments.empty() ? simulation.servers_min : simulation.moments.front().desired;
}

}  // namespace

std::string simulation_json(std::span<const Simulation> simulations) {
  std::string text;
  JsonWriter out(text);
  if (simulations.size() == 1) {
    write(out, simulations.front());
    return text;
  }
  out.begin_object();
  out.key("simulations");
  out.begin_array();
  for (const Simulation& each : simulations) write(out, each);
  out.end_array();
  out.end_object();
  return text;
}

std::string decisions_csv(const Simulation& simulation) {
  std::vector<std::pair<double, int>> changes = {{0, first_desired(simulation)}};
  for (const SimulatedDecision& decision : simulation.decisions) {
    const double seconds = std::max(0.0, seconds_from(simulation, decision.at));
    if (changes.back().first == seconds) {
      changes.back().second = decision.to;
    } else {
      changes.emplace_back(seconds, decision.to);
    }
  }
  std::string text = "t,desired\n";
  std::optional<int> before;
  for (const auto& [seconds, desired] : changes) {
    if (before != desired) text += fmt::format("{},{}\n", seconds, desired);
    before = desired;
  }
  return text;
}

}  // namespace weir
