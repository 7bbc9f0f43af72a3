#include "controller/render/deploys.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "controller/render/table.h"

namespace weir {
namespace {

using Direction = Rollout::Direction;
using End = Rollout::End;

bool is_going_back(const Rollout& rollout) { return rollout.direction == Direction::back; }

/// What all servers run in the end.
const std::string& goal_of(const Rollout& rollout) { return is_going_back(rollout) ? rollout.from : rollout.version; }

std::string age(TimePoint then, TimePoint now) { return age_text(then, now) + " ago"; }

std::string progress_text(const Rollout& rollout, std::span<const Server> servers, std::optional<int> size) {
  const auto serving = std::ranges::count_if(
      servers, [&](const Server& server) { return server.phase == Phase::in_service && server.version == goal_of(rollout); });
  const auto leaving = [](const Server& server) { return server.phase == Phase::draining || server.phase == Phase::terminating; };
  const auto there = static_cast<int>(servers.size()) - static_cast<int>(std::ranges::count_if(servers, leaving));
  return fmt::format("{} of {} servers", serving, size.value_or(there));
}

std::string by_text(const Rollout& rollout) { return rollout.by.empty() ? "" : " by " + printable(rollout.by); }

int& count_of(VersionCount& count, Phase phase) {
  switch (phase) {
    case Phase::pending:
      return count.pending;
    case Phase::warming:
      return count.warming;
    case Phase::in_service:
      return count.in_service;
    case Phase::draining:
      return count.draining;
    case Phase::terminating:
      return count.terminating;
  }
  std::abort();
}

std::string hook_text(const HookRun& run, TimePoint now) {
  if (!run.ended_at) return fmt::format("{} runs since {}", to_string(run.point), age(run.started_at, now));
  const std::string_view how = run.asks_to_wait ? "asks to wait" : run.failed ? "failed" : "done";
  return fmt::format("{} {} {}{}{}", to_string(run.point), how, age(*run.ended_at, now), run.said.empty() ? "" : ": ",
                     printable(run.said));
}

std::string versions_text(std::span<const Server> servers, const Rollout& rollout) {
  Table table({"VERSION", "PENDING", "WARMING", "IN_SERVICE", "DRAINING", "TERMINATING"});
  for (const VersionCount& count : count_versions(servers, rollout)) {
    table.add({count.version.empty() ? "-" : printable(count.version), std::to_string(count.pending), std::to_string(count.warming),
               std::to_string(count.in_service), std::to_string(count.draining), std::to_string(count.terminating)});
  }
  return table.text("  ", "", "");
}

}  // namespace

std::vector<VersionCount> count_versions(std::span<const Server> servers, const Rollout& rollout) {
  std::vector<VersionCount> counts;
  const auto at = [&counts](const std::string& version) -> VersionCount& {
    const auto place = std::ranges::lower_bound(counts, version, {}, &VersionCount::version);
    if (place != counts.end() && place->version == version) return *place;
    return *counts.insert(place, VersionCount{.version = version});
  };
  (void)at(rollout.from);
  (void)at(rollout.version);
  for (const Server& server : servers) ++count_of(at(server.version), server.phase);
  return counts;
}

std::string deploy_headline(const Rollout& rollout) {
  const std::string from = printable(rollout.from);
  const std::string version = printable(rollout.version);
  if (rollout.end == End::done) return version + " done";
  if (rollout.end == End::went_back) return fmt::format("{} went back to {}: {}", version, from, printable(rollout.why_back));
  if (is_going_back(rollout)) return fmt::format("going back from {} to {}: {}", version, from, printable(rollout.why_back));
  return fmt::format("{} {} → {}", to_string(rollout.strategy), from, version);
}

std::string deploy_text(const Rollout& rollout, std::span<const Server> servers, std::optional<int> size, TimePoint now) {
  std::string text = deploy_headline(rollout);
  if (rollout.ended_at) return fmt::format("{}, started{} {}", text, by_text(rollout), age(rollout.started_at, now));
  text += ", " + progress_text(rollout, servers, size);
  if (rollout.reached_at) text += ", soaking " + age_text(*rollout.reached_at, now);
  if (!rollout.waits.empty()) text += ", waits: " + printable(rollout.waits);
  if (rollout.failures > 0) text += fmt::format(", {} failed", rollout.failures);
  return text + fmt::format(", started{} {}", by_text(rollout), age(rollout.started_at, now));
}

void write_judge(JsonWriter& out, const JudgeMemory& judge) {
  if (judge == JudgeMemory{}) return;
  out.key("judge");
  out.begin_object();
  out.field_if("judged_at", judge.judged_at);
  out.field_if("inconclusive_since", judge.inconclusive_since);
  out.field_if("bad", judge.bad);
  out.field_if("why", judge.why);
  out.end_object();
}

void write_hooks(JsonWriter& out, const std::vector<HookRun>& hooks) {
  if (hooks.empty()) return;
  out.key("hooks");
  out.begin_array();
  for (const HookRun& run : hooks) {
    out.begin_object();
    out.field("point", to_string(run.point));
    out.field("token", run.token);
    if (run.about > 0) out.field("about", run.about);
    out.field("started_at", run.started_at);
    out.field_if("ended_at", run.ended_at);
    if (run.failed) out.field("failed", true);
    if (run.asks_to_wait) out.field("asks_to_wait", true);
    out.field_if("said", run.said);
    out.end_object();
  }
  out.end_array();
}

void write_deploy(JsonWriter& out, const Rollout& rollout) {
  out.field("version", rollout.version);
  out.field("from", rollout.from);
  if (!rollout.replaced.empty()) {
    out.key("replaced");
    out.begin_array();
    for (const std::string& version : rollout.replaced) out.value(version);
    out.end_array();
  }
  out.field("strategy", to_string(rollout.strategy));
  out.field("by", rollout.by);
  out.field("started_at", rollout.started_at);
  out.field("direction", to_string(rollout.direction));
  out.field_if("why_back", rollout.why_back);
  out.field("step", rollout.step);
  if (rollout.passed > 0) out.field("passed", rollout.passed);
  out.field_if("reached_at", rollout.reached_at);
  out.field_if("share", rollout.share);
  out.field_if("replaced_share", rollout.replaced_share);
  out.field_if("blocked_at", rollout.blocked_at);
  if (rollout.promoted) out.field("promoted", true);
  out.field_if("trusted_at", rollout.trusted_at);
  out.field("progressed_at", rollout.progressed_at);
  out.field_if("moved", rollout.moved);
  out.field("failures", rollout.failures);
  out.field_if("last_failure", rollout.last_failure);
  write_judge(out, rollout.judge);
  write_hooks(out, rollout.hooks);
  out.field_if("ended_at", rollout.ended_at);
  out.field("end", to_string(rollout.end));
  out.field_if("waits", rollout.waits);
  if (rollout.at_checkpoint) out.field("at_checkpoint", true);
}

std::string deploy_json(const GroupStatus& status) {
  const Rollout& rollout = *status.rollout;
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("group", status.name);
  write_deploy(out, rollout);
  out.key("servers");
  out.begin_array();
  for (const VersionCount& count : count_versions(status.servers, rollout)) {
    out.begin_object();
    out.field("version", count.version);
    out.field("pending", count.pending);
    out.field("warming", count.warming);
    out.field("in_service", count.in_service);
    out.field("draining", count.draining);
    out.field("terminating", count.terminating);
    out.end_object();
  }
  out.end_array();
  out.end_object();
  return text;
}

std::string deploy_status_text(const GroupStatus& status, TimePoint now) {
  const Rollout& rollout = *status.rollout;
  std::string text = fmt::format("{}: {}\n", status.name, deploy_headline(rollout));
  const auto line = [&text](std::string_view name, const std::string& what) { text += fmt::format("  {:<11}  {}\n", name, what); };
  const auto moment = [now](TimePoint time) { return fmt::format("{} ({})", clock_text(time), age(time, now)); };
  line("strategy", std::string(to_string(rollout.strategy)));
  line("versions", fmt::format("{} → {}", printable(rollout.from), printable(rollout.version)));
  line("direction", std::string(to_string(rollout.direction)));
  for (const std::string& replaced : rollout.replaced) line("replaced", printable(replaced));
  line("started", moment(rollout.started_at) + by_text(rollout));
  if (!rollout.ended_at) line("progressed", moment(rollout.progressed_at));
  line("step", std::to_string(rollout.step));
  if (!rollout.ended_at && rollout.reached_at) line("soaking", "since " + moment(*rollout.reached_at));
  if (!rollout.ended_at && rollout.promoted) line("promoted", "yes: the next wait is skipped");
  if (!rollout.ended_at && !rollout.waits.empty()) line("waits", printable(rollout.waits));
  if (!rollout.ended_at && rollout.judge.judged_at) {
    line("judge", fmt::format("{}: {}", moment(*rollout.judge.judged_at), printable(rollout.judge.why)));
  }
  for (const HookRun& run : rollout.hooks) line("hook", hook_text(run, now));
  line("failures", std::to_string(rollout.failures));
  if (!rollout.why_back.empty()) line("why back", printable(rollout.why_back));
  if (rollout.ended_at) line("ended", fmt::format("{}, {}", to_string(rollout.end), moment(*rollout.ended_at)));
  return text + "\n" + versions_text(status.servers, rollout);
}

}  // namespace weir
