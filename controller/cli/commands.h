#pragma once

#include <filesystem>
#include <string>

#include "model/observation.h"

namespace weir {

/// Exit statuses that scripts rely on.
enum class Exit { ok = 0, error = 1, changes = 2, refused = 3 };

/// Which running controller is meant, and how it is reached, where that is not as the configuration says.
struct ConnectionOptions {
  std::string url;          ///< empty: as the configuration says
  std::string token_file;   ///< empty: a token of the configuration
  std::string ca;           ///< PEM file of the authorities to trust
  std::string certificate;  ///< PEM files, for a controller that asks for a certificate
  std::string key;
};

/// What the commands have in common.
struct CommonOptions {
  std::filesystem::path config = "/etc/weir/weir.yaml";
  bool json = false;
  ConnectionOptions connection = {};
};

/// Each runs one command of the command line, writes to standard output and error, and returns its exit status.
[[nodiscard]] Exit command_run(const CommonOptions& options, const std::string& log_format);

enum class ValidateShow { verdict, schema, reference };
[[nodiscard]] Exit command_validate(const CommonOptions& options, ValidateShow show);

/// `out`: where to write the plan for `apply`; empty: nowhere.
[[nodiscard]] Exit command_plan(const CommonOptions& options, const std::string& group, const std::filesystem::path& out);
[[nodiscard]] Exit command_apply(const CommonOptions& options, const std::filesystem::path& plan);
[[nodiscard]] Exit command_status(const CommonOptions& options, bool watch);
[[nodiscard]] Exit command_explain(const CommonOptions& options, const std::string& group);
[[nodiscard]] Exit command_history(const CommonOptions& options, const std::string& group, int limit);

/// What an operator tells a group. `duration`: how long it holds, as configurations write durations; empty: until resumed.
struct OrderArguments {
  Order::Kind kind = Order::Kind::resume;
  std::string group;
  int servers = 0;   ///< scale only
  bool out = false;  ///< pause only; neither: both
  bool in = false;
  std::string duration;
  std::string version;   ///< deploy only
  std::string strategy;  ///< deploy only; empty: the group's
  bool wait = false;     ///< deploy, promote and abort: until the deploy has ended
};
/// Tells it to the controller that runs, or writes it into the state for the next one.
[[nodiscard]] Exit command_order(const CommonOptions& options, const OrderArguments& arguments);

/// The group's deploy under way, or the last one. Exit status: 1 also if it had none.
[[nodiscard]] Exit command_deploy_status(const CommonOptions& options, const std::string& group);

/// What a deploy would do from now on; nothing is changed. Exit status: 1 also where `weir deploy start` would refuse.
[[nodiscard]] Exit command_deploy_plan(const CommonOptions& options, const OrderArguments& arguments);

enum class OrphanAction { report, remove };
/// Servers that carry a tag of weir's and that nobody here knows. Exit status: 0 there are none, or they were removed; 2 there are
/// some; 1 a provider could not be asked, or a removal did not come to its end.
[[nodiscard]] Exit command_orphans(const CommonOptions& options, OrphanAction action);

/// Sends a message that says it is a test. `receiver`: only this one; empty: all. `event`: which kind it pretends to be.
struct NotifyTestArguments {
  std::string receiver;
  std::string event = "test";
};
/// Exit status: 0 all took it, 1 one did not, or there is none.
[[nodiscard]] Exit command_notify_test(const CommonOptions& options, const NotifyTestArguments& arguments);

/// `from`: hpa or asg. `file`: a path, or - for standard input.
[[nodiscard]] Exit command_import(const std::string& from, const std::string& file, bool json);

}  // namespace weir
