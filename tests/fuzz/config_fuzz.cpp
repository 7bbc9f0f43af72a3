#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "controller/config/config.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

/// The API and `--json` write messages as JSON, which aborts if they are not UTF-8; a log line is one line.
void check_text(const std::string& text) {
  (void)nlohmann::json(text).dump();
  check(text.find('\n') == std::string::npos);
}

void check_errors(const weir::ConfigErrors& errors) {
  check(!errors.empty());
  for (const weir::ConfigError& error : errors) {
    check(!error.message.empty() && error.line >= 0 && error.column >= 0);
    check_text(to_string(error));
  }
}

void check_config(const weir::Config& config) {
  check(!config.groups.empty() && !config.providers.empty());
  for (const weir::Group& group : config.groups) {
    check(!group.name.empty() && config.providers.contains(group.provider));
    check(group.min >= 0 && group.min <= group.max && group.interval > weir::Duration{0});
    check(weir::make_policies(group).size() == group.policies.size());
  }
  for (const std::string& warning : lint_config(config)) check_text(warning);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const weir::Environment environment = {
      .variable = [](const std::string& name) { return name == "NAME" ? std::optional<std::string>("value") : std::nullopt; },
      .read_file = [](const std::filesystem::path&) -> weir::Result<std::string> { return "secret\n"; }};
  const auto config = parse_config({reinterpret_cast<const char*>(data), size}, "weir.yaml", environment, weir::builtin_catalogs());
  if (config) {
    check_config(*config);
  } else {
    check_errors(config.error());
  }
  return 0;
}
