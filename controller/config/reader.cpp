#include "controller/config/reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "controller/config/values.h"
#include "model/limits.h"
#include "model/text.h"
#include "platform/time_zones.h"

namespace weir {
namespace {

constexpr std::string_view kFileSuffix = "_file";
constexpr Duration kLastWindow{300'000};
constexpr std::string_view kPercent = R"(a percentage such as "25%")";

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

/// A user's word in a message: one line, not too long.
std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 48;
  std::string result(text.substr(0, kLongest));
  std::ranges::replace_if(result, is_control, ' ');
  if (text.size() <= kLongest) return result;
  // Not in the middle of a UTF-8 sequence.
  while (!result.empty() && (static_cast<unsigned char>(result.back()) & 0xC0U) == 0x80U) result.pop_back();
  if (!result.empty() && static_cast<unsigned char>(result.back()) >= 0xC0U) result.pop_back();
  return result + "…";
}

std::string found(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::nothing:
      return "found nothing";
    case YamlNode::Kind::list:
      return "found a list";
    case YamlNode::Kind::scalar:
      return fmt::format("found '{}'", shown(node.text));
    case YamlNode::Kind::mapping:
      break;
  }
  const bool braces = node.entries.size() == 1 && node.entries[0].value.kind == YamlNode::Kind::nothing;
  if (braces) return fmt::format("found a mapping: braces in a text need quotes, \"{{{}}}\"", shown(node.entries[0].key));
  return "found a mapping";
}

const Key* key_named(std::span<const Key> table, std::string_view name) {
  const auto key = std::ranges::find(table, name, &Key::name);
  return key == table.end() || key->type == KeyType::rest ? nullptr : &*key;
}

const Key* rest_of(std::span<const Key> table) {
  const auto key = std::ranges::find(table, KeyType::rest, &Key::type);
  return key == table.end() ? nullptr : &*key;
}

/// The secret that a key such as `token_file` brings; nullptr if it brings none.
const Key* secret_from_file(std::span<const Key> table, std::string_view name) {
  if (!name.ends_with(kFileSuffix)) return nullptr;
  const Key* key = key_named(table, name.substr(0, name.size() - kFileSuffix.size()));
  return key != nullptr && key->type == KeyType::secret ? key : nullptr;
}

std::vector<std::string_view> names_of(std::span<const Key> table) {
  std::vector<std::string_view> names;
  for (const Key& key : table) {
    if (key.type != KeyType::rest) names.push_back(key.name);
  }
  return names;
}

bool is_typed_section(const Key& key) {
  return (key.type == KeyType::section || key.type == KeyType::sections) && key.keys.empty();
}

std::string range_text(const Key& key, std::string_view unit) {
  const bool low = key.minimum > -1e299;
  const bool high = key.maximum < 1e299;
  const auto bound = [&](double value) {
    return unit.empty() ? fmt::format("{}", value) : format_duration(Duration(static_cast<std::int64_t>(value * 1000)));
  };
  if (low && high) return fmt::format("expected {} to {}", bound(key.minimum), bound(key.maximum));
  return low ? fmt::format("expected at least {}", bound(key.minimum)) : fmt::format("expected at most {}", bound(key.maximum));
}

double magnitude(Duration value) { return static_cast<double>(value.count()) / 1000; }
double magnitude(std::int64_t value) { return static_cast<double>(value); }
double magnitude(double value) { return value; }

}  // namespace

std::string join_path(const std::string& parent, std::string_view key) {
  return parent.empty() ? shown(key) : fmt::format("{}.{}", parent, shown(key));
}

std::string join_path(const std::string& parent, std::size_t index) { return fmt::format("{}[{}]", parent, index); }

Reader::Reader(std::filesystem::path file, const Environment& environment) : file_(std::move(file)), environment_(environment) {}

void Reader::complain(SourceMark mark, std::string path, std::string message) {
  // Other people's checks quote what stands in the file, line breaks and all.
  std::ranges::replace_if(message, is_control, ' ');
  errors_.push_back({file_.string(), mark.line, mark.column, std::move(path), std::move(message)});
}

void Reader::complain_missing(const YamlNode& parent, const Key& key, const std::string& path) {
  const bool from_file = key.type == KeyType::secret;
  complain(parent.mark, join_path(path, key.name),
           fmt::format("required but missing{}: {}", from_file ? fmt::format(" (or {}_file)", key.name) : "", key.doc));
}

