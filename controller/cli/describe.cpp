#include "controller/cli/describe.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <sstream>
#include <string>

namespace weir {
namespace {

/// `FILE`, of what the library shows as a value: `FILE`, `TEXT:{text,json}`, `INT:INT in [1 - 100]`.
std::string value_name(const std::string& type) { return type.substr(0, type.find(':')); }

/// Those of `TEXT:{text,json}`; empty if it names none.
std::vector<std::string> choices_of(const std::string& type) {
  const std::size_t begin = type.find(":{");
  if (begin == std::string::npos) return {};
  std::vector<std::string> choices;
  std::istringstream list(type.substr(begin + 2, type.rfind('}') - begin - 2));
  for (std::string choice; std::getline(list, choice, ',');) choices.push_back(choice);
  return choices;
}

std::string capitals(std::string word) {
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return word;
}

CommandOption describe_option(const CLI::Option& option) {
  CommandOption described{.what = option.get_description(),
                          .fallback = option.get_default_str(),
                          .required = option.get_required(),
                          .repeated = option.get_expected_max() > 1};
  for (const std::string& name : option.get_snames()) described.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) described.names.push_back("--" + name);
  if (option.get_items_expected_max() == 0) return described;  // a flag
  const std::string type = option.get_type_name();
  described.choices = choices_of(type);
  described.value = option.get_positional() ? capitals(option.get_single_name()) : value_name(type);
  if (value_name(type) == "FILE") described.completion = Completion::files;
  return described;
}

}  // namespace

DescribedCommand describe(const CLI::App& app) {
  DescribedCommand command{.name = app.get_name(), .what = app.get_description()};
  for (const CLI::Option* option : app.get_options()) {
    (option->get_positional() ? command.arguments : command.options).push_back(describe_option(*option));
  }
  for (const CLI::App* below : app.get_subcommands({})) command.commands.push_back(describe(*below));
  return command;
}

}  // namespace weir
