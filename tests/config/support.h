#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "controller/config/config.h"

namespace weir {

/// The outside of a configuration under test.
[[nodiscard]] inline Environment test_environment() {
  static const std::map<std::string, std::string> variables = {{"NAME", "app"}, {"EMPTY", ""},           {"PORT", "9000"},
                                                               {"COUNT", "7"},  {"PASSWORD", "hunter2"}, {"DOLLAR", "${NAME}"}};
  static const std::map<std::string, std::string> files = {
      {"/secrets/token", "abc\n"}, {"/secrets/empty", "\n"}, {"/secrets/password", "pass word\r\n"}};
  return {.variable = [](const std::string& name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            return found == variables.end() ? std::nullopt : std::optional(found->second);
          },
          .read_file = [](const std::filesystem::path& path) -> Result<std::string> {
            const auto found = files.find(path.string());
            if (found != files.end()) return found->second;
            return failure(ErrorKind::not_found, "cannot read " + path.string() + ": No such file or directory");
          }};
}

[[nodiscard]] inline ConfigResult parse_test_config(std::string_view text, const Catalogs& catalogs = builtin_catalogs()) {
  return parse_config(text, "weir.yaml", test_environment(), catalogs);
}

/// All complaints, a line each.
[[nodiscard]] inline std::string complaints(const ConfigResult& result) {
  if (result) return "";
  std::string text;
  for (const ConfigError& error : result.error()) text += to_string(error) + "\n";
  return text;
}

[[nodiscard]] inline std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace weir
