#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "controller/import/asg.h"
#include "controller/import/hpa.h"

namespace weir {

inline const std::filesystem::path kImportFolder = std::filesystem::path(WEIR_SOURCE_DIR) / "tests/golden/import";

[[nodiscard]] inline std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The inputs of a folder: everything but the *.expected beside them.
[[nodiscard]] inline std::vector<std::string> inputs_of(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kImportFolder / folder)) {
    if (entry.path().extension() != ".expected") names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

/// `from`: hpa or asg, as on the command line.
[[nodiscard]] inline ImportResult import_text(const std::string& from, std::string_view text, const std::string& file) {
  return from == "hpa" ? import_hpa(text, file) : import_asg(text, file);
}

/// All complaints, a line each.
[[nodiscard]] inline std::string complaints(const ConfigErrors& errors) {
  std::string text;
  for (const ConfigError& error : errors) text += to_string(error) + "\n";
  return text;
}

}  // namespace weir
