#include "tests/config/json_schema.h"

#include <functional>
#include <map>
#include <regex>

namespace weir {
namespace {

using nlohmann::json;

bool is_of_type(const json& value, const std::string& type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  return type == value.type_name();
}

/// One value against one schema, keyword by keyword.
class Check {
 public:
  explicit Check(const json& root) : root_(root) {}

  std::string complaint(const json& schema, const json& value, const std::string& at) const {
    if (schema.is_boolean()) return schema.get<bool>() ? "" : at + ": not allowed here";
    for (const auto& [keyword, rule] : schema.items()) {
      const std::string found = keyword_complaint(keyword, rule, schema, value, at);
      if (!found.empty()) return found;
    }
    return "";
  }

 private:
  using Rule =
      std::function<std::string(const Check&, const json& rule, const json& schema, const json& value, const std::string& at)>;

  static std::string unless(bool right, const std::string& at, const std::string& keyword) {
    return right ? "" : at + ": " + keyword;
  }

  std::string keyword_complaint(const std::string& keyword, const json& rule, const json& schema, const json& value,
                                const std::string& at) const {
    static const std::map<std::string, Rule> rules = all_rules();
    const auto found = rules.find(keyword);
    if (found == rules.end()) return at + ": the schema has the unknown keyword " + keyword;
    return found->second(*this, rule, schema, value, at);
  }

  static std::map<std::string, Rule> all_rules() {
    std::map<std::string, Rule> rules;
    for (const char* annotation : {"$schema", "$defs", "title", "description", "default", "writeOnly", "then"}) {
      rules[annotation] = [](auto&&...) { return std::string(); };
    }
    rules["$ref"] = [](const Check& check, const json& rule, const json&, const json& value, const std::string& at) {
      return check.complaint(check.root_.at(json::json_pointer(rule.get<std::string>().substr(1))), value, at);
    };
    rules["type"] = [](const Check&, const json& rule, const json&, const json& value, const std::string& at) {
      const json types = rule.is_array() ? rule : json::array({rule});
      bool right = false;
      for (const json& type : types) right = right || is_of_type(value, type);
      return unless(right, at, "expected type " + rule.dump());
    };
    rules["enum"] = [](const Check&, const json& rule, const json&, const json& value, const std::string& at) {
      return unless(std::ranges::find(rule, value) != rule.end(), at, "expected one of " + rule.dump());
    };
    rules["const"] = [](const Check&, const json& rule, const json&, const json& value, const std::string& at) {
      return unless(value == rule, at, "expected " + rule.dump());
    };
    add_bounds(rules);
    add_containers(rules);
    add_combinations(rules);
    return rules;
  }

  static void add_bounds(std::map<std::string, Rule>& rules) {
    rules["minimum"] = [](const Check&, const json& rule, const json&, const json& value, const std::string& at) {
      return unless(!value.is_number() || value.get<double>() >= rule.get<double>(), at, "below the minimum");
    };
    rules["maximum"] = [](const Check&, const json& rule, const json&, const json& value, const std::string& at) {
      return unless(!value.is_number() || value.get<double>() <= rule.get<double>(), at, "above the maximum");
    };
    rules["minLength"] = [](const Check&, const json& rule, const json&, const json& value, const std::string& at) {
      return unless(!value.is_string() || value.get<std::string>().size() >= rule.get<std::size_t>(), at, "too short");
    };
    rules["minItems"] = [](const Check&, const json& rule, const json&, const json& value, const std::string& at) {
      return unless(!value.is_array() || value.size() >= rule.get<std::size_t>(), at, "too few");
    };
    rules["pattern"] = [](const Check&, const json& rule, const json&, const json& value, const std::string& at) {
      return unless(!value.is_string() || std::regex_search(value.get<std::string>(), std::regex(rule.get<std::string>())), at,
                    "does not look like " + rule.dump());
    };
  }

  static void add_containers(std::map<std::string, Rule>& rules) {
    rules["properties"] = [](const Check& check, const json& rule, const json&, const json& value, const std::string& at) {
      std::string first;
      for (const auto& [name, property] : rule.items()) {
        const bool present = first.empty() && value.is_object() && value.contains(name);
        if (present) first = check.complaint(property, value.at(name), at + "/" + name);
      }
      return first;
    };
    rules["additionalProperties"] = [](const Check& check, const json& rule, const json& schema, const json& value,
                                       const std::string& at) {
      std::string first;
      const json known = schema.value("properties", json::object());
      const json members = value.is_object() ? value : json::object();
      for (const auto& [name, property] : members.items()) {
        if (first.empty() && !known.contains(name)) first = check.complaint(rule, property, at + "/" + name);
      }
      return first;
    };
    rules["required"] = [](const Check&, const json& rule, const json&, const json& value, const std::string& at) {
      std::string first;
      for (const json& name : rule) {
        const bool missing = first.empty() && value.is_object() && !value.contains(name.get<std::string>());
        if (missing) first = at + ": lacks " + name.get<std::string>();
      }
      return first;
    };
    rules["items"] = [](const Check& check, const json& rule, const json&, const json& value, const std::string& at) {
      std::string first;
      for (std::size_t i = 0; value.is_array() && i < value.size() && first.empty(); ++i) {
        first = check.complaint(rule, value[i], at + "/" + std::to_string(i));
      }
      return first;
    };
  }

  static void add_combinations(std::map<std::string, Rule>& rules) {
    rules["anyOf"] = [](const Check& check, const json& rule, const json&, const json& value, const std::string& at) {
      std::string all;
      for (const json& branch : rule) {
        const std::string found = check.complaint(branch, value, at);
        if (found.empty()) return found;
        all += (all.empty() ? "" : " | ") + found;
      }
      return all;
    };
    rules["allOf"] = [](const Check& check, const json& rule, const json&, const json& value, const std::string& at) {
      std::string first;
      for (const json& branch : rule) {
        if (first.empty()) first = check.complaint(branch, value, at);
      }
      return first;
    };
    rules["if"] = [](const Check& check, const json& rule, const json& schema, const json& value, const std::string& at) {
      const bool applies = check.complaint(rule, value, at).empty();
      return applies ? check.complaint(schema.at("then"), value, at) : std::string();
    };
  }

  const json& root_;
};

}  // namespace

std::string schema_complaint(const json& root, const json& value) { return Check(root).complaint(root, value, ""); }

}  // namespace weir
