#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "controller/manual/manual.h"
#include "controller/manual/words.h"

namespace weir {
namespace {

using Words = std::vector<std::string>;

/// In single quotes, as every of the three shells reads them.
std::string quoted(const std::string& text, const std::string& apostrophe) { return "'" + replaced(text, "'", apostrophe) + "'"; }

/// Calls `visit` with the program and all its commands. Paths are joined by slashes: `weir/deploy/start`.
template <typename Visit>
void each(const DescribedCommand& program, Visit visit) {
  visit(program, program.name);
  each_command(program, program.name, "/", visit);
}

/// `"weir/plan/--out"` of every option that takes a value and that `chosen` wants.
template <typename Chosen>
Words places_of_values(const DescribedCommand& program, Chosen chosen) {
  Words places;
  each(program, [&](const DescribedCommand& command, const std::string& path) {
    for (const CommandOption& option : command.options) {
      if (option.value.empty() || !chosen(option)) continue;
      for (const std::string& name : option.names) places.push_back(fmt::format("{}/{}", path, name));
    }
  });
  return places;
}

Words places_of_values(const DescribedCommand& program) {
  return places_of_values(program, [](const CommandOption&) { return true; });
}

Words places_of_commands(const DescribedCommand& program) {
  Words places;
  each_command(program, program.name, "/", [&](const DescribedCommand&, const std::string& path) { places.push_back(path); });
  return places;
}

Words option_names(const DescribedCommand& command) {
  Words names;
  for (const CommandOption& option : command.options) names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

Words command_names(const DescribedCommand& command) {
  Words names;
  for (const DescribedCommand& below : command.commands) names.push_back(below.name);
  return names;
}

// ---- bash

/// What the words before the one to complete mean: the command in $path, how many arguments it has got in $count, and in $skip
/// whether the word to complete is the value of the option in $place.
constexpr const char* kBashReading = R"(# Completion of weir for bash; `weir manual bash` writes it.
_weir() {{
  local path=weir place='' skip='' count=0 word words='' files='' current=${{COMP_WORDS[COMP_CWORD]}} i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word=${{COMP_WORDS[i]}}
    # bash takes --option=value apart
    if [[ $word == = ]]; then continue; fi
    if [[ $skip ]]; then
      skip=''
      continue
    fi
    case $path/$word in
      {commands}) path=$path/$word ;;
      {values})
        skip=1
        place=$path/$word
        ;;
      */-*) ;;
      *) ((++count)) ;;
    esac
  done
  if [[ $current == = ]]; then current=''; fi
  if [[ $skip ]]; then
    case $place in
)";

std::string bash_words(const Words& words) {
  return fmt::format("words={}", quoted(fmt::format("{}", fmt::join(words, " ")), "'\\''"));
}

std::string bash_values(const DescribedCommand& program) {
  std::string cases;
  const Words files = places_of_values(program, [](const CommandOption& option) { return option.completion == Completion::files; });
  if (!files.empty()) cases += fmt::format("      {}) files=1 ;;\n", fmt::join(files, " | "));
  each(program, [&](const DescribedCommand& command, const std::string& path) {
    for (const CommandOption& option : command.options) {
      if (option.choices.empty()) continue;
      for (const std::string& name : option.names)
        cases += fmt::format("      {}/{}) {} ;;\n", path, name, bash_words(option.choices));
    }
  });
  return cases;
}

std::string bash_options(const DescribedCommand& program) {
  std::string cases;
  each(program, [&](const DescribedCommand& command, const std::string& path) {
    cases += fmt::format("      {}) {} ;;\n", path, bash_words(option_names(command)));
  });
  return cases;
}

/// The last argument may be given several times.
std::string bash_arguments(const DescribedCommand& program) {
  std::string cases;
  each(program, [&](const DescribedCommand& command, const std::string& path) {
    if (!command.commands.empty()) cases += fmt::format("      {}:0) {} ;;\n", path, bash_words(command_names(command)));
    for (std::size_t i = 0; i < command.arguments.size(); ++i) {
      const CommandOption& argument = command.arguments[i];
      const std::string place = argument.repeated ? fmt::format("{}:*", path) : fmt::format("{}:{}", path, i);
      if (argument.completion == Completion::files) cases += fmt::format("      {}) files=1 ;;\n", place);
      if (!argument.choices.empty()) cases += fmt::format("      {}) {} ;;\n", place, bash_words(argument.choices));
    }
  });
  return cases;
}

// ---- zsh

std::string zsh_text(const std::string& text) {
  std::string safe = text;
  for (const char* special : {"\\", "[", "]", ":"}) safe = replaced(safe, special, std::string("\\") + special);
  return safe;
}

std::string zsh_action(const CommandOption& option) {
  if (option.completion == Completion::files) return "_files";
  return option.choices.empty() ? " " : fmt::format("({})", fmt::join(option.choices, " "));
}

/// One specification of _arguments for each name.
void add_zsh_option(Words& specifications, const CommandOption& option) {
  const std::string value = option.value.empty() ? "" : fmt::format(":{}:{}", zsh_text(option.value), zsh_action(option));
  const std::string excludes = option.repeated ? "*" : fmt::format("({})", fmt::join(option.names, " "));
  for (const std::string& name : option.names) {
    specifications.push_back(quoted(fmt::format("{}{}[{}]{}", excludes, name, zsh_text(option.what), value), "'\\''"));
  }
}

