#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "controller/manual/manual.h"
#include "controller/manual/roff.h"
#include "controller/manual/words.h"

namespace weir {
namespace {

std::string sentence(const CommandOption& option) {
  std::string text = option.what + ".";
  if (!option.fallback.empty()) text += fmt::format(" Default: `{}`.", option.fallback);
  if (option.required && !option.names.empty()) text += " Required.";
  return text;
}

/// Every command has it; once is enough.
bool is_help(const CommandOption& option) { return !option.names.empty() && option.names.back() == "--help"; }

/// What a command takes, in the order of a page.
std::vector<CommandOption> taken_by(const DescribedCommand& command) {
  std::vector<CommandOption> taken = command.arguments;
  std::ranges::copy_if(command.options, std::back_inserter(taken), std::not_fn(is_help));
  return taken;
}

constexpr const char* kManTail =
    ".SH ENVIRONMENT\n"
    ".TP\n\\fBWEIR_CONFIG\\fR\nThe configuration file where \\fB\\-\\-config\\fR is not given.\n"
    ".SH EXIT STATUS\n"
    ".TP\n\\fB0\\fR\nDone; for \\fBplan\\fR and \\fBorphans\\fR: nothing to do.\n"
    ".TP\n\\fB1\\fR\nAn error. Standard error says what was tried, and what to do.\n"
    ".TP\n\\fB2\\fR\nOf \\fBplan\\fR: there are changes. Of \\fBorphans\\fR: there are some.\n"
    ".TP\n\\fB3\\fR\nOf \\fBapply\\fR: refused, because the world moved or weir runs.\n"
    ".SH FILES\n"
    ".TP\n\\fI/etc/weir/weir.yaml\\fR\nThe configuration, see \\fBweir.yaml\\fR(5).\n"
    ".TP\n\\fI/var/lib/weir/\\fR\nWhat weir must not forget.\n"
    ".TP\n\\fI/usr/share/doc/weir/\\fR\nDocumentation, examples, and drop\\-ins for the unit \\fBweir.service\\fR.\n"
    ".SH SEE ALSO\n\\fBweir.yaml\\fR(5), \\fBsystemctl\\fR(1), \\fBnginx\\fR(8)\n";

}  // namespace

std::string command_man_page(const DescribedCommand& program, const std::string& version) {
  std::string page = roff_title("WEIR", 1, version);
  page += ".SH NAME\nweir \\- autoscaling controller for app servers behind nginx\n.SH SYNOPSIS\n";
  std::string_view between;
  each_command(program, program.name, " ", [&](const DescribedCommand& command, const std::string& path) {
    if (!command.commands.empty()) return;
    page += fmt::format("{}{}\n", std::exchange(between, ".br\n"), roff(synopsis_of(command, path)));
  });
  page += fmt::format(".SH DESCRIPTION\n{}\n", roff(program.what));
  page += roff(
      "It reads Prometheus, decides how many servers there should be, asks a provider for them, and lets a balancer send "
      "them traffic only while they are proven able to serve it.\n");
  page += ".SH OPTIONS\n";
  for (const CommandOption& option : program.options) page += roff_entry(label_of(option), sentence(option));
  page += ".SH COMMANDS\n";
  each_command(program, program.name, " ", [&](const DescribedCommand& command, const std::string& path) {
    page += fmt::format(".SS {}\n{}.\n", roff(path), roff(command.what));
    for (const CommandOption& option : taken_by(command)) page += roff_entry(label_of(option), sentence(option));
  });
  return page + kManTail;
}

std::string command_markdown(const DescribedCommand& program) {
  std::string page =
      "# Commands\n\n"
      "What `weir COMMAND --help` says, on one page. `weir manual markdown` prints it. Text is for people and may change, "
      "`--json` is for scripts. Exit statuses are 0, or 1 for an error, unless a command says more.\n\n"
      "`WEIR_CONFIG` names the configuration file where `--config` is not given.\n";
  each_command(program, program.name, " ", [&](const DescribedCommand& command, const std::string& path) {
    page += fmt::format("\n## {}\n\n{}.\n\n```\n{}\n```\n", path, command.what, synopsis_of(command, path));
    if (!taken_by(command).empty()) page += "\n| | |\n|---|---|\n";
    for (const CommandOption& option : taken_by(command)) {
      page += fmt::format("| `{}` | {} |\n", replaced(label_of(option), "|", "\\|"), replaced(sentence(option), "|", "\\|"));
    }
  });
  return page;
}

}  // namespace weir
