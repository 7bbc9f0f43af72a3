#include "providers/exec/exec.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "platform/api_client.h"
#include "providers/exec/conversation.h"
#include "providers/protocol.h"

namespace weir {
namespace {

/// What the program inherits from weir's own environment. Not all of it: weir's may hold secrets.
constexpr const char* kInherited[] = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"};

constexpr Key kProviderKeys[] = {
    {.name = "command",
     .type = KeyType::command,
     .doc = "The program and its arguments, without a shell. It reads requests and writes answers, a line of JSON each, until its "
            "input ends.",
     .required = true},
    {.name = "timeout",
     .type = KeyType::duration,
     .doc = "How long one request may take.",
     .fallback = "30s",
     .minimum = 0.1,
     .maximum = 3600},
    {.name = "stop_grace",
     .type = KeyType::duration,
     .doc = "How long the program may take to end after the end of its input, and again after SIGTERM, before it gets SIGKILL.",
     .fallback = "5s",
     .minimum = 0,
     .maximum = 600},
    {.name = "env",
     .type = KeyType::text_map,
     .doc = "Environment variables of the program, besides PATH, HOME, USER, LOGNAME, SHELL, LANG, LC_ALL, TZ and TMPDIR of weir."},
    {.name = kRestKey, .type = KeyType::rest, .doc = "All other keys are the program's own: it gets them with the greeting."},
};

constexpr Key kServerKeys[] = {
    {.name = kRestKey,
     .type = KeyType::rest,
     .doc = "All keys are the program's own: it gets them with every request about the group."},
};

std::vector<std::string> environment_of(const Settings& provider) {
  std::map<std::string, std::string> variables = provider.text_map("env");
  for (const char* name : kInherited) {
    if (const char* value = std::getenv(name)) variables.try_emplace(name, value);
  }
  std::vector<std::string> environment;
  for (const auto& [name, value] : variables) environment.push_back(fmt::format("{}={}", name, value));
  return environment;
}

class ExecProvider final : public Provider {
 public:
  ExecProvider(const Settings& provider, const ProviderContext& context, const ExecProviderOptions& options)
      : name_(context.name),
        program_(provider.texts("command").front()),
        network_(context.network),
        conversation_({.command = provider.texts("command"),
                       .environment = environment_of(provider),
                       .hello = protocol::hello_members(context, provider),
                       .protocol = protocol::kVersion,
                       .timeout = provider.duration("timeout"),
                       .grace = provider.duration("stop_grace"),
                       .longest_line = options.longest_line,
                       .breaker = options.breaker},
                      context.network != nullptr ? context.network->clock : own_clock_) {}

  Result<std::vector<Server>> list(std::span<const Group* const> groups, std::stop_token stop) override {
    return ask<std::vector<Server>>("list", protocol::list_members(groups), stop, protocol::servers_from);
  }

  Result<Server> launch(const LaunchRequest& request, std::stop_token stop) override {
    return ask<Server>("launch", protocol::launch_members(request), stop,
                       [&](const nlohmann::json& answer) { return protocol::launched_from(answer, request); });
  }

  Result<void> terminate(const Group& group, const std::string& server, std::stop_token stop) override {
    return ask<void>("terminate", protocol::terminate_members(group, server), stop, protocol::terminated_from);
  }

 private:
  template <typename T, typename Read>
  Result<T> ask(const char* verb, const std::string& members, const std::stop_token& stop, const Read& read) {
    const auto begin = std::chrono::steady_clock::now();
    const Result<nlohmann::json> answer = conversation_.ask(members, stop);
    Result<T> result = answer ? read(*answer) : Result<T>(std::unexpected(answer.error()));
    if (!result) result.error().message = fmt::format("{}: {}: {}", name_, verb, result.error().message);
    const std::string_view outcome = !answer ? "no_answer" : (result ? "ok" : "refused");
    tell(verb, outcome, result ? "" : result.error().message,
         std::chrono::floor<Duration>(std::chrono::steady_clock::now() - begin));
    return result;
  }

  void tell(const char* verb, std::string_view outcome, std::string detail, Duration elapsed) const {
    if (network_ == nullptr || !network_->told) return;
    network_->told({.api = name_,
                    .operation = verb,
                    .method = "exec",
                    .url = program_,
                    .outcome = outcome,
                    .detail = std::move(detail),
                    .elapsed = elapsed});
  }

  const std::string name_;
  const std::string program_;
  Network* const network_;
  WaitingClock own_clock_;
  Conversation conversation_;
};

// NOLINTNEXTLINE(performance-unnecessary-value-param): the catalog's signature
Result<std::unique_ptr<Provider>> make(const Settings& provider, ProviderContext context) {
  std::error_code error;
  std::filesystem::create_directories(context.state_directory, error);
  if (error) {
    return failure(ErrorKind::unavailable, fmt::format("cannot create {}: {}", context.state_directory.string(), error.message()));
  }
  return make_exec_provider(provider, context);
}

}  // namespace

std::unique_ptr<Provider> make_exec_provider(const Settings& provider, const ProviderContext& context,
                                             const ExecProviderOptions& options) {
  return std::make_unique<ExecProvider>(provider, context, options);
}

ProviderType exec_provider_type() {
  return {.name = "exec",
          .doc = "A program of your own makes the servers: it is asked in lines of JSON.",
          .provider_keys = kProviderKeys,
          .server_keys = kServerKeys,
          .abilities = {.reports_paid_until = true, .tested_against = "programs in sh and Python"},
          .make = make};
}

}  // namespace weir
