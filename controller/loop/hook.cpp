#include "controller/loop/hook.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "model/text.h"
#include "platform/command.h"

namespace weir {
namespace {

/// What is kept of its output: the end, where programs say what went wrong.
constexpr std::size_t kMostSaid = 300;

std::string end_of(const std::string& output) {
  const std::size_t last = output.find_last_not_of(" \r\n\t");
  const std::string text = output.substr(0, last == std::string::npos ? 0 : last + 1);
  const std::size_t line = text.size() > kMostSaid ? text.find('\n', text.size() - kMostSaid) : std::string::npos;
  const std::size_t begin = line != std::string::npos ? line + 1 : text.size() - std::min(text.size(), kMostSaid);
  return quoted_line(std::string_view(text).substr(begin), kMostSaid);
}

Command command_of(const Hook& hook, const Group& group, const Rollout& rollout, HookPoint point) {
  Command command;
  for (const std::string& word : hook.command) {
    command.argv.push_back(filled(word, {{"version", rollout.version}, {"from", rollout.from}, {"group", group.name}}));
  }
  command.environment = {{"WEIR_GROUP", group.name},
                         {"WEIR_VERSION", rollout.version},
                         {"WEIR_OLD_VERSION", rollout.from},
                         {"WEIR_STRATEGY", std::string(to_string(rollout.strategy))},
                         {"WEIR_HOOK", std::string(to_string(point))}};
  return command;
}

}  // namespace

Outcome run_hook(const Group& group, const Rollout& rollout, const HookRun& run, const std::stop_token& stop) {
  Outcome outcome{.kind = Outcome::Kind::hook, .subject = run.token};
  const std::optional<Hook>& hook = group.deploy.hooks.at(run.point);
  if (!hook) return outcome;  // the configuration has none there any more
  const Result<CommandResult> result = run_command(command_of(*hook, group, rollout, run.point), hook->timeout, stop);
  if (!result) {
    outcome.error = result.error();
    return outcome;
  }
  outcome.detail = end_of(result->output);
  if (result->status != 0) {
    outcome.error = Error{ErrorKind::invalid, fmt::format("{} ended with status {}{}{}", hook->command.front(), result->status,
                                                          outcome.detail.empty() ? "" : ": ", outcome.detail)};
  }
  return outcome;
}

}  // namespace weir