void Reader::complain_unknown(SourceMark mark, std::string path, std::string_view what, std::string_view name,
                              std::span<const std::string_view> known) {
  // Guessing takes time, and a file with this many errors was not meant for weir.
  constexpr std::size_t kMany = 200;
  const std::string_view near = errors_.size() < kMany ? nearest(name, {known.begin(), known.end()}) : std::string_view();
  const std::string hint = near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
  // A path that ends in the unknown word itself need not repeat it.
  const std::string word = what == "key" ? "" : fmt::format(" '{}'", shown(name));
  complain(mark, std::move(path), fmt::format("unknown {}{}{} (known {}s: {})", what, word, hint, what, fmt::join(known, ", ")));
}

ConfigErrors Reader::take_errors() {
  std::ranges::sort(errors_, {}, [](const ConfigError& error) { return std::tie(error.line, error.column, error.path); });
  return std::move(errors_);
}

std::vector<const YamlEntry*> Reader::entries(const YamlNode& node, const std::string& path) {
  if (node.kind == YamlNode::Kind::nothing) return {};
  if (node.kind != YamlNode::Kind::mapping) {
    complain(node.mark, path, fmt::format("expected a mapping (key: value), {}", found(node)));
    return {};
  }
  std::vector<const YamlEntry*> unique;
  std::set<std::string_view> seen;
  for (const YamlEntry& entry : node.entries) {
    if (seen.insert(entry.key).second) {
      unique.push_back(&entry);
      continue;
    }
    complain(entry.mark, join_path(path, entry.key), fmt::format("the key stands here twice, first in line {}", [&] {
               return std::ranges::find(node.entries, entry.key, &YamlEntry::key)->mark.line;
             }()));
  }
  return unique;
}

std::span<const YamlNode> Reader::items(const YamlNode& node, const std::string& path) {
  if (node.kind == YamlNode::Kind::list) return node.items;
  if (node.kind != YamlNode::Kind::nothing) complain(node.mark, path, fmt::format("expected a list, {}", found(node)));
  return {};
}

std::optional<std::string> Reader::scalar(const YamlNode& node, const std::string& path, std::string_view expected) {
  if (node.kind != YamlNode::Kind::scalar) {
    complain(node.mark, path, fmt::format("expected {}, {}", expected, found(node)));
    return std::nullopt;
  }
  auto text = substitute(node.text, environment_);
  if (!text) {
    complain(node.mark, path, std::move(text.error()));
    return std::nullopt;
  }
  // A zero byte ends an argument or a path early; what is not UTF-8 cannot be shown as JSON.
  if (!text->contains('\0') && is_utf8(*text)) return *std::move(text);
  complain(node.mark, path, fmt::format("expected {} in UTF-8 and without zero bytes", expected));
  return std::nullopt;
}

Settings Reader::read(const YamlNode& node, std::span<const Key> table, const std::string& path) {
  Settings settings;
  const auto found_entries = entries(node, path);
  read_entries(found_entries, table, path, settings);
  if (const Key* rest = rest_of(table)) settings.set(rest->name, read_rest(found_entries, table, path), node.mark);
  const bool is_mapping = node.kind == YamlNode::Kind::mapping || node.kind == YamlNode::Kind::nothing;
  for (const Key& key : table) {
    const std::string from_file = fmt::format("{}{}", key.name, kFileSuffix);
    const bool present = std::ranges::any_of(found_entries, [&](const YamlEntry* entry) {
      return entry->key == key.name || (key.type == KeyType::secret && entry->key == from_file);
    });
    if (present) continue;
    if (key.required && is_mapping) complain_missing(node, key, path);
    if (auto value = default_value(key, join_path(path, key.name))) settings.set(key.name, *std::move(value));
  }
  return settings;
}

void Reader::read_entries(std::span<const YamlEntry* const> found, std::span<const Key> table, const std::string& path,
                          Settings& into) {
  for (const YamlEntry* entry : found) read_entry(*entry, table, path, into);
}

void Reader::read_entry(const YamlEntry& entry, std::span<const Key> table, const std::string& path, Settings& into) {
  const std::string here = join_path(path, entry.key);
  const Key* key = key_named(table, entry.key);
  if (key == nullptr) {
    const Key* secret = secret_from_file(table, entry.key);
    if (secret != nullptr) return read_secret_file(entry, *secret, path, into);
    if (rest_of(table) != nullptr) return;
    return complain_unknown(entry.mark, here, "key", entry.key, names_of(table));
  }
  if (is_typed_section(*key)) return;
  if (auto read_value = value(entry.value, *key, here)) into.set(key->name, *std::move(read_value), entry.value.mark);
}

