#include "controller/import/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "controller/config/reader.h"
#include "controller/config/values.h"
#include "controller/import/writing.h"

namespace weir {
namespace {

/// More than anybody reads; finding a place for each takes time.
constexpr std::size_t kMostErrors = 50;

std::string found(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::nothing:
      return "found nothing";
    case YamlNode::Kind::list:
      return "found a list";
    case YamlNode::Kind::mapping:
      return "found a mapping";
    case YamlNode::Kind::scalar:
      break;
  }
  return fmt::format("found '{}'", clean(node.text, 48));
}

bool looks_like_json(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

/// yaml-cpp takes tabs for no blanks even where JSON does: between the words of a flow collection.
std::string without_json_tabs(std::string_view text) {
  std::string result(text);
  const bool json = looks_like_json(text);
  bool quoted = false;
  for (std::size_t i = 0; json && i < result.size(); ++i) {
    if (quoted && result[i] == '\\') {
      ++i;
    } else if (result[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && result[i] == '\t') {
      result[i] = ' ';
    }
  }
  return result;
}

SourceMark mark_at(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, byte == 0 ? 0 : byte - 1);
  const auto line_begin = before.rfind('\n') + 1;
  return {static_cast<int>(std::ranges::count(before, '\n')) + 1, static_cast<int>(before.size() - line_begin) + 1};
}

/// What a JSON parser says of a text that is no YAML either: it knows better where a bracket is missing.
std::optional<YamlError> json_error(std::string_view text) {
  if (!looks_like_json(text)) return std::nullopt;
  try {
    // Nothing is kept of it.
    [[maybe_unused]] const auto nothing =
        nlohmann::json::parse(text, [](int, nlohmann::json::parse_event_t, const nlohmann::json&) { return false; });
    return std::nullopt;
  } catch (const nlohmann::json::parse_error& error) {
    // Without the library's number and the position, which the mark says.
    const std::string_view message = error.what();
    const std::size_t colon = message.find(": ");
    return YamlError{mark_at(text, error.byte),
                     fmt::format("not JSON: {}", message.substr(colon == std::string_view::npos ? 0 : colon + 2))};
  }
}

std::string template_hint(std::string_view text) {
  return text.contains("{{") ? "; {{ }} belongs to a template: render it first, for instance with `helm template`" : "";
}

/// The first key that stands twice in its mapping.
const YamlEntry* repeated_key(const YamlNode& node) {
  std::set<std::string_view> seen;
  for (const YamlEntry& entry : node.entries) {
    if (!seen.insert(entry.key).second) return &entry;
    if (const YamlEntry* repeated = repeated_key(entry.value)) return repeated;
  }
  for (const YamlNode& item : node.items) {
    if (const YamlEntry* repeated = repeated_key(item)) return repeated;
  }
  return nullptr;
}

/// The way from `node` to `wanted`; false if it does not lead there.
bool append_path(const YamlNode& node, const YamlNode& wanted, std::string& path) {
  if (&node == &wanted) return true;
  for (const YamlEntry& entry : node.entries) {
    std::string here = join_path(path, entry.key);
    if (append_path(entry.value, wanted, here)) {
      path = std::move(here);
      return true;
    }
  }
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    std::string here = join_path(path, i);
    if (append_path(node.items[i], wanted, here)) {
      path = std::move(here);
      return true;
    }
  }
  return false;
}

}  // namespace

/// The walk for what was not read.
struct Source::Walk {
  const Source& source;
  const std::function<std::string(std::string_view)>& reason;
  std::string prefix;
  std::vector<Leftover>& leftovers;

  void visit(const YamlNode& node, const SourceMark& mark, const std::string& path) const {
    const auto left = source.left_.find(&node);
    if (left != source.left_.end()) return add(path, mark, left->second);
    const auto remarks = source.remarks_.find(&node);
    if (remarks != source.remarks_.end()) {
      for (const std::string& why : remarks->second) add(path, mark, why);
    }
    const auto reading = source.reading_.find(&node);
    if (reading == source.reading_.end()) return add(path, mark, reason(path));
    if (reading->second == Reading::whole) return;
    for (const YamlEntry& entry : node.entries) visit(entry.value, entry.mark, join_path(path, entry.key));
    for (std::size_t i = 0; i < node.items.size(); ++i) visit(node.items[i], node.items[i].mark, join_path(path, i));
  }

  void add(const std::string& path, const SourceMark& mark, const std::string& why) const {
    const std::string_view separator = prefix.empty() || path.empty() ? "" : ": ";
    leftovers.push_back({clean(fmt::format("{}{}{}", prefix, separator, path), 200), mark, why});
  }
};

std::string too_many_text(std::size_t most) {
  return fmt::format("expected at most {} objects of a kind in one file: split it", most);
}

