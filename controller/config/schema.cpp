#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "controller/config/config.h"
#include "controller/config/keys.h"
#include "model/limits.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kVariable = R"(\$\{[A-Za-z_][A-Za-z0-9_]*\})";

Json reference(std::string_view definition) { return {{"$ref", fmt::format("#/$defs/{}", definition)}}; }

/// A document that holds only `value`, at that JSON pointer.
Json only(const char* pointer, Json value) {
  Json document;
  document[Json::json_pointer(pointer)] = std::move(value);
  return document;
}

/// A typed value, or text that becomes one when its variables are replaced.
Json or_variable(Json typed) { return {{"anyOf", Json::array({std::move(typed), reference("variable")})}}; }

Json bounded(const char* type, const Key& key) {
  Json schema = {{"type", type}};
  if (key.minimum > -1e299) schema["minimum"] = key.minimum;
  if (key.maximum < 1e299) schema["maximum"] = key.maximum;
  return or_variable(std::move(schema));
}

Json object_schema(std::span<const Key> table);

Json choice_schema(const Key& key) {
  Json choices = Json::array();
  for (const std::string_view choice : key.choices) choices.push_back(choice);
  return or_variable({{"enum", std::move(choices)}});
}

/// What a section holds; one without a table is defined by its type, under its own name in `$defs`.
Json section_schema(const Key& key) { return key.keys.empty() ? reference(key.name) : object_schema(key.keys); }

Json type_schema(const Key& key) {
  switch (key.type) {
    case KeyType::text:
      return key.required ? reference("required_text") : reference("text");
    case KeyType::secret:
      return {{"type", "string"}, {"minLength", 1}, {"writeOnly", true}};
    case KeyType::integer:
      return bounded("integer", key);
    case KeyType::number:
      return bounded("number", key);
    case KeyType::boolean:
      return or_variable({{"type", "boolean"}});
    case KeyType::choice:
      return choice_schema(key);
    case KeyType::section:
      return section_schema(key);
    case KeyType::sections:
      return {{"type", "array"}, {"items", section_schema(key)}};
    case KeyType::duration:
      return reference("duration");
    case KeyType::command:
      return reference("command");
    case KeyType::texts:
      return reference("texts");
    case KeyType::text_map:
      return reference("text_map");
    case KeyType::time_zone:
      return reference("text");
    case KeyType::change:
      return reference("change");
    case KeyType::portion:
      return reference("portion");
    case KeyType::percent:
      return reference("percent");
    case KeyType::percents:
      return {{"type", "array"}, {"items", reference("percent")}};
    case KeyType::version:
      return reference("version");
    case KeyType::fallback:
      return reference("fallback");
    case KeyType::rest:
      break;  // no property of its own
  }
  std::abort();
}

Json default_value(const Key& key) {
  const bool servers = key.type == KeyType::portion && !key.fallback.ends_with('%');
  const bool literal = servers || key.type == KeyType::integer || key.type == KeyType::number || key.type == KeyType::boolean;
  return literal ? Json::parse(key.fallback) : Json(key.fallback);
}

Json key_schema(const Key& key) {
  Json schema = type_schema(key);
  schema["description"] = key.doc;
  const bool shown = !key.fallback.empty() && key.type != KeyType::section && key.type != KeyType::sections;
  if (shown) schema["default"] = default_value(key);
  return schema;
}

/// A secret that must be there is there by itself or from a file.
Json required_secret(const Key& key) {
  const std::string name(key.name);
  return {{"anyOf", Json::array({{{"required", Json::array({name})}}, {{"required", Json::array({name + "_file"})}}})}};
}

Json object_schema(std::span<const Key> table) {
  Json properties = Json::object();
  Json required = Json::array();
  Json conditions = Json::array();
  Json others = false;
  for (const Key& key : table) {
    if (key.type == KeyType::rest) {
      others = {{"description", key.doc}};
      continue;
    }
    properties[std::string(key.name)] = key_schema(key);
    if (key.type == KeyType::secret) {
      properties[fmt::format("{}_file", key.name)] = {
          {"type", "string"}, {"minLength", 1}, {"description", fmt::format("A file that holds {}.", key.name)}};
    }
    if (key.required && key.type == KeyType::secret) conditions.push_back(required_secret(key));
    if (key.required && key.type != KeyType::secret) required.push_back(key.name);
  }
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", std::move(others)}};
  if (!required.empty()) schema["required"] = std::move(required);
  if (!conditions.empty()) schema["allOf"] = std::move(conditions);
  return schema;
}

/// One entry of a family: `type` picks the table. `keys_of` gives the type's own keys.
template <typename Type, typename KeysOf>
Json family_schema(std::span<const Type> catalog, std::span<const Key> common, KeysOf keys_of) {
  Json names = Json::array();
  Json branches = Json::array();
  for (const Type& type : catalog) {
    names.push_back(type.name);
    Json table = object_schema(keys_of(type));
    for (const Key& key : common) {
      table["properties"][std::string(key.name)] = key_schema(key);
      if (key.required) table["required"].push_back(key.name);
    }
    table["properties"]["type"] = {{"const", type.name}, {"description", type.doc}};
    branches.push_back({{"if", only("/properties/type/const", type.name)}, {"then", std::move(table)}});
  }
  return {{"type", "object"},
          {"properties", only("/type/enum", std::move(names))},
          {"required", Json::array({"type"})},
          {"allOf", std::move(branches)}};
}

