#include "controller/manual/words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weir {
namespace {

/// The choices say more than a word for them.
std::string value_of(const CommandOption& option) {
  std::string value = option.choices.empty() ? option.value : fmt::format("{}", fmt::join(option.choices, "|"));
  return option.repeated ? value + " ..." : value;
}

}  // namespace

std::string label_of(const CommandOption& option) {
  if (option.names.empty()) return value_of(option);
  const std::string names = fmt::format("{}", fmt::join(option.names, ", "));
  return option.value.empty() ? names : names + " " + value_of(option);
}

std::string usage_of(const CommandOption& option) {
  if (option.names.empty()) return value_of(option);
  const std::string& name = option.names.back();
  const std::string usage = option.value.empty() ? name : name + " " + value_of(option);
  return option.required ? usage : "[" + usage + "]";
}

std::string synopsis_of(const DescribedCommand& command, const std::string& path) {
  std::string synopsis = path;
  bool others = false;
  for (const CommandOption& option : command.options) {
    if (option.required) synopsis += " " + usage_of(option);
    others |= !option.required;
  }
  for (const CommandOption& argument : command.arguments) synopsis += " " + usage_of(argument);
  if (!command.commands.empty()) synopsis += " COMMAND";
  return others ? synopsis + " [OPTION ...]" : synopsis;
}

void each_command(const DescribedCommand& command, const std::string& path, const std::string& between,
                  const std::function<void(const DescribedCommand& command, const std::string& path)>& visit) {
  for (const DescribedCommand& each : command.commands) {
    const std::string below = path + between + each.name;
    visit(each, below);
    each_command(each, below, between, visit);
  }
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

}  // namespace weir
