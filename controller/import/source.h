#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controller/config/config.h"
#include "controller/config/yaml.h"

namespace weir {

/// A place of an imported file that weir's configuration has no equal for.
struct Leftover {
  std::string path;  ///< `spec.metrics[0].resource`; with the document's name in front if there are several
  SourceMark mark;
  std::string why;
};

/// The most of a file that is imported, in bytes.
inline constexpr std::size_t kMaxImport = 10ULL << 20;

/// The most objects of one kind in a file: groups, policies, alarms.
inline constexpr std::size_t kMostObjects = 5000;
/// Why a file with more is refused.
[[nodiscard]] std::string too_many_text(std::size_t most);

/// A foreign file (YAML documents, or JSON) that is read key by key. It knows which keys were taken, so that the rest can be told.
/// Keys with null are as good as absent.
class Source {
 public:
  /// Errors: the text is no YAML, too large, or has a key twice. `file` is only for messages.
  [[nodiscard]] static std::expected<Source, ConfigErrors> parse(std::string_view text, std::string file, YamlTags tags);

  [[nodiscard]] std::span<const YamlNode> documents() const { return documents_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  /// What messages and leftovers call a document, if there are several.
  void name_document(std::size_t index, std::string name) { names_[index] = std::move(name); }

  /// The value of a key, which from now on counts as read; its own keys do not. nullptr: there is none.
  const YamlNode* take(const YamlNode& mapping, std::string_view key);
  /// A document counts as read, its keys do not.
  void open(const YamlNode& node) { reading_[&node] = Reading::opened; }
  [[nodiscard]] bool was_read(const YamlNode& node) const { return reading_.contains(&node); }
  /// The node with all in it counts as read.
  void take_whole(const YamlNode& node) { reading_[&node] = Reading::whole; }
  /// The node, though perhaps read, is told as not carried over, as one place.
  void leave(const YamlNode& node, const std::string& why);
  /// The node, though read, did not become all it was; what it holds is told besides.
  void remark(const YamlNode& node, std::string why) { remarks_[&node].push_back(std::move(why)); }

  /// take(), and complains if the value is something else.
  const YamlNode* take_mapping(const YamlNode& mapping, std::string_view key);
  std::span<const YamlNode> take_list(const YamlNode& mapping, std::string_view key);
  std::optional<std::string> take_text(const YamlNode& mapping, std::string_view key);
  std::optional<int> take_integer(const YamlNode& mapping, std::string_view key, int low, int high);

  /// The text of a scalar; complains about everything else.
  std::optional<std::string> text(const YamlNode& node);
  std::optional<int> integer(const YamlNode& node, int low, int high);
  std::optional<double> number(const YamlNode& node);

  void complain(const YamlNode& node, std::string message);
  [[nodiscard]] bool has_errors() const { return !errors_.empty(); }
  /// In the order of the file.
  [[nodiscard]] ConfigErrors take_errors();

  /// All that was not read, in the order of the file. `reason` says why, by the path without the document's name.
  [[nodiscard]] std::vector<Leftover> leftovers(const std::function<std::string(std::string_view path)>& reason) const;

 private:
  enum class Reading { opened, whole };
  struct Walk;

  [[nodiscard]] std::string path_of(const YamlNode& node) const;
  [[nodiscard]] std::string prefix(std::size_t document) const;

  std::string file_;
  std::vector<YamlNode> documents_;
  std::unordered_map<std::size_t, std::string> names_;
  std::unordered_map<const YamlNode*, Reading> reading_;
  std::unordered_map<const YamlNode*, std::string> left_;
  std::unordered_map<const YamlNode*, std::vector<std::string>> remarks_;
  ConfigErrors errors_;
};

}  // namespace weir
