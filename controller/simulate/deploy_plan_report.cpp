#include <fmt/format.h>

#include <chrono>

#include "controller/render/deploys.h"
#include "controller/render/json_writer.h"
#include "controller/render/table.h"
#include "controller/simulate/deploy_plan.h"
#include "controller/simulate/summary.h"

namespace weir {
namespace {

std::string to_the_second(Duration duration) { return format_duration(std::chrono::floor<std::chrono::seconds>(duration)); }

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string why_text(const DeployStep& step) {
  return step.weight > 0 ? fmt::format("weight {}: {}", step.weight, step.why) : step.why;
}

std::string end_text(const DeployPlan& plan) {
  const Rollout& rollout = plan.rollout;
  if (is_active(rollout)) return fmt::format("not at its end after {}, waits: {}", to_the_second(plan.length), rollout.waits);
  return deploy_headline(rollout);
}

}  // namespace

std::string deploy_plan_text(const DeployPlan& plan, Colour colour) {
  const bool on = colour == Colour::on;
  const Rollout& rollout = plan.rollout;
  std::string text = printable(fmt::format("{}: {} {} → {}, from the servers of now, at {} of them and a constant load", plan.group,
                                           to_string(rollout.strategy), rollout.from, rollout.version, plan.size));
  text +=
      fmt::format("\n  - a new server serves {} after its launch{}\n", span_text(plan.boot),
                  plan.boot_is_learned ? ", as the slowest of the last ones did" : ": no launch is known yet, so that is a guess");
  if (plan.is_judged) text += "  - the judge is taken to be content\n";
  Table table({"AFTER", "WHAT", "SERVER", "VERSION", "WHY"});
  for (const DeployStep& step : plan.steps) {
    table.add({to_the_second(step.after), std::string(step.what), step.server.empty() ? "-" : printable(step.server),
               step.version.empty() ? "-" : printable(step.version), printable(why_text(step))});
  }
  table.add({to_the_second(plan.length), "end", "-", "-", printable(end_text(plan))});
  text += "\n" + table.text("  ", on ? "\x1b[2m" : "", on ? "\x1b[0m" : "");
  return text + fmt::format("\ntakes {}; at most {} servers at once, at least {} in service; nothing was changed\n",
                            to_the_second(plan.length), plan.servers_max, plan.in_service_min);
}

std::string deploy_plan_json(const DeployPlan& plan) {
  const Rollout& rollout = plan.rollout;
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("group", plan.group);
  out.field("at", plan.at);
  out.field("version", rollout.version);
  out.field("from", rollout.from);
  out.field("strategy", to_string(rollout.strategy));
  out.field("size", plan.size);
  out.field("boot", seconds(plan.boot));
  out.field("boot_is_learned", plan.boot_is_learned);
  out.key("steps");
  out.begin_array();
  for (const DeployStep& step : plan.steps) {
    out.begin_object();
    out.field("after", seconds(step.after));
    out.field("what", step.what);
    if (!step.server.empty()) out.field("server", step.server);
    if (!step.version.empty()) out.field("version", step.version);
    if (step.weight > 0) out.field("weight", step.weight);
    out.field("why", step.why);
    out.end_object();
  }
  out.end_array();
  out.field("end", to_string(rollout.end));
  out.field_if("why_back", rollout.why_back);
  out.field_if("waits", rollout.waits);
  out.field("takes", seconds(plan.length));
  out.field("servers_max", plan.servers_max);
  out.field("in_service_min", plan.in_service_min);
  out.end_object();
  return text;
}

}  // namespace weir
