#include "tests/api/openapi_document.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <map>
#include <regex>
#include <sstream>
#include <string_view>
#include <utility>

#include "controller/render/rfc3339.h"

namespace weir {
namespace {

using nlohmann::json;

bool has_type(const json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  return type == "null" && value.is_null();
}

bool has_one_type(const json& value, const YAML::Node& types) {
  if (types.IsScalar()) return has_type(value, types.as<std::string>());
  return std::ranges::any_of(types.as<std::vector<std::string>>(), [&](const std::string& type) { return has_type(value, type); });
}

/// Names of headers are alike whatever their case.
bool is_same_word(const std::string& left, const std::string& right) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return std::ranges::equal(left, right, {}, lower, lower);
}

/// What a map may have, and what that is in turn: `text` is a scalar or a list of them, `X[]` a list of X, `X{}` a map of any keys
/// to X, and everything else a row of this table. Of OpenAPI 3.1 and JSON Schema only what is in use, and what Conformance heeds.
const std::map<std::string, std::map<std::string, std::string>> kGrammar = {
    {"document",
     {{"openapi", "text"},
      {"info", "info"},
      {"servers", "server[]"},
      {"security", "text{}[]"},
      {"paths", "path{}"},
      {"components", "components"}}},
    {"info", {{"title", "text"}, {"version", "text"}, {"description", "text"}, {"license", "license"}}},
    {"license", {{"name", "text"}, {"identifier", "text"}}},
    {"server", {{"url", "text"}, {"description", "text"}}},
    {"path", {{"parameters", "parameter[]"}, {"get", "operation"}, {"post", "operation"}}},
    {"operation",
     {{"operationId", "text"},
      {"summary", "text"},
      {"description", "text"},
      {"security", "text{}[]"},
      {"parameters", "parameter[]"},
      {"requestBody", "body"},
      {"responses", "response{}"}}},
    {"parameter", {{"name", "text"}, {"in", "text"}, {"required", "text"}, {"description", "text"}, {"schema", "schema"}}},
    {"body", {{"required", "text"}, {"description", "text"}, {"content", "media{}"}}},
    {"response", {{"description", "text"}, {"headers", "header{}"}, {"content", "media{}"}}},
    {"header", {{"description", "text"}, {"schema", "schema"}}},
    {"media", {{"schema", "schema"}}},
    {"schema",
     {{"type", "text"},
      {"description", "text"},
      {"enum", "text"},
      {"default", "text"},
      {"format", "text"},
      {"minimum", "text"},
      {"maximum", "text"},
      {"minLength", "text"},
      {"maxLength", "text"},
      {"pattern", "text"},
      {"required", "text"},
      {"properties", "schema{}"},
      {"additionalProperties", "text"},
      {"items", "schema"}}},
    {"components",
     {{"securitySchemes", "scheme{}"}, {"parameters", "parameter{}"}, {"responses", "response{}"}, {"schemas", "schema{}"}}},
    {"scheme", {{"type", "text"}, {"scheme", "text"}, {"description", "text"}}},
};

}  // namespace

/// What a value has that its schema does not allow.
class OpenApiDocument::Conformance {
 public:
  explicit Conformance(const OpenApiDocument& document) : document_(document) {}

  std::vector<std::string> complaints(const json& value, const YAML::Node& schema, const std::string& where) {
    found_.clear();
    check(value, schema, where);
    return found_;
  }

