#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace weir::kubernetes {

/// The value below these keys; null where one of them is missing or holds something else than an object.
[[nodiscard]] inline const nlohmann::json& field(const nlohmann::json& root, std::initializer_list<std::string_view> keys) {
  static const nlohmann::json none;
  const nlohmann::json* value = &root;
  for (const std::string_view key : keys) {
    if (!value->is_object()) return none;
    const auto found = value->find(key);
    if (found == value->end()) return none;
    value = &*found;
  }
  return *value;
}

/// Text below these keys; empty if there is none.
[[nodiscard]] inline std::string text_field(const nlohmann::json& root, std::initializer_list<std::string_view> keys) {
  const nlohmann::json& value = field(root, keys);
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// A whole number below these keys; `otherwise` if there is none.
[[nodiscard]] inline int int_field(const nlohmann::json& root, std::initializer_list<std::string_view> keys, int otherwise) {
  const nlohmann::json& value = field(root, keys);
  if (!value.is_number_integer()) return otherwise;
  const auto number = value.get<std::int64_t>();
  return number < 0 || number > 1'000'000'000 ? otherwise : static_cast<int>(number);
}

/// A list below these keys; an empty one if there is none.
[[nodiscard]] inline const nlohmann::json& list_field(const nlohmann::json& root, std::initializer_list<std::string_view> keys) {
  static const nlohmann::json none = nlohmann::json::array();
  const nlohmann::json& value = field(root, keys);
  return value.is_array() ? value : none;
}

}  // namespace weir::kubernetes
