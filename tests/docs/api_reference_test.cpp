// docs/reference/api.md is what docs/openapi.yaml says, in a form to read.
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/docs/documents.h"

namespace weir::docs {
namespace {

const std::filesystem::path kRoot = WEIR_SOURCE_DIR;
constexpr const char* kMethods[] = {"get", "post", "put", "patch", "delete"};

std::string text_of(const YAML::Node& node) { return node.IsDefined() && node.IsScalar() ? node.as<std::string>() : ""; }

/// On one line of a table.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? " " : c == '|' ? "\\|" : std::string(1, c);
  return out.substr(0, out.find_last_not_of(' ') + 1);
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string last_part(const std::string& reference) { return reference.substr(reference.rfind('/') + 1); }

std::string joined(const YAML::Node& list, const std::string& mark) {
  std::string out;
  for (const auto& each : list) out += (out.empty() ? "" : ", ") + mark + each.as<std::string>() + mark;
  return out;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// "integer", "array of [Server](#server)", "string or null".
std::string type_of(const YAML::Node& schema) {
  if (schema["$ref"]) {
    const std::string name = last_part(text_of(schema["$ref"]));
    return fmt::format("[{}](#{})", name, lower(name));
  }
  if (text_of(schema["type"]) == "array") return "array of " + type_of(schema["items"]);
  if (!schema["type"].IsSequence()) return text_of(schema["type"]);
  std::string out;
  for (const auto& type : schema["type"]) out += (out.empty() ? "" : " or ") + type.as<std::string>();
  return out;
}

/// What is said of a field, and what its value may be.
std::string meaning_of(const YAML::Node& schema) {
  std::vector<std::string> parts;
  if (const std::string said = text_of(schema["description"]); !said.empty()) parts.push_back(said);
  if (schema["enum"]) parts.push_back("One of " + joined(schema["enum"], "`"));
  for (const char* bound : {"minimum", "maximum", "minLength", "maxLength", "default"}) {
    if (schema[bound]) parts.push_back(fmt::format("{} `{}`", bound, text_of(schema[bound])));
  }
  if (schema["pattern"]) parts.push_back("Matches `" + text_of(schema["pattern"]) + "`");
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ". ") + part;
  return cell(out);
}

bool is_required(const YAML::Node& schema, const std::string& field) {
  for (const auto& each : schema["required"]) {
    if (each.as<std::string>() == field) return true;
  }
  return false;
}

/// A table of the fields, those of arrays of objects indented by name.
void write_fields(std::string& out, const YAML::Node& schema, const std::string& prefix) {
  for (const auto& property : schema["properties"]) {
    const std::string name = prefix + property.first.as<std::string>();
    const YAML::Node& field = property.second;
    out += fmt::format("| `{}` | {} | {} | {} |\n", name, type_of(field),
                       is_required(schema, property.first.as<std::string>()) ? "yes" : "", meaning_of(field));
    if (text_of(field["type"]) == "object") write_fields(out, field, name + ".");
    if (field["items"] && field["items"]["properties"]) write_fields(out, field["items"], name + "[].");
  }
}

std::string fields(const YAML::Node& schema, const std::string& always) {
  std::string out = fmt::format("| field | type | {} | meaning |\n|---|---|---|---|\n", always);
  write_fields(out, schema, "");
  return out;
}

class Reference {
 public:
  std::string text() {
    out_ =
        "# HTTP API\n\nMade from [openapi.yaml](../openapi.yaml), which is the same for programs; do not edit this page. How to "
        "use it by "
        "hand: [operating by hand](../operating-by-hand.md#by-http).\n\n" +
        text_of(root_["info"]["description"]) + "\n";
    overview();
    for (const auto& path : root_["paths"]) operations(path.first.as<std::string>(), path.second);
    objects();
    schemas();
    return out_;
  }

 private:
  YAML::Node root_ = YAML::LoadFile((kRoot / "docs/openapi.yaml").string());
  std::string out_;

  YAML::Node resolve(const YAML::Node& node) const {
    if (!node["$ref"]) return node;
    YAML::Node found = YAML::Clone(root_);
    std::istringstream reference(text_of(node["$ref"]).substr(2));
    for (std::string part; std::getline(reference, part, '/');) found.reset(found[part]);
    return found;
  }