std::string Reader::read_rest(std::span<const YamlEntry* const> found, std::span<const Key> table, const std::string& path) {
  std::string members;
  for (const YamlEntry* entry : found) {
    const bool is_ours = key_named(table, entry->key) != nullptr || secret_from_file(table, entry->key) != nullptr;
    if (!is_ours) append_member(members, *entry, path);
  }
  return fmt::format("{{{}}}", members);
}

void Reader::append_member(std::string& members, const YamlEntry& entry, const std::string& path) {
  const std::string here = join_path(path, entry.key);
  if (!is_utf8(entry.key)) return complain(entry.mark, here, "expected a key in UTF-8");
  members += fmt::format("{}{}:{}", members.empty() ? "" : ",", nlohmann::json(entry.key).dump(), json_text(entry.value, here));
}

/// The value as JSON. A scalar without quotes is what JSON takes it for: a number, true, false or null; all else is text.
std::string Reader::json_text(const YamlNode& node, const std::string& path) {
  switch (node.kind) {
    case YamlNode::Kind::nothing:
      return "null";
    case YamlNode::Kind::scalar:
      return json_scalar(node, path);
    case YamlNode::Kind::list: {
      std::vector<std::string> texts;
      for (const YamlNode& item : node.items) texts.push_back(json_text(item, join_path(path, texts.size())));
      return fmt::format("[{}]", fmt::join(texts, ","));
    }
    case YamlNode::Kind::mapping: {
      std::string members;
      for (const YamlEntry* entry : entries(node, path)) append_member(members, *entry, path);
      return fmt::format("{{{}}}", members);
    }
  }
  std::abort();
}

std::string Reader::json_scalar(const YamlNode& node, const std::string& path) {
  const auto text = scalar(node, path, "text, a number, true or false");
  if (!text) return "null";
  if (node.quoted) return nlohmann::json(*text).dump();
  const auto value = nlohmann::json::parse(*text, nullptr, false);
  const bool literal = value.is_number() || value.is_boolean() || value.is_null();
  return (literal ? value : nlohmann::json(*text)).dump();
}

void Reader::read_secret_file(const YamlEntry& entry, const Key& key, const std::string& path, Settings& into) {
  const std::string here = join_path(path, entry.key);
  if (into.has(key.name)) {
    return complain(entry.mark, here, fmt::format("expected either '{}' or '{}', not both", key.name, entry.key));
  }
  const auto name = scalar(entry.value, here, "the path of a file");
  if (!name) return;
  auto content = environment_.read_file ? environment_.read_file(*name) : failure(ErrorKind::denied, "no files can be read here");
  if (!content) return complain(entry.value.mark, here, content.error().message);
  while (content->ends_with('\n') || content->ends_with('\r')) content->pop_back();
  if (content->empty()) return complain(entry.value.mark, here, fmt::format("expected a secret in {}, found an empty file", *name));
  into.set(key.name, *std::move(content), entry.value.mark);
}

Reader::Value Reader::default_value(const Key& key, const std::string& path) {
  if (key.fallback.empty()) return std::nullopt;
  if (key.fallback == "{}") return value({}, key, path);
  const bool structured = key.fallback.starts_with('{') || key.fallback.starts_with('[');
  if (!structured) return value({.kind = YamlNode::Kind::scalar, .text = std::string(key.fallback)}, key, path);
  auto node = parse_yaml(key.fallback);
  // A table with a default that is no YAML is a bug no user can mend.
  if (!node) std::abort();
  node->mark = {};
  return value(*node, key, path);
}

Reader::Value Reader::value(const YamlNode& node, const Key& key, const std::string& path) {
  switch (key.type) {
    case KeyType::text:
    case KeyType::secret:
      return text(node, key, path);
    case KeyType::integer:
      return in_range(node, key, path, "a whole number", parse_integer);
    case KeyType::number:
      return in_range(node, key, path, "a number", parse_number);
    case KeyType::duration:
      return in_range(node, key, path, "a duration such as 90s, 5m or 1h30m", parse_duration);
    case KeyType::boolean:
      return parsed(node, path, "true or false", parse_boolean);
    case KeyType::change:
      return parsed(node, path, R"(a change: +N, -N, "+N%", "-N%" or "=N")", parse_change);
    case KeyType::portion:
      return parsed(node, path, R"(a whole number of servers or a percentage such as "25%")", parse_portion);
    case KeyType::percent:
      return parsed(node, path, kPercent, parse_percent);
    case KeyType::percents:
      return percents(node, path);
    case KeyType::version:
      return parsed(node, path, "a version as text", parse_version);
    case KeyType::time_zone:
      return time_zone(node, path);
    case KeyType::choice:
      return choice(node, key, path);
    case KeyType::command:
      return command(node, path);
    case KeyType::texts:
      return texts(node, path);
    case KeyType::text_map:
      return text_map(node, path);
    case KeyType::fallback:
      return fallback(node, path);
    case KeyType::section:
      return Settings::Sections{read(node, key.keys, path)};
    case KeyType::sections:
      return sections(node, key, path);
    case KeyType::rest:
      break;  // no single entry is its value
  }
  std::abort();
}