std::expected<Source, ConfigErrors> Source::parse(std::string_view text, std::string file, YamlTags tags) {
  const auto refused = [&](SourceMark mark, std::string message) {
    return std::unexpected(ConfigErrors{{file, mark.line, mark.column, "", std::move(message)}});
  };
  if (text.size() > kMaxImport) return refused({}, "the file is larger than 10 MiB");
  auto documents = parse_yaml_documents(without_json_tabs(text), tags);
  if (!documents) {
    const YamlError error = json_error(text).value_or(documents.error());
    return refused(error.mark, clean(error.message, 400) + template_hint(text));
  }
  std::erase_if(*documents, [](const YamlNode& document) { return document.kind == YamlNode::Kind::nothing; });
  if (documents->empty()) return refused({}, "the file is empty");
  for (const YamlNode& document : *documents) {
    if (const YamlEntry* repeated = repeated_key(document)) {
      return refused(repeated->mark, fmt::format("the key {} stands twice in its mapping", clean(repeated->key, 48)));
    }
  }
  Source source;
  source.file_ = std::move(file);
  source.documents_ = *std::move(documents);
  return source;
}

const YamlNode* Source::take(const YamlNode& mapping, std::string_view key) {
  const YamlNode* node = find(mapping, key);
  if (node == nullptr) return nullptr;
  reading_.try_emplace(node, Reading::opened);
  return node->kind == YamlNode::Kind::nothing ? nullptr : node;
}

void Source::leave(const YamlNode& node, const std::string& why) { left_.try_emplace(&node, why); }

const YamlNode* Source::take_mapping(const YamlNode& mapping, std::string_view key) {
  const YamlNode* node = take(mapping, key);
  if (node == nullptr || node->kind == YamlNode::Kind::mapping) return node;
  complain(*node, fmt::format("expected a mapping, {}", found(*node)));
  return nullptr;
}

std::span<const YamlNode> Source::take_list(const YamlNode& mapping, std::string_view key) {
  const YamlNode* node = take(mapping, key);
  if (node == nullptr) return {};
  if (node->kind != YamlNode::Kind::list) complain(*node, fmt::format("expected a list, {}", found(*node)));
  for (const YamlNode& item : node->items) reading_.try_emplace(&item, Reading::opened);
  return node->items;
}

std::optional<std::string> Source::take_text(const YamlNode& mapping, std::string_view key) {
  const YamlNode* node = take(mapping, key);
  return node == nullptr ? std::nullopt : text(*node);
}

std::optional<int> Source::take_integer(const YamlNode& mapping, std::string_view key, int low, int high) {
  const YamlNode* node = take(mapping, key);
  return node == nullptr ? std::nullopt : integer(*node, low, high);
}

std::optional<std::string> Source::text(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::scalar) return node.text;
  complain(node, fmt::format("expected text, {}", found(node)));
  return std::nullopt;
}

std::optional<int> Source::integer(const YamlNode& node, int low, int high) {
  const auto value = parse_integer(node.text);
  if (node.kind == YamlNode::Kind::scalar && value && *value >= low && *value <= high) return static_cast<int>(*value);
  complain(node, fmt::format("expected a whole number from {} to {}, {}", low, high, found(node)));
  return std::nullopt;
}

std::optional<double> Source::number(const YamlNode& node) {
  const auto value = parse_number(node.text);
  if (node.kind == YamlNode::Kind::scalar && value) return *value;
  complain(node, fmt::format("expected a number, {}", found(node)));
  return std::nullopt;
}

void Source::complain(const YamlNode& node, std::string message) {
  if (errors_.size() >= kMostErrors) return;
  errors_.push_back({file_, node.mark.line, node.mark.column, path_of(node), std::move(message)});
}

ConfigErrors Source::take_errors() {
  std::ranges::sort(errors_, {}, [](const ConfigError& error) { return std::tie(error.line, error.column, error.message); });
  const auto repeated = std::ranges::unique(errors_);
  errors_.erase(repeated.begin(), repeated.end());
  return std::move(errors_);
}

std::vector<Leftover> Source::leftovers(const std::function<std::string(std::string_view)>& reason) const {
  std::vector<Leftover> all;
  for (std::size_t i = 0; i < documents_.size(); ++i) {
    Walk{*this, reason, prefix(i), all}.visit(documents_[i], documents_[i].mark, "");
  }
  return all;
}

std::string Source::prefix(std::size_t document) const {
  if (documents_.size() < 2) return "";
  const auto name = names_.find(document);
  return name == names_.end() ? fmt::format("document {}", document + 1) : name->second;
}

std::string Source::path_of(const YamlNode& node) const {
  for (std::size_t i = 0; i < documents_.size(); ++i) {
    std::string path;
    if (!append_path(documents_[i], node, path)) continue;
    const std::string front = prefix(i);
    return clean(fmt::format("{}{}{}", front, front.empty() || path.empty() ? "" : ": ", path), 200);
  }
  return "";
}

}  // namespace weir
