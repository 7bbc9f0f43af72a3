#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/cli/commands.h"
#include "controller/config/values.h"

namespace {

using weir::CommonOptions;
using weir::Exit;

/// What a subcommand parsed into, so that it outlives the parsing.
struct Arguments {
  CommonOptions common;
  std::string log_format;
  std::string group;
  std::string out;
  std::string plan;
  std::string from;
  std::string file;
  bool schema = false;
  bool reference = false;
  bool watch = false;
  int limit = 20;
};

using Command = std::function<Exit()>;

CLI::App* add_command(CLI::App& app, Arguments& arguments, const std::string& name, const std::string& what) {
  CLI::App* command = app.add_subcommand(name, what);
  command->add_option("-c,--config", arguments.common.config, "The configuration file; without it the one WEIR_CONFIG names")
      ->capture_default_str();
  command->add_flag("--json", arguments.common.json, "Write JSON instead of text");
  return command;
}

void add_service_commands(CLI::App& app, Arguments& arguments, Command& chosen) {
  CLI::App* run = add_command(app, arguments, "run", "Run the controller: SIGHUP reads the configuration again, SIGTERM stops it");
  run->add_option("--log-format", arguments.log_format, "text or json; else as configured")->check(CLI::IsMember({"text", "json"}));
  run->callback([&] {
    chosen = [&] {
      const bool json = arguments.log_format.empty() && arguments.common.json;
      return weir::command_run(arguments.common, json ? "json" : arguments.log_format);
    };
  });

  CLI::App* validate =
      add_command(app, arguments, "validate", "Check the configuration: all errors at once, then policies against each other");
  CLI::Option* schema = validate->add_flag("--schema", arguments.schema, "Print the JSON Schema of the configuration, for editors");
  validate->add_flag("--reference", arguments.reference, "Print the reference of all keys, in Markdown")->excludes(schema);
  validate->callback([&] {
    chosen = [&] {
      weir::ValidateShow show = weir::ValidateShow::verdict;
      if (arguments.schema) show = weir::ValidateShow::schema;
      if (arguments.reference) show = weir::ValidateShow::reference;
      return weir::command_validate(arguments.common, show);
    };
  });
}

void add_plan_commands(CLI::App& app, Arguments& arguments, Command& chosen) {
  CLI::App* plan = add_command(app, arguments, "plan",
                               "Show what would happen now, and change nothing. Exit status: 0 nothing, 2 changes, 1 error");
  plan->add_option("--group", arguments.group, "Only this group");
  plan->add_option("--out", arguments.out, "Also write the plan to this file, for apply");
  plan->callback([&] { chosen = [&] { return weir::command_plan(arguments.common, arguments.group, arguments.out); }; });

  CLI::App* apply = app.add_subcommand(
      "apply",
      "Do exactly what a plan says, with the configuration it names, or refuse (exit status 3): the world moved, or weir runs");
  apply->add_flag("--json", arguments.common.json, "Write JSON instead of text");
  apply->add_option("plan", arguments.plan, "A file that `weir plan --out` wrote")->required();
  apply->callback([&] { chosen = [&] { return weir::command_apply(arguments.common, arguments.plan); }; });
}

void add_question_commands(CLI::App& app, Arguments& arguments, Command& chosen) {
  CLI::App* status = add_command(app, arguments, "status", "What every group is doing");
  status->add_flag("-w,--watch", arguments.watch, "Again every second, until interrupted");
  status->callback([&] { chosen = [&] { return weir::command_status(arguments.common, arguments.watch); }; });

  CLI::App* explain = add_command(app, arguments, "explain", "Why a group has the size it has: the last turn in full");
  explain->add_option("group", arguments.group, "The group's name")->required();
  explain->callback([&] { chosen = [&] { return weir::command_explain(arguments.common, arguments.group); }; });

  CLI::App* history = add_command(app, arguments, "history", "What a group did, newest first");
  history->add_option("group", arguments.group, "The group's name")->required();
  history->add_option("--limit", arguments.limit, "At most so many changes")->check(CLI::Range(1, 10'000))->capture_default_str();
  history->callback([&] { chosen = [&] { return weir::command_history(arguments.common, arguments.group, arguments.limit); }; });
}

void add_import_command(CLI::App& app, Arguments& arguments, Command& chosen) {
  CLI::App* import = app.add_subcommand(
      "import", "Turn a Kubernetes HPA manifest or AWS scaling policies into groups of a configuration, and say what does not fit");
  import->add_flag("--json", arguments.common.json, "Write JSON instead of YAML");
  import->add_option("from", arguments.from, "hpa: Kubernetes HorizontalPodAutoscaler; asg: AWS Auto Scaling or CloudFormation")
      ->required()
      ->check(CLI::IsMember({"hpa", "asg"}));
  import->add_option("file", arguments.file, "The file, YAML or JSON; - reads standard input")->required();
  import->callback([&] { chosen = [&] { return weir::command_import(arguments.from, arguments.file, arguments.common.json); }; });
}

bool is_command(const CLI::App& app, const std::string& word) {
  return std::ranges::any_of(app.get_subcommands({}), [&](const CLI::App* command) { return command->get_name() == word; });
}

int unknown_command(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  const std::string_view close = weir::nearest(word, {names.begin(), names.end()});
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  const std::string advice = close.empty() ? "there are: " + all : "did you mean '" + std::string(close) + "'?";
  (void)std::fprintf(stderr, "weir: no command '%s'; %s\n", word.c_str(), advice.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("weir keeps a fleet of app servers at the size its traffic needs.", "weir");
  app.set_version_flag("--version", "weir " WEIR_VERSION);
  app.require_subcommand(1);
  Arguments arguments;
  if (const char* file = std::getenv("WEIR_CONFIG"); file != nullptr && *file != '\0') arguments.common.config = file;
  Command chosen;
  add_service_commands(app, arguments, chosen);
  add_plan_commands(app, arguments, chosen);
  add_question_commands(app, arguments, chosen);
  add_import_command(app, arguments, chosen);
  if (argc > 1 && argv[1][0] != '-' && !is_command(app, argv[1])) return unknown_command(app, argv[1]);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are no errors; everything else is status 1, whatever number the library gives it.
    return app.exit(error) == 0 ? 0 : 1;
  }
  return static_cast<int>(chosen());
}
