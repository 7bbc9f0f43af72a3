#pragma once

#include "controller/manual/command.h"

namespace weir {

/// A program with all that a command line can have.
inline DescribedCommand made_up_program() {
  const CommandOption help{.names = {"-h", "--help"}, .what = "Show this"};
  const CommandOption config{.names = {"-c", "--config"},
                             .value = "FILE",
                             .what = "Where it's written",
                             .fallback = "/etc/x",
                             .completion = Completion::files};
  const CommandOption format{.names = {"--format"}, .value = "TEXT", .what = "How it looks", .choices = {"text", "json"}};
  const CommandOption group{.names = {"--group"}, .value = "GROUP", .what = "Which [one]: by name", .required = true};
  const CommandOption kind{.value = "KIND", .what = "What it is", .required = true, .choices = {"hpa", "asg"}};
  const CommandOption file{.value = "FILE", .what = "The file", .required = true, .completion = Completion::files};
  CommandOption files = file;
  files.repeated = true;
  return {.name = "weir",
          .what = "A program",
          .options = {help},
          .commands = {{.name = "run", .what = "Run it", .options = {help, config, format}},
                       {.name = "plan", .what = "Show what is to come", .options = {help, config}},
                       {.name = "import", .what = "Take over", .options = {help}, .arguments = {kind, file}},
                       {.name = "test", .what = "Test files", .options = {help}, .arguments = {files}},
                       {.name = "deploy",
                        .what = "Another version",
                        .options = {help},
                        .commands = {{.name = "start", .what = "Begin", .options = {help, config, group}},
                                     {.name = "plan", .what = "Show a deploy", .options = {help, group}}}}}};
}

}  // namespace weir
