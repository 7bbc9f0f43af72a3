#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace weir {

/// Checks a JSON value against the part of JSON Schema (draft 2020-12) that our schema uses. Gives the first complaint, empty if
/// there is none; a keyword it does not know is a complaint too, so nothing in the schema goes unchecked.
[[nodiscard]] std::string schema_complaint(const nlohmann::json& root, const nlohmann::json& value);

}  // namespace weir
