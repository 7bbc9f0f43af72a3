#include "controller/config/key_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>

#include "model/version.h"

namespace weir {
namespace {

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

void each_key_below(std::span<const Key> table, const std::string& prefix, const VisitKey& visit) {
  for (const Key& key : table) {
    visit(key, fmt::format("{}{}", prefix, key.name));
    const std::string_view list = key.type == KeyType::sections ? "[]" : "";
    each_key_below(key.keys, fmt::format("{}{}{}.", prefix, key.name, list), visit);
  }
}

}  // namespace

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
  const bool shown = !key.required && key.type != KeyType::section && key.type != KeyType::sections;
  return std::string(shown ? key.fallback : "");
}

void each_key(std::span<const Key> table, const VisitKey& visit) { each_key_below(table, "", visit); }

}  // namespace weir
