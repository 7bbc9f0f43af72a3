#include "tests/tune/support.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "controller/config/yaml.h"

namespace weir {
namespace {

std::string name_of(const YamlNode& item) {
  const YamlNode* name = find(item, "name");
  return name == nullptr ? std::string() : name->text;
}

void paste(YamlNode& into, const YamlNode& from);

void paste_item(std::vector<YamlNode>& items, const YamlNode& item) {
  const auto found = std::ranges::find(items, name_of(item), name_of);
  ASSERT_NE(found, items.end()) << "nothing is called " << name_of(item);
  paste(*found, item);
}

void paste_entry(std::vector<YamlEntry>& entries, const YamlEntry& entry) {
  const auto found = std::ranges::find(entries, entry.key, &YamlEntry::key);
  if (found == entries.end()) {
    entries.push_back(entry);
  } else {
    paste(found->value, entry.value);
  }
}

/// Mappings by their keys, lists by the names of their items; everything else is replaced.
void paste(YamlNode& into, const YamlNode& from) {
  const bool named = !from.items.empty() && std::ranges::none_of(from.items, &std::string::empty, name_of);
  if (from.kind == YamlNode::Kind::list && named) {
    for (const YamlNode& item : from.items) paste_item(into.items, item);
  } else if (from.kind == YamlNode::Kind::mapping && into.kind == YamlNode::Kind::mapping) {
    for (const YamlEntry& entry : from.entries) paste_entry(into.entries, entry);
  } else {
    into = from;
  }
}

Group read(const YamlNode& root) {
  const ConfigResult config = read_config(root, "weir.yaml", process_environment(), builtin_catalogs());
  if (config) return config->groups.front();
  for (const ConfigError& error : config.error()) ADD_FAILURE() << to_string(error);
  return {};
}

YamlNode parsed(const std::string& yaml) {
  auto node = parse_yaml(yaml);
  EXPECT_TRUE(node) << node.error().message;
  return node ? *std::move(node) : YamlNode{};
}

}  // namespace

Group group_in(const std::string& yaml) { return read(parsed(yaml)); }

Group group_after_pasting(const std::string& yaml, const std::string& fragment) {
  YamlNode root = parsed(yaml);
  if (const YamlNode change = parsed(fragment); change.kind != YamlNode::Kind::nothing) paste(root, change);
  return read(root);
}

Tuning tuning_with(const Group& group, const std::vector<Knob>& knobs, const std::vector<double>& values) {
  std::vector<double> present;
  for (const Knob& knob : knobs) present.push_back(knob.present);
  return {.group = group.name,
          .trace = "days",
          .slo = 0.001,
          .knobs = knobs,
          .candidates = {{present, {}}, {values, {}}},
          .chosen = 1,
          .tuned = with_values(group, knobs, values)};
}

}  // namespace weir
