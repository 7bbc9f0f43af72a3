#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "examples/stand/stand.h"

namespace weir {

/// The processes that work in the directory, as all of a stand do.
inline std::vector<std::string> processes_in(const std::filesystem::path& directory) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path() / "cwd", gone) == directory) found.push_back(entry.path().filename());
  }
  return found;
}

inline bool nothing_runs_in(const std::filesystem::path& directory) {
  return Stand::eventually([&] { return processes_in(directory).empty(); }, std::chrono::seconds(10));
}

}  // namespace weir
