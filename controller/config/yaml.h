#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "model/settings.h"

namespace weir {

struct YamlEntry;

/// A YAML value as it was written: scalars are still text, aliases and merge keys (`<<`) are resolved.
struct YamlNode {
  enum class Kind { nothing, scalar, list, mapping };
  Kind kind = Kind::nothing;
  SourceMark mark;
  bool quoted = false;             ///< scalar in quotes or in block style
  std::string text;                ///< scalar
  std::vector<YamlNode> items;     ///< list
  std::vector<YamlEntry> entries;  ///< mapping, in the order of the file; keys may repeat
};

struct YamlEntry {
  std::string key;
  SourceMark mark;
  YamlNode value;
};

/// Text that is not YAML, or more of it than a configuration ever is.
struct YamlError {
  SourceMark mark;
  std::string message;
};

/// Parses one document. Bounded: 32 MiB of text, 64 levels, 64 MiB of copies made by aliases. Empty text is Kind::nothing.
[[nodiscard]] std::expected<YamlNode, YamlError> parse_yaml(std::string_view text);

/// What is made of tags such as `!Ref`.
enum class YamlTags {
  refused,
  functions,  ///< AWS CloudFormation's short form becomes the long one: `!Ref x` is {Ref: x}, `!Sub x` is {Fn::Sub: x}
};

/// Parses all documents of a file, with one such bound for all of them together and at most 4096 of them. Documents without
/// content are Kind::nothing.
[[nodiscard]] std::expected<std::vector<YamlNode>, YamlError> parse_yaml_documents(std::string_view text, YamlTags tags);

/// The value of the first entry with that key; nullptr if there is none or the node is no mapping.
[[nodiscard]] const YamlNode* find(const YamlNode& mapping, std::string_view key);

}  // namespace weir