Reader::Value Reader::time_zone(const YamlNode& node, const std::string& path) {
  const auto name = scalar(node, path, "the name of a time zone");
  if (!name) return std::nullopt;
  // The one that needs no database.
  if (*name == "UTC") return TimeZone{};
  auto zone = load_time_zone(*name);
  if (zone) return *std::move(zone);
  complain(node.mark, path, zone.error().message);
  return std::nullopt;
}

Reader::Value Reader::text(const YamlNode& node, const Key& key, const std::string& path) {
  auto value = scalar(node, path, key.type == KeyType::secret ? "a secret as text" : "text");
  if (!value) return std::nullopt;
  if (value->empty() && (key.required || key.type == KeyType::secret)) {
    complain(node.mark, path, "expected text, found an empty one");
    return std::nullopt;
  }
  return *std::move(value);
}

template <typename Parse>
Reader::Value Reader::parsed(const YamlNode& node, const std::string& path, std::string_view expected, Parse parse) {
  const auto text = scalar(node, path, expected);
  if (!text) return std::nullopt;
  auto value = parse(*text);
  if (value) return *std::move(value);
  // What the file says, not what a variable holds: that may be a secret.
  const Mismatch& mismatch = value.error();
  complain(node.mark, path,
           fmt::format("{}, {}{}{}", mismatch.expected, found(node), mismatch.hint.empty() ? "" : ": ", mismatch.hint));
  return std::nullopt;
}

template <typename Parse>
Reader::Value Reader::in_range(const YamlNode& node, const Key& key, const std::string& path, std::string_view expected,
                               Parse parse) {
  const bool is_text = node.quoted && key.type != KeyType::duration && !node.text.contains("${");
  if (is_text) {
    complain(node.mark, path, fmt::format("expected {}, found the text \"{}\": remove the quotes", expected, shown(node.text)));
    return std::nullopt;
  }
  Value value = parsed(node, path, expected, parse);
  if (!value) return std::nullopt;
  using Held = typename decltype(parse(std::string_view()))::value_type;
  const double size = magnitude(std::get<Held>(*value));
  if (size >= key.minimum && size <= key.maximum) return value;
  const std::string_view unit = key.type == KeyType::duration ? "s" : "";
  complain(node.mark, path, fmt::format("{}, {}", range_text(key, unit), found(node)));
  return std::nullopt;
}

Reader::Value Reader::choice(const YamlNode& node, const Key& key, const std::string& path) {
  const std::string expected = fmt::format("one of {}", fmt::join(key.choices, ", "));
  auto text = scalar(node, path, expected);
  if (!text) return std::nullopt;
  if (std::ranges::find(key.choices, *text) != key.choices.end()) return *std::move(text);
  const std::string_view near = nearest(node.text, {key.choices.begin(), key.choices.end()});
  const std::string hint = near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
  complain(node.mark, path, fmt::format("expected {}, {}{}", expected, found(node), hint));
  return std::nullopt;
}

Reader::Value Reader::command(const YamlNode& node, const std::string& path) {
  if (node.kind != YamlNode::Kind::list) return command_text(node, path);
  Value words = texts(node, path);
  const bool empty = words && (std::get<Settings::Texts>(*words).empty() || std::get<Settings::Texts>(*words).front().empty());
  if (!empty) return words;
  complain(node.mark, path, "expected a command, found no word");
  return std::nullopt;
}

Reader::Value Reader::command_text(const YamlNode& node, const std::string& path) {
  const auto text = scalar(node, path, "a command as text or as a list of words");
  if (!text) return std::nullopt;
  auto words = parse_command(*text);
  if (words) return *std::move(words);
  // Not shown: a command may have a secret among its words.
  const Mismatch& mismatch = words.error();
  complain(node.mark, path,
           mismatch.hint.empty() ? "expected a command, found no word" : fmt::format("{}: {}", mismatch.expected, mismatch.hint));
  return std::nullopt;
}

Reader::Value Reader::texts(const YamlNode& node, const std::string& path) {
  if (node.kind == YamlNode::Kind::scalar) {
    complain(node.mark, path, fmt::format("expected a list of texts, {}: write it as [{}]", found(node), shown(node.text)));
    return std::nullopt;
  }
  Settings::Texts values;
  const auto list = items(node, path);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (auto value = scalar(list[i], join_path(path, i), "text")) values.push_back(*std::move(value));
  }
  return values;
}

