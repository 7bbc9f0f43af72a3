#include "controller/cli/state.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "controller/cli/assemble.h"
#include "controller/cli/console.h"
#include "controller/render/report.h"
#include "controller/render/rfc3339.h"
#include "controller/state/backup.h"

namespace weir {
namespace {

/// Where the state lies; nothing, after saying why, if that is not a file.
std::optional<std::filesystem::path> state_file(const CommonOptions& options) {
  const ConfigDraft draft = load_draft(options.config, process_environment(), builtin_catalogs());
  std::string state = draft.config.controller.state.string();
  if (state.contains(":/")) {
    (void)complain(
        fmt::format("the state at {} is no file, so weir cannot copy it; use the tools of that store, for etcd: etcdctl "
                    "snapshot save",
                    state));
    return std::nullopt;
  }
  if (draft.tells_of_the_controller() && !state.empty()) return state;
  for (const ConfigError& error : draft.errors) (void)std::fprintf(stderr, "%s\n", to_string(error).c_str());
  return std::nullopt;
}

nlohmann::json json_of(const StateSummary& summary) {
  nlohmann::json json = {{"schema", summary.schema}, {"groups", summary.groups}, {"newest", nullptr}};
  if (summary.newest) json["newest"] = format_time(*summary.newest);
  return json;
}

std::string text_of(const StateSummary& summary) {
  const std::string newest = summary.newest ? "last turn at " + clock_text(*summary.newest) : "no turn yet";
  return fmt::format("{} groups, {}", summary.groups, newest);
}

}  // namespace

Exit command_state_backup(const CommonOptions& options, const std::filesystem::path& file, bool replace) {
  const auto state = state_file(options);
  if (!state) return Exit::error;
  const auto done = backup_state(*state, file, replace ? Existing::replace : Existing::keep);
  if (!done) return complain("no backup was made: " + done.error().message);
  if (options.json) {
    nlohmann::json told = json_of(*done);
    told["file"] = file.string();
    print(told.dump());
    return Exit::ok;
  }
  print(fmt::format("{}: a checked copy of {} ({})", file.string(), state->string(), text_of(*done)));
  return Exit::ok;
}

Exit command_state_restore(const CommonOptions& options, const std::filesystem::path& file) {
  const auto state = state_file(options);
  if (!state) return Exit::error;
  const auto done = restore_state(file, *state, SystemClock().now());
  if (!done) {
    const bool held = done.error().message.contains("another weir controller");
    return complain(fmt::format("nothing was restored: {}{}", done.error().message,
                                held ? "; stop it first (systemctl stop weir), restore, and start it again" : ""));
  }
  if (options.json) {
    nlohmann::json told = json_of(done->summary);
    told["file"] = file.string();
    told["kept"] = done->kept.empty() ? nlohmann::json() : nlohmann::json(done->kept.string());
    print(told.dump());
    return Exit::ok;
  }
  print(fmt::format("{}: restored from {} ({})", state->string(), file.string(), text_of(done->summary)));
  if (!done->kept.empty()) print(fmt::format("what was there is kept as {}", done->kept.string()));
  print("look at `weir plan` before `weir run`: it remembers nothing that happened since");
  return Exit::ok;
}

}  // namespace weir
