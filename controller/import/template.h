#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "controller/import/source.h"

namespace weir {

/// Values of AWS documents. In a CloudFormation template a value may be a function: `!Ref` of a parameter is its Default, of a
/// resource its logical id; `!Sub`, `!Join` and `!GetAtt` likewise. Others are known only to whoever deploys the template.
class Template {
 public:
  /// `root`: the template; nullptr for documents without functions.
  Template(Source& source, const YamlNode* root) : source_(source), root_(root) {}

  struct Value {
    std::string text;
    std::string resource = {};  ///< the logical id it refers to
    bool exact = true;          ///< false: parts of the text only name what is unknown
  };
  /// nullopt: a function whose value is known only when the template is deployed.
  std::optional<Value> value(const YamlNode& node);

  /// Text of a key, for names: what is not exact is good enough.
  std::optional<std::string> take_text(const YamlNode& mapping, std::string_view key);
  /// What a key refers to: a logical id, or the text that names it.
  std::string take_reference(const YamlNode& mapping, std::string_view key);
  std::string reference(const YamlNode& node);
  /// Numbers; a function that cannot be told is left and told.
  std::optional<double> take_number(const YamlNode& mapping, std::string_view key);
  std::optional<int> take_integer(const YamlNode& mapping, std::string_view key, int low, int high);
  bool take_flag(const YamlNode& mapping, std::string_view key, bool otherwise);

 private:
  std::optional<Value> ref(const std::string& name);
  std::optional<Value> sub(const YamlNode& argument);
  std::optional<Value> join(const YamlNode& argument);
  std::optional<Value> attribute(const YamlNode& argument);
  /// What is said about a function, and the default of a parameter in its place; nullptr if it cannot be told.
  const YamlNode* literal(const YamlNode& node);

  Source& source_;
  const YamlNode* root_;
  int depth_ = 0;
};

}  // namespace weir