 private:
  void check(const json& value, const YAML::Node& given, const std::string& where) {
    const YAML::Node schema = document_.resolve(given);
    if (!schema) return complain(where, "no schema");
    if (!schema["type"] || !has_one_type(value, schema["type"])) return complain(where, "wrong type");
    if (schema["enum"]) check_enum(value, schema["enum"].as<std::vector<std::string>>(), where);
    if (value.is_number()) check_number(value.get<double>(), schema, where);
    if (value.is_string()) check_string(value.get<std::string>(), schema, where);
    if (value.is_object()) check_object(value, schema, where);
    for (std::size_t index = 0; value.is_array() && index < value.size(); ++index)
      check(value[index], schema["items"], where + "[]");
  }
  void check_enum(const json& value, const std::vector<std::string>& allowed, const std::string& where) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (std::ranges::find(allowed, text) == allowed.end()) complain(where, value.dump());
  }
  void check_number(double value, const YAML::Node& schema, const std::string& where) {
    if (schema["minimum"] && value < schema["minimum"].as<double>()) complain(where, "too small");
    if (schema["maximum"] && value > schema["maximum"].as<double>()) complain(where, "too large");
  }
  void check_string(const std::string& value, const YAML::Node& schema, const std::string& where) {
    if (schema["minLength"] && value.size() < schema["minLength"].as<std::size_t>()) complain(where, "too short");
    if (schema["maxLength"] && value.size() > schema["maxLength"].as<std::size_t>()) complain(where, "too long");
    if (schema["pattern"] && !std::regex_search(value, std::regex(schema["pattern"].as<std::string>()))) {
      complain(where, "does not match");
    }
    // In UTC, as the document says of all of them.
    if (schema["format"] && !(parse_rfc3339(value) && value.ends_with('Z'))) complain(where, "no time: " + value);
  }
  void check_object(const json& value, const YAML::Node& schema, const std::string& where) {
    for (const auto& required : schema["required"]) {
      if (!value.contains(required.as<std::string>())) complain(where + "." + required.as<std::string>(), "missing");
    }
    for (const auto& [key, member] : value.items()) {
      const YAML::Node property = schema["properties"] ? schema["properties"][key] : YAML::Node(YAML::NodeType::Undefined);
      if (!property) {
        // The same for `additionalProperties: false` and for answers, which may have further fields: those are documented too.
        complain(where + "." + key, "not documented");
      } else {
        check(member, property, where + "." + key);
      }
    }
  }
  void complain(const std::string& where, const std::string& what) { found_.push_back(where + ": " + what); }

  const OpenApiDocument& document_;
  std::vector<std::string> found_;
};

/// Walks through the document.
class OpenApiDocument::Grammar {
 public:
  explicit Grammar(const OpenApiDocument& document) : document_(document) {}

  std::vector<std::string> complaints() {
    walk(document_.root_, "document", "");
    return found_;
  }

 private:
  void walk(const YAML::Node& node, std::string_view kind, const std::string& where) {
    if (node.IsNull()) return complain(where, "nothing");
    if (kind == "text") return walk_text(node, where);
    if (kind.ends_with("[]")) {
      if (!node.IsSequence()) return complain(where, "no list");
      for (const auto& each : node) walk(each, kind.substr(0, kind.size() - 2), where + "[]");
      return;
    }
    if (!node.IsMap()) return complain(where, "no map");
    if (kind.ends_with("{}")) {
      for (const auto& each : node) walk(each.second, kind.substr(0, kind.size() - 2), where + "/" + each.first.as<std::string>());
      return;
    }
    if (node["$ref"]) return walk_reference(node, where);
    walk_row(node, std::string(kind), where);
  }
  void walk_text(const YAML::Node& node, const std::string& where) {
    if (node.IsScalar()) return;
    if (!node.IsSequence()) return complain(where, "no text");
    for (const auto& each : node) {
      if (!each.IsScalar()) complain(where + "[]", "no text");
    }
  }
  void walk_reference(const YAML::Node& node, const std::string& where) {
    if (node.size() != 1) complain(where, "something beside its $ref");
    if (!document_.resolve(node)) complain(where, "its $ref leads nowhere");
  }
  void walk_row(const YAML::Node& node, const std::string& kind, const std::string& where) {
    const auto& row = kGrammar.at(kind);
    for (const auto& each : node) {
      const auto key = each.first.as<std::string>();
      const auto known = row.find(key);
      if (known == row.end()) {
        complain(where + "/" + key, "not known in a " + kind);
      } else {
        walk(each.second, known->second, where + "/" + key);
      }
    }
    if (kind == "response" && !node["description"]) complain(where, "no description");
    if (kind == "schema") walk_schema(node, where);
  }
  void walk_schema(const YAML::Node& schema, const std::string& where) {
    if (!schema["type"]) complain(where, "no type");
    if (schema["format"] && schema["format"].as<std::string>() != "date-time") complain(where, "a format that nobody checks");
    const YAML::Node more = schema["additionalProperties"];
    if (more && more.as<std::string>() != "false") complain(where, "additional properties that nobody checks");
    for (const auto& required : schema["required"]) {
      const auto name = required.as<std::string>();
      if (!schema["properties"] || !schema["properties"][name]) complain(where, "requires an unknown " + name);
    }
  }
  void complain(const std::string& where, const std::string& what) { found_.push_back(where + ": " + what); }

