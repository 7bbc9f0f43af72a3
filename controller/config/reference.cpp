#include <fmt/format.h>

#include "controller/config/config.h"
#include "controller/config/key_words.h"
#include "controller/config/keys.h"

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

std::string default_cell(const Key& key) {
  if (key.required) return "**required**";
  const std::string fallback = default_of(key);
  return fallback.empty() ? "" : cell(fmt::format("`{}`", fallback));
}

void write_table(std::string& text, std::span<const Key> table) {
  if (table.empty()) {
    text += "No keys.\n\n";
    return;
  }
  text += "| key | takes | default | meaning |\n|---|---|---|---|\n";
  each_key(table, [&](const Key& key, const std::string& path) {
    text += fmt::format("| `{}` | {} | {} | {} |\n", path, cell(takes(key)), default_cell(key), cell(key.doc));
  });
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
  write_family(text, "balancers", "a group", balancer_keys(), catalogs.balancers);
  write_family(text, "receivers", "`notifications`", receiver_keys(), catalogs.receivers);
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

}  // namespace weir