  static std::string heading(const std::string& method, const std::string& path) { return upper(method) + " " + path; }

  void overview() {
    out_ += "| call | does | token |\n|---|---|---|\n";
    for (const auto& path : root_["paths"]) {
      for (const char* method : kMethods) {
        const YAML::Node operation = path.second[method];
        if (!operation) continue;
        const std::string title = heading(method, path.first.as<std::string>());
        const std::string anchor = anchors("# " + title).front();
        out_ += fmt::format("| [`{}`](#{}) | {} | {} |\n", title, anchor, cell(text_of(operation["summary"])),
                            needs_token(operation) ? "yes" : "");
      }
    }
    out_ += "\n";
  }

  static bool needs_token(const YAML::Node& operation) { return operation["security"] && operation["security"].size() > 0; }

  void operations(const std::string& path, const YAML::Node& described) {
    for (const char* method : kMethods) {
      if (described[method]) operation(method, path, described);
    }
  }

  void operation(const std::string& method, const std::string& path, const YAML::Node& described) {
    const YAML::Node operation = described[method];
    out_ += fmt::format("## {}\n\n{}.{}\n\n", heading(method, path), text_of(operation["summary"]),
                        needs_token(operation) ? " Needs the token." : "");
    if (operation["description"]) out_ += text_of(operation["description"]) + "\n\n";
    parameters(operation["parameters"]);
    if (const YAML::Node body = operation["requestBody"]) {
      const YAML::Node schema = body["content"]["application/json"]["schema"];
      out_ += fmt::format("The body is a JSON object{}:\n\n{}\n", text_of(body["required"]) == "true" ? "" : " or nothing",
                          fields(schema, "required"));
    }
    answers(operation["responses"]);
  }

  void parameters(const YAML::Node& list) {
    if (!list || list.size() == 0) return;
    out_ += "| parameter | type | meaning |\n|---|---|---|\n";
    for (const auto& given : list) {
      const YAML::Node parameter = resolve(given);
      YAML::Node schema = YAML::Clone(parameter["schema"]);
      if (parameter["description"]) schema["description"] = parameter["description"];
      out_ += fmt::format("| `{}` | {} | {} |\n", text_of(parameter["name"]), type_of(parameter["schema"]), meaning_of(schema));
    }
    out_ += "\n";
  }

  void answers(const YAML::Node& responses) {
    out_ += "| status | answer |\n|---|---|\n";
    for (const auto& response : responses) {
      const YAML::Node described = resolve(response.second);
      out_ += fmt::format("| {} | {}{} |\n", response.first.as<std::string>(), cell(text_of(described["description"])),
                          content_of(described));
    }
    out_ += "\n";
  }

  static std::string content_of(const YAML::Node& response) {
    std::string types;
    for (const auto& content : response["content"]) {
      const YAML::Node schema = content.second["schema"];
      if (schema["$ref"]) return ": " + type_of(schema);
      if (!schema["properties"]) {
        types += (types.empty() ? ", as " : " or ") + content.first.as<std::string>();
        continue;
      }
      std::string list;
      for (const auto& property : schema["properties"])
        list += fmt::format("{}`{}` ({})", list.empty() ? ": " : ", ", property.first.as<std::string>(), type_of(property.second));
      return list;
    }
    return types;
  }

  void objects() { out_ += "## Objects\n\nOf answers. A field that is not always there is absent where it does not apply.\n\n"; }

  void schemas() {
    for (const auto& schema : root_["components"]["schemas"]) {
      const std::string said = text_of(schema.second["description"]);
      out_ += fmt::format("### {}\n\n{}{}\n", schema.first.as<std::string>(), said.empty() ? "" : said + ".\n\n",
                          fields(schema.second, "always"));
    }
    out_.pop_back();
  }
};

/// WEIR_UPDATE_GOLDEN=1 writes what it is today; read the diff before you commit it.
TEST(ApiReference, is_what_the_openapi_document_says) {
  const std::filesystem::path page = kRoot / "docs/reference/api.md";
  const std::string made = Reference().text();
  if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(page.parent_path());
    std::ofstream(page, std::ios::binary) << made;
  }
  EXPECT_EQ(read_text(page), made) << "WEIR_UPDATE_GOLDEN=1 docs_test writes it anew";
}

}  // namespace
}  // namespace weir::docs
