#include "controller/loop/hook.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sysexits.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "model/text.h"
#include "platform/command.h"

namespace weir {
namespace {

/// What is kept of its output: the end, where programs say what went wrong.
constexpr std::size_t kMostSaid = 300;
constexpr std::size_t kMostAnswer = std::size_t{1} << 20;
/// RFC 8470 5.2 and RFC 9110 15.6.4: not now.
constexpr int kTooEarly = 425;
constexpr int kUnavailable = 503;

std::string end_of(const std::string& output) {
  const std::size_t last = output.find_last_not_of(" \r\n\t");
  const std::string text = output.substr(0, last == std::string::npos ? 0 : last + 1);
  const std::size_t line = text.size() > kMostSaid ? text.find('\n', text.size() - kMostSaid) : std::string::npos;
  const std::size_t begin = line != std::string::npos ? line + 1 : text.size() - std::min(text.size(), kMostSaid);
  return quoted_line(std::string_view(text).substr(begin), kMostSaid);
}

/// Of the version it brings, those that can be tried: also the ones that get no traffic yet.
std::vector<std::string> healthy_servers(const Record& record) {
  std::vector<std::string> addresses;
  for (const Server& server : record.servers) {
    const bool can = server.version == record.rollout->version && server.health.status == HealthStatus::healthy;
    if (can && !server.address.empty() && server.phase != Phase::terminating) addresses.push_back(server.address);
  }
  return addresses;
}

Command command_of(const Hook& hook, const Group& group, const Record& record, HookPoint point) {
  const Rollout& rollout = *record.rollout;
  Command command;
  for (const std::string& word : hook.command) {
    command.argv.push_back(filled(word, {{"version", rollout.version}, {"from", rollout.from}, {"group", group.name}}));
  }
  command.environment = {{"WEIR_GROUP", group.name},
                         {"WEIR_VERSION", rollout.version},
                         {"WEIR_OLD_VERSION", rollout.from},
                         {"WEIR_STRATEGY", std::string(to_string(rollout.strategy))},
                         {"WEIR_HOOK", std::string(to_string(point))},
                         {"WEIR_SERVERS", fmt::format("{}", fmt::join(healthy_servers(record), " "))}};
  return command;
}

/// What came of a run that ended by itself: `how` for people, if it has not succeeded.
Outcome outcome_of(const HookRun& run, const std::string& output, bool succeeded, bool asks_to_wait, const std::string& how) {
  Outcome outcome{.kind = Outcome::Kind::hook, .subject = run.token, .detail = end_of(output), .asks_to_wait = asks_to_wait};
  if (succeeded || asks_to_wait) return outcome;
  outcome.error = Error{ErrorKind::invalid, fmt::format("{}{}{}", how, outcome.detail.empty() ? "" : ": ", outcome.detail)};
  return outcome;
}

Outcome failed(const HookRun& run, Error error) {
  return {.kind = Outcome::Kind::hook, .subject = run.token, .error = std::move(error)};
}

Outcome ask(const Hook& hook, const Group& group, const Record& record, const HookRun& run, HttpClient& http,
            const std::stop_token& stop) {
  const Rollout& rollout = *record.rollout;
  HttpRequest request;
  request.method = "POST";
  request.url =
      filled(hook.url,
             {{"version", url_encoded(rollout.version)}, {"from", url_encoded(rollout.from)}, {"group", url_encoded(group.name)}});
  request.content_type = "application/json";
  request.body = nlohmann::json{{"group", group.name},          {"version", rollout.version},
                                {"old_version", rollout.from},  {"strategy", to_string(rollout.strategy)},
                                {"hook", to_string(run.point)}, {"servers", healthy_servers(record)}}
                     .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  request.timeout = hook.timeout;
  request.max_body = kMostAnswer;
  const Result<HttpResponse> response = http.fetch(std::move(request), stop);
  if (!response) return failed(run, response.error());
  const bool succeeded = response->status >= 200 && response->status < 300;
  const bool asks_to_wait = response->status == kTooEarly || response->status == kUnavailable;
  return outcome_of(run, response->body, succeeded, asks_to_wait,
                    fmt::format("{} answered {}", redacted_url(hook.url), response->status));
}

}  // namespace

Outcome run_hook(const Group& group, const Record& record, const HookRun& run, HttpClient* http, const std::stop_token& stop) {
  const std::optional<Hook>& hook = group.deploy.hooks.at(run.point);
  if (!hook) return {.kind = Outcome::Kind::hook, .subject = run.token};  // the configuration has none there any more
  if (hook->command.empty()) return ask(*hook, group, record, run, *http, stop);
  const Result<CommandResult> result = run_command(command_of(*hook, group, record, run.point), hook->timeout, stop);
  if (!result) return failed(run, result.error());
  return outcome_of(run, result->output, result->status == 0, result->status == EX_TEMPFAIL,
                    fmt::format("{} ended with status {}", hook->command.front(), result->status));
}

}  // namespace weir
