#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "controller/config/yaml.h"
#include "controller/import/asg.h"
#include "controller/import/hpa.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

/// Whatever the file says, what comes out is YAML with exactly the groups, and the same as JSON.
void check_imported(const weir::Imported& imported) {
  const auto yaml = weir::parse_yaml(to_yaml(imported));
  check(yaml.has_value() && yaml->entries.size() == 1 && yaml->entries[0].key == "groups");
  check(!imported.groups.empty() && yaml->entries[0].value.items.size() == imported.groups.size());
  for (std::size_t i = 0; i < imported.groups.size(); ++i) {
    const weir::YamlNode& group = yaml->entries[0].value.items[i];
    check(find(group, "name")->text == imported.groups[i].name);
    const weir::YamlNode* policies = find(group, "policies");
    check((policies == nullptr ? 0 : policies->items.size()) == imported.groups[i].policies.size());
  }
  check(nlohmann::json::parse(to_json(imported)).at("not_carried_over").size() == imported.not_carried_over.size());
}

void check_errors(const weir::ConfigErrors& errors) {
  check(!errors.empty());
  for (const weir::ConfigError& error : errors) {
    const std::string text = to_string(error);
    (void)nlohmann::json(text).dump();
    check(text.find('\n') == std::string::npos && error.line >= 0 && error.column >= 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& imported : {weir::import_hpa(text, "file"), weir::import_asg(text, "file")}) {
    if (imported) {
      check_imported(*imported);
    } else {
      check_errors(imported.error());
    }
  }
  return 0;
}
