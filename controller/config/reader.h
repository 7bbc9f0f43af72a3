#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controller/config/config.h"
#include "controller/config/yaml.h"
#include "model/settings.h"

namespace weir {

/// Turns YAML into Settings by a table of keys, and collects what is wrong with it.
class Reader {
 public:
  Reader(std::filesystem::path file, const Environment& environment);

  /// The values of a mapping, with the table's defaults. Sections whose table is empty are left out: they have one per type. A
  /// node of Kind::nothing is an empty mapping.
  [[nodiscard]] Settings read(const YamlNode& node, std::span<const Key> table, const std::string& path);

  /// The entries of a mapping, none if it is something else; each key once. Complains about the rest.
  [[nodiscard]] std::vector<const YamlEntry*> entries(const YamlNode& node, const std::string& path);
  /// Likewise the items of a list.
  [[nodiscard]] std::span<const YamlNode> items(const YamlNode& node, const std::string& path);

  /// The text of a scalar with its variables replaced; complains and gives nothing if it is not a usable one.
  [[nodiscard]] std::optional<std::string> scalar(const YamlNode& node, const std::string& path, std::string_view expected);

  void complain(SourceMark mark, std::string path, std::string message);
  void complain_missing(const YamlNode& parent, const Key& key, const std::string& path);
  /// `name` is no word of `known`: says so, with the nearest and all that are known.
  void complain_unknown(SourceMark mark, std::string path, std::string_view what, std::string_view name,
                        std::span<const std::string_view> known);

  [[nodiscard]] std::size_t error_count() const { return errors_.size(); }
  /// All complaints, in the order of the file.
  [[nodiscard]] ConfigErrors take_errors();

 private:
  using Value = std::optional<Settings::Value>;

  void read_entries(std::span<const YamlEntry* const> found, std::span<const Key> table, const std::string& path, Settings& into);
  void read_entry(const YamlEntry& entry, std::span<const Key> table, const std::string& path, Settings& into);
  [[nodiscard]] std::string read_rest(std::span<const YamlEntry* const> found, std::span<const Key> table, const std::string& path);
  void append_member(std::string& members, const YamlEntry& entry, const std::string& path);
  [[nodiscard]] std::string json_text(const YamlNode& node, const std::string& path);
  [[nodiscard]] std::string json_scalar(const YamlNode& node, const std::string& path);
  void read_secret_file(const YamlEntry& entry, const Key& key, const std::string& path, Settings& into);
  [[nodiscard]] Value value(const YamlNode& node, const Key& key, const std::string& path);
  [[nodiscard]] Value default_value(const Key& key, const std::string& path);
  [[nodiscard]] Value text(const YamlNode& node, const Key& key, const std::string& path);
  [[nodiscard]] Value time_zone(const YamlNode& node, const std::string& path);
  [[nodiscard]] Value choice(const YamlNode& node, const Key& key, const std::string& path);
  [[nodiscard]] Value command(const YamlNode& node, const std::string& path);
  [[nodiscard]] Value command_text(const YamlNode& node, const std::string& path);
  [[nodiscard]] Value texts(const YamlNode& node, const std::string& path);
  [[nodiscard]] Value text_map(const YamlNode& node, const std::string& path);
  [[nodiscard]] Value percents(const YamlNode& node, const std::string& path);
  [[nodiscard]] Value fallback(const YamlNode& node, const std::string& path);
  [[nodiscard]] Value fallback_mapping(const YamlNode& node, const std::string& path);
  [[nodiscard]] Value fallback_last(const YamlNode& node, const std::string& path);
  [[nodiscard]] Value sections(const YamlNode& node, const Key& key, const std::string& path);
  template <typename Parse>
  [[nodiscard]] Value parsed(const YamlNode& node, const std::string& path, std::string_view expected, Parse parse);
  template <typename Parse>
  [[nodiscard]] Value in_range(const YamlNode& node, const Key& key, const std::string& path, std::string_view expected,
                               Parse parse);

  std::filesystem::path file_;
  const Environment& environment_;
  ConfigErrors errors_;
};

/// `groups[0]` and `min` make `groups[0].min`.
[[nodiscard]] std::string join_path(const std::string& parent, std::string_view key);
[[nodiscard]] std::string join_path(const std::string& parent, std::size_t index);

}  // namespace weir