  const OpenApiDocument& document_;
  std::vector<std::string> found_;
};

OpenApiDocument::OpenApiDocument() : root_(YAML::LoadFile(WEIR_SOURCE_DIR "/docs/openapi.yaml")) {}
OpenApiDocument::OpenApiDocument(const std::string& text) : root_(YAML::Load(text)) {}

YAML::Node OpenApiDocument::operation(const std::string& path, const std::string& method) const {
  return root_["paths"][path][method];
}

std::vector<std::string> OpenApiDocument::paths() const {
  std::vector<std::string> all;
  for (const auto& path : root_["paths"]) all.push_back(path.first.as<std::string>());
  return all;
}

YAML::Node OpenApiDocument::resolve(const YAML::Node& node) const {
  if (!node || !node.IsMap() || !node["$ref"]) return node;
  YAML::Node found = root_;
  std::istringstream reference(node["$ref"].as<std::string>().substr(2));
  for (std::string part; std::getline(reference, part, '/');) {
    const YAML::Node next = std::as_const(found)[part];
    if (!next) return next;
    found.reset(next);
  }
  return resolve(found);
}

std::vector<std::string> OpenApiDocument::complaints(const std::string& path, const std::string& method,
                                                     const ApiResponse& response) const {
  const YAML::Node responses = operation(path, method)["responses"];
  // What no handler answers, and so says nothing of the operation, is described once.
  const bool malformed = response.status == 405 || response.status == 411 || response.status == 413 || response.status == 414 ||
                         response.status == 431 || (response.status == 400 && !responses["400"]);
  const YAML::Node described = resolve(responses[malformed ? "default" : std::to_string(response.status)]);
  if (!described) return {"the status " + std::to_string(response.status) + " is not documented"};
  std::vector<std::string> found;
  for (const auto& header : described["headers"]) {
    const auto name = header.first.as<std::string>();
    const bool is_sent = std::ranges::any_of(response.headers, [&](const auto& sent) { return is_same_word(sent.first, name); });
    if (!is_sent) found.push_back("no header " + name);
  }
  if (!described["content"]) {
    if (!response.body.empty()) found.emplace_back("a body that is not documented");
    return found;
  }
  const std::string type = response.content_type.substr(0, response.content_type.find(';'));
  const YAML::Node content = described["content"][type];
  if (!content) {
    found.push_back("the type " + type + " is not documented");
    return found;
  }
  if (!type.ends_with("json")) return found;
  const json body = json::parse(response.body, nullptr, false);
  if (body.is_discarded()) return {"no JSON: " + response.body};
  std::ranges::move(Conformance(*this).complaints(body, content["schema"], ""), std::back_inserter(found));
  return found;
}

std::vector<std::string> OpenApiDocument::complaints(const std::string& path, const std::string& method, const json& body) const {
  const YAML::Node schema = operation(path, method)["requestBody"]["content"]["application/json"]["schema"];
  return Conformance(*this).complaints(body, schema, "");
}

std::vector<std::string> OpenApiDocument::own_complaints() const { return Grammar(*this).complaints(); }

}  // namespace weir
