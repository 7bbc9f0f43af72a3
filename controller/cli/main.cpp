#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/cli/commands.h"
#include "controller/cli/describe.h"
#include "controller/cli/manual.h"
#include "controller/cli/simulate.h"
#include "controller/cli/state.h"
#include "controller/cli/test.h"
#include "controller/cli/tune.h"
#include "controller/config/values.h"
#include "model/limits.h"

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
  std::string what;
  bool schema = false;
  bool reference = false;
  bool watch = false;
  bool remove = false;
  bool replace = false;
  int limit = 20;
  weir::OrderArguments order;
  weir::SimulateArguments simulate;
  weir::TuneArguments tune;
  std::vector<std::filesystem::path> tests;
  weir::NotifyTestArguments notify;
};

using Command = std::function<Exit()>;

CLI::App* add_command(CLI::App& app, Arguments& arguments, const std::string& name, const std::string& what) {
  CLI::App* command = app.add_subcommand(name, what);
  command->add_option("-c,--config", arguments.common.config, "The configuration file; without it the one WEIR_CONFIG names")
      ->type_name("FILE")
      ->capture_default_str();
  command->add_flag("--json", arguments.common.json, "Write JSON instead of text");
  return command;
}

/// For the commands that a controller which runs can answer.
void add_connection_options(CLI::App& command, Arguments& arguments) {
  weir::ConnectionOptions& told = arguments.common.connection;
  command.add_option("--url", told.url, "The controller: https://HOST:PORT; without it the one of the configuration");
  command.add_option("--token-file", told.token_file, "The file of the API token; without it as the configuration says");
  command.add_option("--ca", told.ca, "PEM file of the authorities to trust");
  command.add_option("--certificate", told.certificate, "PEM file to show to a controller that asks who we are; with --key");
  command.add_option("--key", told.key, "PEM file of its private key");
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
  plan->add_option("--group", arguments.group, "Only this group")->type_name("GROUP");
  plan->add_option("--out", arguments.out, "Also write the plan to this file, for apply")->type_name("FILE");
  plan->callback([&] { chosen = [&] { return weir::command_plan(arguments.common, arguments.group, arguments.out); }; });

  CLI::App* apply = app.add_subcommand(
      "apply",
      "Do exactly what a plan says, with the configuration it names, or refuse (exit status 3): the world moved, or weir runs");
  apply->add_flag("--json", arguments.common.json, "Write JSON instead of text");
  apply->add_option("plan", arguments.plan, "A file that `weir plan --out` wrote")->type_name("FILE")->required();
  apply->callback([&] { chosen = [&] { return weir::command_apply(arguments.common, arguments.plan); }; });
}

void add_recorded_load(CLI::App& command, weir::RecordedLoadArguments& told) {
  command.add_option("--trace", told.trace, "The recorded load: a CSV file `timestamp,requests_per_second`")->type_name("FILE");
  command.add_option("--column", told.column, "Which column of the trace, if it has several")->type_name("NAME");
  command
      .add_option("--from", told.from,
                  "Only from this time on: 2026-03-01T09:30:00Z, unix seconds or now-28d; without --trace the load is read from "
                  "Prometheus")
      ->type_name("TIME");
  command.add_option("--to", told.to, "Only up to this time")->type_name("TIME");
  command.add_option("--load", told.load, "PromQL of the load, for Prometheus; else as a policy asks for it")->type_name("PROMQL");
  command.add_option("--step", told.step, "How far apart Prometheus' points are; else the group's interval")->type_name("DURATION");
}

void add_world_options(CLI::App& command, weir::WorldArguments& told) {
  command.add_option("--group", told.group, "Which group; needed if there are several")->type_name("GROUP");
  add_recorded_load(command, told.recorded);
  command.add_option("--capacity", told.capacity, "The load at which a server is full; else as the policies tell")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--boot", told.boot, "From a launch until the server serves")->type_name("DURATION")->capture_default_str();
  command.add_option("--metric-delay", told.metric_delay, "How old metrics are when they are read")
      ->type_name("DURATION")
      ->capture_default_str();
  command.add_option("--queue", told.queue, "How long requests wait for a server before they are lost")
      ->type_name("DURATION")
      ->capture_default_str();
  command.add_option("--noise", told.noise, "Standard deviation added to the load, as a share of it")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
  command.add_option("--seed", told.seed, "Of all that is drawn by chance")->capture_default_str();
  command.add_option("--start", told.start, "Servers at the beginning; else what the first load takes")
      ->check(CLI::Range(0, weir::kMostServers));
  command
      .add_option("--as", told.meanings,
                  "POLICY=MEANING: what its query stands for: load, load_per_server, utilization, utilization_percent, "
                  "wait_seconds, nothing")
      ->type_name("POLICY=MEANING");
  command
      .add_option("--fail", told.faults,
                  "WHAT@WHEN+HOW_LONG: rehearse an outage of prometheus, provider, quota or balancer, or slow-boot: "
                  "prometheus@2h+10m")
      ->type_name("FAULT");
}