bool takes_any_keys(const ProviderType& type) {
  return std::ranges::find(type.server_keys, KeyType::rest, &Key::type) != type.server_keys.end();
}

/// The `server` section of a group. Which provider the group has is out of the schema's sight, so any type's keys will do.
Json server_schema(std::span<const ProviderType> catalog) {
  Json any = Json::array();
  for (const ProviderType& type : catalog) any.push_back(object_schema(type.server_keys));
  return {{"anyOf", std::move(any)}};
}

/// As long as a file has no provider of a type that takes any keys, an unknown key of `server` is a mistake.
Json known_server_keys(std::span<const ProviderType> catalog) {
  Json types = Json::array();
  Json any = Json::array();
  for (const ProviderType& type : catalog) {
    if (takes_any_keys(type)) continue;
    types.push_back(type.name);
    any.push_back(object_schema(type.server_keys));
  }
  return {{"if", only("/properties/providers/additionalProperties/properties/type/enum", std::move(types))},
          {"then", only("/properties/groups/items/properties/server/anyOf", std::move(any))}};
}

Json fallback_schema() {
  const Json window = {{"type", "object"},
                       {"properties", {{"for", reference("duration")}}},
                       {"required", Json::array({"for"})},
                       {"additionalProperties", false}};
  const Json value = {{"anyOf", Json::array({{{"type", "null"}}, reference("duration"), window})}};
  const Json last = {{"type", "object"},
                     {"properties", {{"last", value}, {"for", reference("duration")}}},
                     {"required", Json::array({"last"})},
                     {"additionalProperties", false}};
  const Json at_least = {{"type", "object"},
                         {"properties", {{"at_least", or_variable({{"type", "integer"}, {"minimum", 0}})}}},
                         {"required", Json::array({"at_least"})},
                         {"additionalProperties", false}};
  return {{"anyOf", Json::array({{{"enum", Json::array({"hold", "zero", "last"})}}, reference("variable"), last, at_least})}};
}

Json definitions(const Catalogs& catalogs) {
  Json defs = Json::object();
  defs["variable"] = {{"type", "string"}, {"pattern", kVariable}};
  // YAML reads an unquoted 1.10 or true as something else; weir takes it as it was written.
  defs["text"] = {{"type", Json::array({"string", "number", "boolean"})}};
  defs["required_text"] = {{"type", Json::array({"string", "number", "boolean"})}, {"minLength", 1}};
  defs["texts"] = {{"type", "array"}, {"items", reference("text")}};
  defs["text_map"] = {{"type", "object"}, {"additionalProperties", reference("text")}};
  const std::string duration = fmt::format("^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$|{}", kVariable);
  defs["duration"] = {{"type", "string"}, {"minLength", 2}, {"pattern", duration}};
  Json words = {{"type", "array"}, {"items", reference("text")}, {"minItems", 1}};
  defs["command"] = {{"anyOf", Json::array({reference("required_text"), std::move(words)})}};
  Json change = {{"type", "string"}, {"pattern", fmt::format(R"(^([+-][0-9]+(\.[0-9]+)?%|[+=-][0-9]+)$|{})", kVariable)}};
  // An unquoted +1 is the integer 1 to YAML.
  defs["change"] = {{"anyOf", Json::array({{{"type", "integer"}}, std::move(change)})}};
  Json portion = {{"type", "string"}, {"pattern", fmt::format(R"(^([0-9]+|[0-9]+(\.[0-9]+)?%)$|{})", kVariable)}};
  defs["portion"] = {
      {"anyOf", Json::array({{{"type", "integer"}, {"minimum", 0}, {"maximum", kMostServers}}, std::move(portion)})}};
  defs["percent"] = {{"type", "string"}, {"pattern", fmt::format(R"(^[0-9]+(\.[0-9]+)?%$|{})", kVariable)}};
  defs["version"] = {{"type", Json::array({"string", "number", "boolean"})},
                     {"pattern", fmt::format("^[A-Za-z0-9][A-Za-z0-9._+:/@-]{{0,127}}$|{}", kVariable)}};
  defs["fallback"] = fallback_schema();
  defs["server"] = server_schema(catalogs.providers);
  defs["providers"] = {
      {"type", "object"},
      {"additionalProperties", family_schema(catalogs.providers, {}, [](const ProviderType& type) { return type.provider_keys; })}};
  defs["policies"] = family_schema(catalogs.policies, policy_keys(), [](const PolicyType& type) { return type.keys; });
  defs["balancers"] = family_schema(catalogs.balancers, balancer_keys(), [](const BalancerType& type) { return type.keys; });
  defs["receivers"] = family_schema(catalogs.receivers, receiver_keys(), [](const ReceiverType& type) { return type.keys; });
  defs["groups"] = object_schema(group_keys());
  return defs;
}

}  // namespace

std::string config_schema(const Catalogs& catalogs) {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "weir configuration"}};
  schema.update(object_schema(root_keys()));
  if (std::ranges::any_of(catalogs.providers, takes_any_keys))
    schema["allOf"] = Json::array({known_server_keys(catalogs.providers)});
  schema["$defs"] = definitions(catalogs);
  return schema.dump(2) + "\n";
}

}  // namespace weir
