#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>

#include "controller/config/config.h"
#include "controller/config/keys.h"
#include "model/version.h"

namespace weir {
namespace {

/// A bar would end the cell.
std::string cell(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c;
  }
  return result;
}

std::string range_of(const Key& key) {
  const bool is_duration = key.type == KeyType::duration;
  const auto bound = [&](double value) {
    return is_duration ? format_duration(Duration(static_cast<std::int64_t>(value * 1000))) : fmt::format("{}", value);
  };
  const bool low = key.minimum > -1e299;
  const bool high = key.maximum < 1e299;
  if (low && high) return fmt::format(", {} to {}", bound(key.minimum), bound(key.maximum));
  if (low) return fmt::format(", at least {}", bound(key.minimum));
  return high ? fmt::format(", at most {}", bound(key.maximum)) : "";
}

std::string takes(const Key& key) {
  switch (key.type) {
    case KeyType::text:
      return "text";
    case KeyType::secret:
      return fmt::format("secret, or `{}_file` with the path of a file", key.name);
    case KeyType::integer:
      return "whole number" + range_of(key);
    case KeyType::number:
      return "number" + range_of(key);
    case KeyType::boolean:
      return "`true` or `false`";
    case KeyType::duration:
      return "duration" + range_of(key);
    case KeyType::choice:
      return fmt::format("`{}`", fmt::join(key.choices, "`, `"));
    case KeyType::command:
      return "command, as text or list";
    case KeyType::texts:
      return "list of texts";
    case KeyType::text_map:
      return "mapping of texts";
    case KeyType::time_zone:
      return "time zone";
    case KeyType::change:
      return R"(`+N`, `-N`, `"+N%"`, `"-N%"`, `"=N"`)";
    case KeyType::portion:
      return R"(servers as a whole number, or `"N%"` of the group's size, at most 100%)";
    case KeyType::percent:
      return R"(`"N%"`, more than 0% and less than 100%)";
    case KeyType::percents:
      return R"(list of `"N%"`, rising, each more than 0% and less than 100%)";
    case KeyType::version:
      return fmt::format("text: {}", kVersionForm);
    case KeyType::fallback:
      return "`hold`, `zero`, `last`, `{last: {for: 5m}}`, `{at_least: N}`";
    case KeyType::section:
      return "section";
    case KeyType::sections:
      return "list of sections";
    case KeyType::rest:
      return "any further keys, with any values";
  }
  std::abort();
}

std::string default_of(const Key& key) {
  if (key.required) return "**required**";
  const bool shown = !key.fallback.empty() && key.type != KeyType::section && key.type != KeyType::sections;
  return shown ? fmt::format("`{}`", key.fallback) : "";
}

/// One row for each key; those of nested sections follow their section, with its name in front.
void write_rows(std::string& text, std::span<const Key> table, const std::string& prefix) {
  for (const Key& key : table) {
    text += fmt::format("| `{}{}` | {} | {} | {} |\n", prefix, key.name, cell(takes(key)), cell(default_of(key)), cell(key.doc));
    const std::string_view list = key.type == KeyType::sections ? "[]" : "";
    write_rows(text, key.keys, fmt::format("{}{}{}.", prefix, key.name, list));
  }
}

void write_table(std::string& text, std::span<const Key> table) {
  if (table.empty()) {
    text += "No keys.\n\n";
    return;
  }
  text += "| key | takes | default | meaning |\n|---|---|---|---|\n";
  write_rows(text, table, "");
  text += "\n";
}

/// `controller`, `prometheus` and `notifications`: the root's sections that have a table of their own.
void write_root(std::string& text) {
  for (const Key& key : root_keys()) {
    if (key.keys.empty()) continue;
    text += fmt::format("## {}\n\n{}\n\n", key.name, key.doc);
    write_table(text, key.keys);
  }
}

void write_providers(std::string& text, std::span<const ProviderType> catalog) {
  text += "## providers\n\nA mapping of names of your choice to providers; `type` says which keys each has.\n\n";
  for (const ProviderType& type : catalog) {
    text += fmt::format("### type: {}\n\n{}\n\n", type.name, type.doc);
    if (!type.provider_keys.empty()) write_table(text, type.provider_keys);
    text += "Keys of a group's `server` section:\n\n";
    write_table(text, type.server_keys);
    const bool fixed = !type.elastic;
    if (fixed) text += "The servers are fixed: the group has no `min`, `max`, `policies`, `scale_out` or `scale_in`.\n\n";
  }
}

template <typename Type>
void write_family(std::string& text, std::string_view title, std::string_view where, std::span<const Key> common,
                  std::span<const Type> catalog) {
  text += fmt::format("## {}\n\nA list in {}; `type` says which keys each has.\n\n", title, where);
  if (!common.empty()) write_table(text, common);
  for (const Type& type : catalog) {
    text += fmt::format("### type: {}\n\n{}\n\n", type.name, type.doc);
    write_table(text, type.keys);
  }
}

constexpr const char* kPreface =
    "# Configuration\n\n"
    "One YAML file (JSON works too). Durations carry units, largest first: `2d`, `1h30m`, `5m`, `90s`, `250ms`. `${NAME}` in any "
    "value takes an environment variable, `$${` is a plain `${`. A secret can come from a file: the key with `_file` takes its "
    "path. "
    "Commands are a text, split as a shell splits words but run by none, or a list. Anchors, aliases and `<<` work. Unknown keys, "
    "wrong types and impossible values are errors, all reported at once.\n\n";

}  // namespace

std::string config_reference(const Catalogs& catalogs) {
  std::string text = kPreface;
  write_root(text);
  write_providers(text, catalogs.providers);
  text += "## groups\n\nA list; each entry is one fleet.\n\n";
  write_table(text, group_keys());
  write_family(text, "policies", "a group", policy_keys(), catalogs.policies);
  write_family(text, "balancers", "a group", {}, catalogs.balancers);
  write_family(text, "receivers", "`notifications`", receiver_keys(), catalogs.receivers);
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

}  // namespace weir
