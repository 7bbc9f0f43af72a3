#include "balancers/file_sd/file_sd.h"

#include <algorithm>
#include <array>

namespace weir {
namespace {

constexpr Key kKeys[] = {
    {.name = "file", .doc = "Absolute path of the file; .json, .yml or .yaml.", .required = true},
    {.name = "labels", .type = KeyType::text_map, .doc = "Labels every target gets besides weir_group and weir_server."},
};

bool is_label(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::vector<SettingsError> check(const BalancerRequest& request) {
  const Settings& settings = request.spec.settings;
  const std::string& file = settings.text("file");
  std::vector<SettingsError> errors;
  const auto complain = [&](std::string path, std::string_view key, std::string message) {
    errors.push_back({std::move(path), std::move(message), settings.mark(key)});
  };
  if (!file.starts_with('/')) complain("file", "file", "expected an absolute path");
  constexpr std::array<std::string_view, 3> kEndings = {".json", ".yml", ".yaml"};
  if (std::ranges::none_of(kEndings, [&](std::string_view ending) { return file.ends_with(ending); })) {
    complain("file", "file", "Prometheus reads only files that end in .json, .yml or .yaml");
  }
  for (const auto& [name, value] : settings.text_map("labels")) {
    if (!is_label(name))
      complain("labels." + name, "labels", "not a Prometheus label name: letters, digits and '_', not beginning with a digit");
    if (name == "weir_group" || name == "weir_server") complain("labels." + name, "labels", "weir sets this label itself");
  }
  return errors;
}

}  // namespace

BalancerType file_sd_balancer() {
  return {.name = "file_sd",
          .doc = "A Prometheus file_sd file, so that Prometheus scrapes the servers that are in service.",
          .keys = kKeys,
          .check = check};
}

}  // namespace weir