std::string zsh_function(const DescribedCommand& command, const std::string& path) {
  Words specifications;
  for (const CommandOption& option : command.options) add_zsh_option(specifications, option);
  for (const CommandOption& argument : command.arguments) {
    const std::string many = argument.repeated ? "*" : "";
    specifications.push_back(quoted(fmt::format("{}:{}:{}", many, zsh_text(argument.value), zsh_action(argument)), "'\\''"));
  }
  const std::string name = "_" + replaced(path, "/", "_");
  if (command.commands.empty()) {
    return fmt::format("{}() {{\n  _arguments -s \\\n    {}\n}}\n\n", name, fmt::join(specifications, " \\\n    "));
  }
  specifications.push_back(quoted(fmt::format(":command:{}_commands", name), "'\\''"));
  specifications.emplace_back("'*::arguments:->arguments'");
  std::string text = fmt::format("{}_commands() {{\n  local -a commands\n  commands=(\n", name);
  for (const DescribedCommand& below : command.commands) {
    text += fmt::format("    {}\n", quoted(fmt::format("{}:{}", below.name, zsh_text(below.what)), "'\\''"));
  }
  text += fmt::format("  )\n  _describe command commands\n}}\n\n{}() {{\n  local curcontext=$curcontext state line\n", name);
  text += "  typeset -A opt_args\n";
  text += fmt::format("  _arguments -C \\\n    {}\n", fmt::join(specifications, " \\\n    "));
  text += fmt::format("  if [[ $state == arguments ]] && (( $+functions[{0}_$line[1]] )); then {0}_$line[1]; fi\n}}\n\n", name);
  return text;
}

// ---- fish

std::string fish_option(const CommandOption& option) {
  std::string line;
  for (const std::string& name : option.names) line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (option.value.empty()) return line;
  if (option.completion == Completion::files) return line + " -r -F";
  return option.choices.empty() ? line + " -x" : fmt::format("{} -x -a '{}'", line, fmt::join(option.choices, " "));
}

std::string fish_text(const std::string& text) { return quoted(replaced(text, "\\", "\\\\"), "\\'"); }

}  // namespace

std::string bash_completion(const DescribedCommand& program) {
  std::string script = fmt::format(fmt::runtime(kBashReading), fmt::arg("commands", fmt::join(places_of_commands(program), " | ")),
                                   fmt::arg("values", fmt::join(places_of_values(program), " | ")));
  script += bash_values(program);
  script += "    esac\n  elif [[ $current == -* ]]; then\n    case $path in\n" + bash_options(program);
  script += "    esac\n  else\n    case $path:$count in\n" + bash_arguments(program);
  script +=
      "    esac\n"
      "  fi\n"
      "  if [[ $files ]]; then\n"
      "    compopt -o filenames 2>/dev/null\n"
      "    mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
      "  elif [[ $words ]]; then\n"
      "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
      "  fi\n"
      "}\n"
      "complete -F _weir weir\n";
  return script;
}

std::string zsh_completion(const DescribedCommand& program) {
  std::string script = "#compdef weir\n# Completion of weir for zsh; `weir manual zsh` writes it.\n\n";
  each(program, [&](const DescribedCommand& command, const std::string& path) { script += zsh_function(command, path); });
  return script + "_weir \"$@\"\n";
}

std::string fish_completion(const DescribedCommand& program) {
  std::string script = fmt::format(
      "# Completion of weir for fish; `weir manual fish` writes it.\n"
      "function __weir_at --description 'Whether the words so far lead to this command'\n"
      "    set -l path weir\n"
      "    set -l skip\n"
      "    for word in (commandline -opc)[2..-1]\n"
      "        if test -n \"$skip\"\n"
      "            set skip\n"
      "            continue\n"
      "        end\n"
      "        switch $path/$word\n"
      "            case {}\n"
      "                set path $path/$word\n"
      "            case {}\n"
      "                set skip 1\n"
      "        end\n"
      "    end\n"
      "    test $path = $argv[1]\n"
      "end\n\n"
      "complete -c weir -f\n",
      fmt::join(places_of_commands(program), " "), fmt::join(places_of_values(program), " "));
  each(program, [&](const DescribedCommand& command, const std::string& path) {
    const std::string here = fmt::format("complete -c weir -n '__weir_at {}'", path);
    for (const DescribedCommand& below : command.commands)
      script += fmt::format("{} -a {} -d {}\n", here, below.name, fish_text(below.what));
    for (const CommandOption& option : command.options) {
      script += fmt::format("{}{} -d {}\n", here, fish_option(option), fish_text(option.what));
    }
    for (const CommandOption& argument : command.arguments) {
      if (argument.completion == Completion::files) script += fmt::format("{} -F\n", here);
      if (!argument.choices.empty()) script += fmt::format("{} -a '{}'\n", here, fmt::join(argument.choices, " "));
    }
  });
  return script;
}

}  // namespace weir
