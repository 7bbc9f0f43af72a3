#pragma once

#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "controller/api/http.h"

namespace weir {

/// docs/openapi.yaml, and what does not fit it.
class OpenApiDocument {
 public:
  OpenApiDocument();
  explicit OpenApiDocument(const std::string& text);

  /// `method` as the document writes it: get, post.
  [[nodiscard]] YAML::Node operation(const std::string& path, const std::string& method) const;
  [[nodiscard]] std::vector<std::string> paths() const;

  /// What the answer has that is not documented for that path and method, or has not although it is.
  [[nodiscard]] std::vector<std::string> complaints(const std::string& path, const std::string& method,
                                                    const ApiResponse& response) const;
  /// What the body of a request has that is not as documented.
  [[nodiscard]] std::vector<std::string> complaints(const std::string& path, const std::string& method,
                                                    const nlohmann::json& body) const;
  /// What the document itself has that OpenAPI does not know at that place, or that complaints() would not heed; and what it has
  /// nothing for, as `{description: one, two}` has for `two`.
  [[nodiscard]] std::vector<std::string> own_complaints() const;

 private:
  /// Follows a `$ref`; not there if it leads nowhere.
  [[nodiscard]] YAML::Node resolve(const YAML::Node& node) const;

  class Conformance;
  class Grammar;
  YAML::Node root_;
};

}  // namespace weir
