#include "controller/import/entry.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "controller/config/yaml.h"
#include "controller/import/writing.h"

namespace weir {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kWidth = 120;

/// A comment of any length, in lines that begin with `indent` and, after the first, go in by two more.
void append_comment(std::string& out, std::string_view indent, std::string_view comment) {
  const std::string text = clean(comment, 2000);
  std::string line = fmt::format("{}#", indent);
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = std::string_view(text).substr(at, end - at);
    if (line.size() + 1 + word.size() > kWidth && line.size() > indent.size() + 4) {
      out += line + "\n";
      line = fmt::format("{}#  ", indent);
    }
    line += fmt::format(" {}", word);
    at = end + 1;
  }
  out += line + "\n";
}

/// `first` stands before the first line: the dash of a list, or as many blanks.
void append_lines(std::string& out, std::string_view first, std::string_view indent, const std::vector<EntryLine>& lines) {
  std::string_view front = first;
  for (const EntryLine& line : lines) {
    out += fmt::format("{}{}: {}", front, line.key, line.value);
    if (!line.comment.empty()) out += "  # " + clean(line.comment, 400);
    out += '\n';
    front = indent;
  }
}

void append_rule(std::string& out, std::string_view key, const EntryBlock& rule) {
  if (rule.lines.empty()) return;
  out += fmt::format("    {}:\n", key);
  for (const std::string& comment : rule.comments) append_comment(out, "      ", comment);
  append_lines(out, "      ", "      ", rule.lines);
}

void append_group(std::string& out, const ImportedGroup& group) {
  for (const std::string& comment : group.comments) append_comment(out, "  ", comment);
  std::vector<EntryLine> head = {{"name", yaml_text(group.name)},
                                 {"provider", "FIXME", "a key of `providers`"},
                                 {"server", "{}", "FIXME: what a server is, in the keys of the provider's type"}};
  head.insert(head.end(), group.lines.begin(), group.lines.end());
  append_lines(out, "  - ", "    ", head);
  if (!group.policies.empty()) out += "    policies:\n";
  for (const EntryBlock& policy : group.policies) {
    for (const std::string& comment : policy.comments) append_comment(out, "      ", comment);
    append_lines(out, "      - ", "        ", policy.lines);
  }
  append_rule(out, "scale_out", group.scale_out);
  append_rule(out, "scale_in", group.scale_in);
}

ordered_json json_of(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::nothing) return nullptr;
  if (node.kind == YamlNode::Kind::list) {
    ordered_json list = ordered_json::array();
    for (const YamlNode& item : node.items) list.push_back(json_of(item));
    return list;
  }
  if (node.kind == YamlNode::Kind::mapping) {
    ordered_json mapping = ordered_json::object();
    for (const YamlEntry& entry : node.entries) mapping[entry.key] = json_of(entry.value);
    return mapping;
  }
  if (node.quoted) return node.text;
  const ordered_json number = ordered_json::parse(node.text, nullptr, false);
  return number.is_number() ? number : ordered_json(node.text);
}

}  // namespace

std::string to_yaml(const Imported& imported) {
  std::string out;
  append_comment(out, "", fmt::format("Made by `weir import` from {}.", imported.origin));
  append_comment(out, "",
                 "To make it a configuration add `providers:` and `prometheus:`, and write a provider and a server where "
                 "FIXME stands. Read every query: it is a suggestion, weir has not asked your Prometheus.");
  for (const std::string& comment : imported.comments) append_comment(out, "", comment);
  out += "groups:\n";
  for (const ImportedGroup& group : imported.groups) append_group(out, group);
  if (imported.not_carried_over.empty()) return out;
  out += "# Not carried over:\n";
  for (const Leftover& leftover : imported.not_carried_over) {
    append_comment(out, "", fmt::format("- line {}, {}: {}", leftover.mark.line, leftover.path, leftover.why));
  }
  return out;
}

std::string to_json(const Imported& imported) {
  const std::string yaml = to_yaml(imported);
  const auto root = parse_yaml(yaml);
  // The writer above makes nothing else than YAML with groups.
  if (!root || find(*root, "groups") == nullptr) std::abort();
  ordered_json answer = {{"groups", json_of(*find(*root, "groups"))}, {"yaml", yaml}, {"not_carried_over", ordered_json::array()}};
  for (const Leftover& leftover : imported.not_carried_over) {
    answer["not_carried_over"].push_back({{"path", leftover.path},
                                          {"line", leftover.mark.line},
                                          {"column", leftover.mark.column},
                                          {"why", clean(leftover.why, 2000)}});
  }
  return answer.dump();
}

}  // namespace weir
