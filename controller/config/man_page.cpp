#include <fmt/format.h>

#include "controller/config/config.h"
#include "controller/config/key_words.h"
#include "controller/config/keys.h"
#include "controller/manual/roff.h"

namespace weir {
namespace {

std::string describe(const Key& key) {
  std::string text = fmt::format("{} Takes: {}.", key.doc, takes(key));
  if (key.required) text += " Required.";
  if (const std::string fallback = default_of(key); !fallback.empty()) text += fmt::format(" Default: `{}`.", fallback);
  return text;
}

void write_keys(std::string& page, std::span<const Key> table) {
  if (table.empty()) page += "No keys.\n";
  each_key(table, [&](const Key& key, const std::string& path) { page += roff_entry(path, describe(key)); });
}

void write_providers(std::string& page, std::span<const ProviderType> catalog) {
  page +=
      ".SH PROVIDERS\nThe section \\fBproviders\\fR maps names of your choice to providers; \\fBtype\\fR says which keys each "
      "has.\n";
  for (const ProviderType& type : catalog) {
    page += fmt::format(".SS type: {}\n{}\n", roff(type.name), roff(type.doc));
    if (!type.provider_keys.empty()) write_keys(page, type.provider_keys);
    page += ".PP\nKeys of a group's \\fBserver\\fR section:\n";
    write_keys(page, type.server_keys);
  }
}

template <typename Type>
void write_family(std::string& page, std::string_view title, std::string_view where, std::span<const Key> common,
                  std::span<const Type> catalog) {
  page += fmt::format(".SH {}\nA list in {}; \\fBtype\\fR says which keys each has.\n", title, where);
  if (!common.empty()) write_keys(page, common);
  for (const Type& type : catalog) {
    page += fmt::format(".SS type: {}\n{}\n", roff(type.name), roff(type.doc));
    write_keys(page, type.keys);
  }
}

constexpr std::string_view kPreface =
    "One YAML file (JSON works too). Durations carry units, largest first: `2d`, `1h30m`, `5m`, `90s`, `250ms`. `${NAME}` in any "
    "value takes an environment variable, `$${` is a plain `${`. A secret can come from a file: the key with `_file` takes its "
    "path. Commands are a text, split as a shell splits words but run by none, or a list. Unknown keys, wrong types and "
    "impossible values are errors, all reported at once by `weir validate`.\n";

}  // namespace

std::string config_man_page(const Catalogs& catalogs, std::string_view version) {
  std::string page = roff_title("WEIR.YAML", 5, version);
  page += ".SH NAME\nweir.yaml \\- configuration of weir\n.SH SYNOPSIS\n\\fI/etc/weir/weir.yaml\\fR\n.SH DESCRIPTION\n";
  page += roff(kPreface);
  for (const Key& key : root_keys()) {
    if (key.keys.empty()) continue;
    page += fmt::format(".SH SECTION {}\n{}\n", roff(key.name), roff(key.doc));
    write_keys(page, key.keys);
  }
  write_providers(page, catalogs.providers);
  page += ".SH GROUPS\nThe list \\fBgroups\\fR; each entry is one fleet.\n";
  write_keys(page, group_keys());
  write_family(page, "POLICIES", "a group", policy_keys(), catalogs.policies);
  write_family(page, "BALANCERS", "a group", balancer_keys(), catalogs.balancers);
  write_family(page, "RECEIVERS", "\\fBnotifications\\fR", receiver_keys(), catalogs.receivers);
  return page + ".SH SEE ALSO\n\\fBweir\\fR(1)\n";
}

}  // namespace weir
