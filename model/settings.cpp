#include "model/settings.h"

#include <cstdio>
#include <cstdlib>

namespace weir {
namespace {

template <typename T>
const T& as(const Settings::Value& value, std::string_view key) {
  if (const T* held = std::get_if<T>(&value)) return *held;
  // A table and the code that reads it disagree: a bug no caller can handle.
  (void)std::fprintf(stderr, "weir: bug: setting '%.*s' read as the wrong type\n", static_cast<int>(key.size()), key.data());
  std::abort();
}

}  // namespace

const Settings::Value* Settings::find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second.value;
}

bool Settings::has(std::string_view key) const { return find(key) != nullptr; }

const std::string& Settings::text(std::string_view key) const {
  static const std::string none;
  const Value* value = find(key);
  return value != nullptr ? as<std::string>(*value, key) : none;
}

int Settings::integer(std::string_view key) const {
  const Value* value = find(key);
  return value != nullptr ? static_cast<int>(as<std::int64_t>(*value, key)) : 0;
}

double Settings::number(std::string_view key) const {
  const Value* value = find(key);
  return value != nullptr ? as<double>(*value, key) : 0;
}

bool Settings::boolean(std::string_view key) const {
  const Value* value = find(key);
  return value != nullptr && as<bool>(*value, key);
}

Duration Settings::duration(std::string_view key) const {
  const Value* value = find(key);
  return value != nullptr ? as<Duration>(*value, key) : Duration{0};
}

const Settings::Texts& Settings::texts(std::string_view key) const {
  static const Texts none;
  const Value* value = find(key);
  return value != nullptr ? as<Texts>(*value, key) : none;
}

const Settings::TextMap& Settings::text_map(std::string_view key) const {
  static const TextMap none;
  const Value* value = find(key);
  return value != nullptr ? as<TextMap>(*value, key) : none;
}

const Settings::Numbers& Settings::numbers(std::string_view key) const {
  static const Numbers none;
  const Value* value = find(key);
  return value != nullptr ? as<Numbers>(*value, key) : none;
}

Portion Settings::portion(std::string_view key) const {
  const Value* value = find(key);
  return value != nullptr ? as<Portion>(*value, key) : Portion{};
}

const Change& Settings::change(std::string_view key) const {
  static const Change none;
  const Value* value = find(key);
  return value != nullptr ? as<Change>(*value, key) : none;
}

Fallback Settings::fallback(std::string_view key) const {
  const Value* value = find(key);
  return value != nullptr ? as<Fallback>(*value, key) : Fallback{};
}

TimeZone Settings::time_zone(std::string_view key) const {
  const Value* value = find(key);
  return value != nullptr ? as<TimeZone>(*value, key) : TimeZone{};
}

const Settings& Settings::section(std::string_view key) const {
  static const Settings none;
  const Sections& held = sections(key);
  return held.empty() ? none : held.front();
}

const Settings::Sections& Settings::sections(std::string_view key) const {
  static const Sections none;
  const Value* value = find(key);
  return value != nullptr ? as<Sections>(*value, key) : none;
}

void Settings::set(std::string_view key, Value value, SourceMark mark) {
  values_.insert_or_assign(std::string(key), Entry{std::move(value), mark});
}

SourceMark Settings::mark(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? SourceMark{} : found->second.mark;
}

bool Settings::operator==(const Settings& other) const {
  if (values_.size() != other.values_.size()) return false;
  for (auto left = values_.begin(), right = other.values_.begin(); left != values_.end(); ++left, ++right) {
    // Marks do not count: the same settings on another line are the same settings.
    if (left->first != right->first || left->second.value != right->second.value) return false;
  }
  return true;
}

}  // namespace weir