void add_simulate_command(CLI::App& app, Arguments& arguments, Command& chosen) {
  CLI::App* simulate =
      add_command(app, arguments, "simulate",
                  "The same decisions over a recorded load: what it would have cost, and when it would have been short");
  weir::SimulateArguments& told = arguments.simulate;
  add_world_options(*simulate, told);
  simulate->add_option("--compare", told.compare, "Configurations to put side by side, instead of --config")
      ->type_name("FILE")
      ->expected(1, 10);
  simulate
      ->add_option("--deploy", told.deploys,
                   "VERSION@WHEN: rehearse a deploy, as long after the beginning, by the group's own `deploy`: v2@10m; may be "
                   "given several times")
      ->type_name("VERSION@WHEN");
  simulate->add_option("--html", told.html, "Also write a page with the picture to this file")->type_name("FILE");
  simulate->add_option("--decisions", told.decisions, "Also write `t,desired` at each change to this file")->type_name("FILE");
  simulate->callback([&] { chosen = [&] { return weir::command_simulate(arguments.common, arguments.simulate); }; });
}

void add_tune_command(CLI::App& app, Arguments& arguments, Command& chosen) {
  CLI::App* tune = add_command(app, arguments, "tune",
                               "Search the parameters of a group's policies for the least cost under an SLO over a recorded load, "
                               "cross-validated. Exit status: 0 found, 1 nothing keeps the SLO, or an error");
  weir::TuneArguments& told = arguments.tune;
  add_world_options(*tune, told);
  tune->add_option("--slo", told.slo, "The largest share of requests that may come while the servers are full: 0.1% or 0.001")
      ->type_name("SHARE")
      ->capture_default_str();
  tune->add_option("--candidates", told.candidates, "How many parameters are tried")
      ->check(CLI::Range(2, 100'000))
      ->capture_default_str();
  // Seven would be one for each weekday, and no fold like another.
  tune->add_option("--folds", told.folds, "In how many parts the history is cut to judge choices on parts they have not seen")
      ->check(CLI::Range(2, 6))
      ->capture_default_str();
  tune->add_option("--keep", told.keep,
                   "What is not to be turned: policies.cpu.target, cpu, scale_in, cooldown; may be given several times")
      ->type_name("NAME");
  tune->add_flag("--vary-min", told.vary_min, "Turn min too");
  tune->add_option("--threads", told.threads, "How many simulations at a time; else one for each core")->check(CLI::Range(0, 1024));
  tune->add_option("--out", told.out, "Also write the YAML to this file")->type_name("FILE");
  tune->callback([&] { chosen = [&] { return weir::command_tune(arguments.common, arguments.tune); }; });
}

void add_test_command(CLI::App& app, Arguments& arguments, Command& chosen) {
  CLI::App* test = app.add_subcommand("test", "Unit tests of policies: what a group decides when its queries are answered as told");
  test->add_flag("--json", arguments.common.json, "Write JSON instead of text");
  test->add_option("files", arguments.tests, "Files of tests")->type_name("FILE")->required();
  test->callback([&] { chosen = [&] { return weir::command_test(arguments.common, arguments.tests); }; });
}

void add_question_commands(CLI::App& app, Arguments& arguments, Command& chosen) {
  CLI::App* status = add_command(app, arguments, "status", "What every group is doing");
  status->add_flag("-w,--watch", arguments.watch, "A live table with the load and sizes of late, until interrupted");
  add_connection_options(*status, arguments);
  status->callback([&] { chosen = [&] { return weir::command_status(arguments.common, arguments.watch); }; });

  CLI::App* explain = add_command(app, arguments, "explain", "Why a group has the size it has: the last turn in full");
  explain->add_option("group", arguments.group, "The group's name")->required();
  explain->callback([&] { chosen = [&] { return weir::command_explain(arguments.common, arguments.group); }; });

  CLI::App* history = add_command(app, arguments, "history", "What a group did, newest first");
  history->add_option("group", arguments.group, "The group's name")->required();
  history->add_option("--limit", arguments.limit, "At most so many changes")->check(CLI::Range(1, 10'000))->capture_default_str();
  history->callback([&] { chosen = [&] { return weir::command_history(arguments.common, arguments.group, arguments.limit); }; });
}

void add_orphans_command(CLI::App& app, Arguments& arguments, Command& chosen) {
  CLI::App* orphans =
      add_command(app, arguments, "orphans",
                  "Servers that carry a tag of weir's and that no group here knows: they may cost money. Exit status: "
                  "0 none, or all removed; 2 there are some; 1 error");
  orphans->add_flag("--remove", arguments.remove, "Remove them and wait until they are gone");
  orphans->callback([&] {
    chosen = [&] {
      return weir::command_orphans(arguments.common, arguments.remove ? weir::OrphanAction::remove : weir::OrphanAction::report);
    };
  });
}

CLI::App* add_order(CLI::App& app, Arguments& arguments, weir::Order::Kind kind, const std::string& name, const std::string& what,
                    Command& chosen) {
  CLI::App* order = add_command(app, arguments, name, what);
  add_connection_options(*order, arguments);
  order->add_option("group", arguments.order.group, "The group's name")->required();
  order->callback([&arguments, &chosen, kind] {
    arguments.order.kind = kind;
    chosen = [&arguments] { return weir::command_order(arguments.common, arguments.order); };
  });
  return order;
}

void add_order_commands(CLI::App& app, Arguments& arguments, Command& chosen) {
  constexpr const char* how_long = "For how long: 90s, 1h30m; without it until `weir resume`";
  CLI::App* scale = add_order(app, arguments, weir::Order::Kind::scale, "scale",
                              "Hold a group at so many servers, whatever its policies say", chosen);
  scale->add_option("servers", arguments.order.servers, "How many, within the group's min and max")
      ->required()
      ->check(CLI::Range(0, weir::kMostServers));
  scale->add_option("--for", arguments.order.duration, how_long)->type_name("DURATION");

  CLI::App* pause = add_order(app, arguments, weir::Order::Kind::pause, "pause",
                              "Stop scaling a group; servers that fail are still replaced", chosen);
  pause->add_flag("--out", arguments.order.out, "Only scaling out");
  pause->add_flag("--in", arguments.order.in, "Only scaling in");
  pause->add_option("--for", arguments.order.duration, how_long)->type_name("DURATION");

  (void)add_order(app, arguments, weir::Order::Kind::resume, "resume", "End what scale and pause have ordered for a group", chosen);
}

/// One of the orders about deploys.
CLI::App* add_deploy_order(CLI::App& deploy, Arguments& arguments, weir::Order::Kind kind, const std::string& name,
                           const std::string& what, Command& chosen) {
  CLI::App* order = add_command(deploy, arguments, name, what);
  add_connection_options(*order, arguments);
  order->add_option("--group", arguments.order.group, "The group's name")->type_name("GROUP")->required();
  order->callback([&arguments, &chosen, kind] {
    arguments.order.kind = kind;
    chosen = [&arguments] { return weir::command_order(arguments.common, arguments.order); };
  });
  return order;
}

/// Which deploy is meant.
void add_deploy_options(CLI::App& command, Arguments& arguments) {
  command.add_option("--version", arguments.order.version, "The version")->type_name("VERSION")->required();
  command.add_option("--strategy", arguments.order.strategy, "rolling, blue_green or canary; else as configured")
      ->check(CLI::IsMember({"rolling", "blue_green", "canary"}));
}

void add_deploy_commands(CLI::App& app, Arguments& arguments, Command& chosen) {
  CLI::App* deploy = app.add_subcommand("deploy", "Bring a group's servers to another version, and watch or steer that");
  deploy->require_subcommand(1);
  CLI::App* start = add_deploy_order(*deploy, arguments, weir::Order::Kind::deploy, "start",
                                     "Bring all servers of a group to a version; takes the place of a deploy under way", chosen);
  add_deploy_options(*start, arguments);
  start->add_flag("--wait", arguments.order.wait, "Wait until it has ended. Exit status: 0 done, 1 it went back, or an error");

  CLI::App* plan = add_command(*deploy, arguments, "plan",
                               "Show what a deploy would do from now on, step by step, if every server does as it is told; changes "
                               "nothing. Exit status: 0, or 1 where start would refuse, and on errors");
  plan->add_option("--group", arguments.order.group, "The group's name")->type_name("GROUP")->required();
  add_deploy_options(*plan, arguments);
  plan->callback([&] {
    arguments.order.kind = weir::Order::Kind::deploy;
    chosen = [&] { return weir::command_deploy_plan(arguments.common, arguments.order); };
  });

  CLI::App* status = add_command(*deploy, arguments, "status", "How far a group's deploy is, or how the last one ended");
  status->add_option("--group", arguments.group, "The group's name")->type_name("GROUP")->required();
  add_connection_options(*status, arguments);
  status->callback([&] { chosen = [&] { return weir::command_deploy_status(arguments.common, arguments.group); }; });

  CLI::App* promote = add_deploy_order(*deploy, arguments, weir::Order::Kind::promote, "promote",
                                       "End its wait for time, the judge, the gate or a person", chosen);
  promote->add_flag("--wait", arguments.order.wait, "Wait until it has ended. Exit status: 0 done, 1 it went back, or an error");

  CLI::App* abort = add_deploy_order(*deploy, arguments, weir::Order::Kind::abort, "abort",
                                     "Let the deploy go back: all servers run the version before it again", chosen);
  abort->add_flag("--wait", arguments.order.wait, "Wait until it has. Exit status: 0 it went back, 1 it was done, or an error");
}

void add_state_commands(CLI::App& app, Arguments& arguments, Command& chosen) {
  CLI::App* state = app.add_subcommand("state", "Copy the state file, and put a copy back");
  state->require_subcommand(1);
  CLI::App* backup = add_command(*state, arguments, "backup", "Write a checked copy of the state to a file, also while weir runs");
  backup->add_option("file", arguments.file, "The file to make")->required();
  backup->add_flag("--replace", arguments.replace, "Take the place of a file that exists");
  backup->callback(
      [&] { chosen = [&] { return weir::command_state_backup(arguments.common, arguments.file, arguments.replace); }; });
  CLI::App* restore =
      add_command(*state, arguments, "restore", "Put a copy in the place of the state, which is kept; refuses while weir runs");
  restore->add_option("file", arguments.file, "A file that `weir state backup` made")->required();
  restore->callback([&] { chosen = [&] { return weir::command_state_restore(arguments.common, arguments.file); }; });
}

void add_import_command(CLI::App& app, Arguments& arguments, Command& chosen) {
  CLI::App* import = app.add_subcommand(
      "import", "Turn a Kubernetes HPA manifest or AWS scaling policies into groups of a configuration, and say what does not fit");
  import->add_flag("--json", arguments.common.json, "Write JSON instead of YAML");
  import->add_option("from", arguments.from, "hpa: Kubernetes HorizontalPodAutoscaler; asg: AWS Auto Scaling or CloudFormation")
      ->required()
      ->check(CLI::IsMember({"hpa", "asg"}));
  import->add_option("file", arguments.file, "The file, YAML or JSON; - reads standard input")->type_name("FILE")->required();
  import->callback([&] { chosen = [&] { return weir::command_import(arguments.from, arguments.file, arguments.common.json); }; });
}

void add_notify_command(CLI::App& app, Arguments& arguments, Command& chosen) {
  CLI::App* notify = app.add_subcommand("notify", "Notifications: try them");
  notify->require_subcommand(1);
  CLI::App* test =
      add_command(*notify, arguments, "test",
                  "Send every receiver a message that says it is a test, once, whatever the routes say. Exit status: 0 "
                  "all took it, 1 one did not");
  test->add_option("--receiver", arguments.notify.receiver, "Only this receiver");
  test->add_option("--event", arguments.notify.event, "Which kind of event it pretends to be")->capture_default_str();
  test->callback([&] { chosen = [&] { return weir::command_notify_test(arguments.common, arguments.notify); }; });
}

void add_manual_command(CLI::App& app, Arguments& arguments, Command& chosen) {
  CLI::App* manual =
      app.add_subcommand("manual", "Print the manual: man pages, the reference of commands, or completion for a shell");
  manual
      ->add_option("what", arguments.what,
                   "man: weir(1); man-config: weir.yaml(5); markdown: all commands; bash, zsh, fish: completion for that shell")
      ->required()
      ->check(CLI::IsMember({"man", "man-config", "markdown", "bash", "zsh", "fish"}));
  manual->callback([&] { chosen = [&] { return weir::command_manual(weir::describe(app), arguments.what); }; });
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
  add_simulate_command(app, arguments, chosen);
  add_tune_command(app, arguments, chosen);
  add_test_command(app, arguments, chosen);
  add_question_commands(app, arguments, chosen);
  add_order_commands(app, arguments, chosen);
  add_deploy_commands(app, arguments, chosen);
  add_orphans_command(app, arguments, chosen);
  add_notify_command(app, arguments, chosen);
  add_state_commands(app, arguments, chosen);
  add_import_command(app, arguments, chosen);
  add_manual_command(app, arguments, chosen);
  if (argc > 1 && argv[1][0] != '-' && !is_command(app, argv[1])) return unknown_command(app, argv[1]);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are no errors; everything else is status 1, whatever number the library gives it.
    return app.exit(error) == 0 ? 0 : 1;
  }
  return static_cast<int>(chosen());
}
