#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "providers/exec/exec.h"
#include "tests/fakes/network.h"
#include "tests/support/temp_directory.h"

namespace weir {

/// A place for one program that provides servers, with a clock of its own for how long it is left alone after failures.
struct ExecWorld {
  TempDirectory directory;
  ImpatientNetwork outside;

  [[nodiscard]] Settings settings(std::vector<std::string> command, Duration timeout = std::chrono::seconds(30)) const {
    Settings settings;
    settings.set("command", std::move(command));
    settings.set("timeout", timeout);
    settings.set("stop_grace", Duration(std::chrono::seconds(20)));
    return settings;
  }

  [[nodiscard]] std::unique_ptr<Provider> open(const Settings& settings, const ExecProviderOptions& options = {}) {
    return make_exec_provider(settings, {"own", directory.path(), &outside.network}, options);
  }
};

/// Whether there is a program of this name on the PATH.
[[nodiscard]] inline bool has_program(const std::string& name) {
  return std::system(("command -v " + name + " >/dev/null 2>&1").c_str()) == 0;  // NOLINT(cert-env33-c): a constant's name
}

}  // namespace weir