Reader::Value Reader::text_map(const YamlNode& node, const std::string& path) {
  Settings::TextMap values;
  for (const YamlEntry* entry : entries(node, path)) {
    if (auto value = scalar(entry->value, join_path(path, entry->key), "text")) values.emplace(entry->key, *std::move(value));
  }
  return values;
}

Reader::Value Reader::percents(const YamlNode& node, const std::string& path) {
  if (node.kind == YamlNode::Kind::scalar) {
    complain(node.mark, path,
             fmt::format("expected a list of percentages, {}: write it as [\"{}\"]", found(node), shown(node.text)));
    return std::nullopt;
  }
  Settings::Numbers values;
  const auto list = items(node, path);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string here = join_path(path, i);
    const Value value = parsed(list[i], here, kPercent, parse_percent);
    if (!value) continue;
    const double number = std::get<double>(*value);
    const bool rises = values.empty() || number > values.back();
    if (!rises)
      complain(list[i].mark, here, fmt::format("expected more than the {:g}% before it, {}", values.back(), found(list[i])));
    if (rises) values.push_back(number);
  }
  return values;
}

Reader::Value Reader::fallback(const YamlNode& node, const std::string& path) {
  if (node.kind == YamlNode::Kind::mapping) return fallback_mapping(node, path);
  constexpr std::string_view kExpected = "hold, zero, last, {last: {for: 5m}} or {at_least: N}";
  const auto text = scalar(node, path, kExpected);
  if (!text) return std::nullopt;
  if (*text == "hold") return Fallback{};
  if (*text == "zero") return Fallback{.kind = Fallback::Kind::zero};
  if (*text == "last") return Fallback{.kind = Fallback::Kind::last, .window = kLastWindow};
  complain(node.mark, path, fmt::format("expected {}, {}", kExpected, found(node)));
  return std::nullopt;
}

Reader::Value Reader::fallback_mapping(const YamlNode& node, const std::string& path) {
  static constexpr Key kAtLeast = {.name = "at_least", .type = KeyType::integer, .minimum = 0, .maximum = kMostServers};
  const auto found_entries = entries(node, path);
  if (find(node, "last") != nullptr) return fallback_last(node, path);
  const bool at_least = found_entries.size() == 1 && found_entries[0]->key == kAtLeast.name;
  if (!at_least) {
    complain(node.mark, path, "expected {last: {for: 5m}} or {at_least: N}, found a mapping with other keys");
    return std::nullopt;
  }
  const Value servers = value(found_entries[0]->value, kAtLeast, join_path(path, kAtLeast.name));
  if (!servers) return std::nullopt;
  return Fallback{.kind = Fallback::Kind::at_least, .servers = static_cast<int>(std::get<std::int64_t>(*servers))};
}

/// `{last: {for: 5m}}`, or for short `{last: 5m}` or `{last, for: 5m}`.
Reader::Value Reader::fallback_last(const YamlNode& node, const std::string& path) {
  static constexpr Key kFor[] = {
      {.name = "for", .type = KeyType::duration, .doc = "How old the last good value may be.", .required = true, .minimum = 1}};
  static constexpr Key kLast[] = {kFor[0], {.name = "last", .type = KeyType::section}};
  const YamlNode& last = *find(node, "last");
  const std::string here = join_path(path, "last");
  const auto of = [](Duration window) { return Fallback{.kind = Fallback::Kind::last, .window = window}; };
  const std::size_t before = error_count();
  if (last.kind == YamlNode::Kind::nothing) {
    const Settings settings = read(node, kLast, path);
    return error_count() == before ? Value(of(settings.duration("for"))) : std::nullopt;
  }
  if (node.entries.size() != 1) {
    complain(node.mark, path, "expected {last: {for: 5m}}, found further keys");
    return std::nullopt;
  }
  if (last.kind == YamlNode::Kind::mapping) {
    const Settings settings = read(last, kFor, here);
    return error_count() == before ? Value(of(settings.duration("for"))) : std::nullopt;
  }
  const Value window = value(last, kFor[0], here);
  return window ? Value(of(std::get<Duration>(*window))) : std::nullopt;
}

Reader::Value Reader::sections(const YamlNode& node, const Key& key, const std::string& path) {
  Settings::Sections values;
  const auto list = items(node, path);
  for (std::size_t i = 0; i < list.size(); ++i) values.push_back(read(list[i], key.keys, join_path(path, i)));
  return values;
}

}  // namespace weir
