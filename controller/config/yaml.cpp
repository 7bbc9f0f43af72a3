#include "controller/config/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <ranges>
#include <set>
#include <sstream>
#include <utility>

#include "model/text.h"

namespace weir {
namespace {

constexpr std::size_t kMaxText = 32ULL << 20;
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxCopied = 64ULL << 20;
constexpr std::size_t kMaxDocuments = 4096;

SourceMark mark_of(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {mark.line + 1, mark.column + 1};
}

/// Bytes a copy of the node takes, roughly.
std::size_t weight(const YamlNode& node) {
  std::size_t sum = sizeof(YamlNode) + node.text.size();
  for (const YamlNode& item : node.items) sum += weight(item);
  for (const YamlEntry& entry : node.entries) sum += entry.key.size() + weight(entry.value);
  return sum;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

void merge_into(YamlNode& target, YamlNode source) {
  std::set<std::string, std::less<>> present;
  for (const YamlEntry& entry : target.entries) present.insert(entry.key);
  for (YamlEntry& entry : source.entries) {
    if (!present.contains(entry.key)) target.entries.push_back(std::move(entry));
  }
}

/// What this file refuses, though it is YAML.
class Refusal : public YAML::ParserException {
 public:
  using ParserException::ParserException;
};

/// Builds the tree from yaml-cpp's events. Its own node type would share aliased nodes and lose how a scalar was quoted. Refuses
/// by throwing yaml-cpp's exception, as the parser around it does.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(YamlTags tags = YamlTags::refused) : tags_(tags) {}

  /// The document that was read. What aliases may copy is counted on in the next one.
  [[nodiscard]] YamlNode take() { return std::exchange(root_, {}); }

  void OnDocumentStart(const YAML::Mark&) override { anchors_.clear(); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) refuse(mark, "expected a key before ':'");
    add(mark, {.mark = mark_of(mark)}, anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) refuse(mark, "an alias cannot be a key");
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse(mark, "an alias cannot stand inside what it names");
    copied_ += weight(found->second);
    if (copied_ > kMaxCopied) refuse(mark, "the aliases of this file expand to more than 64 MiB");
    if (open_.size() + depth(found->second) > kMaxDepth) refuse(mark, too_deep());
    add(mark, found->second, YAML::NullAnchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    std::string function = function_of(mark, tag);
    if (expects_key()) {
      if (!function.empty()) refuse(mark, "a key must be a single word or quoted text");
      open_.back().key = {.key = value, .mark = mark_of(mark), .value = {}};
      open_.back().has_key = true;
      return;
    }
    YamlNode node{.kind = YamlNode::Kind::scalar, .mark = mark_of(mark), .quoted = tag == "!", .text = value};
    add(mark, applied(std::move(function), std::move(node)), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::list);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::mapping);
  }
  void OnMapEnd() override {
    merge();
    close();
  }

 private:
  struct Open {
    YamlNode node;
    YAML::Mark mark;
    YAML::anchor_t anchor = YAML::NullAnchor;
    bool has_key = false;
    YamlEntry key = {};
    std::string function = {};
  };

  [[noreturn]] static void refuse(const YAML::Mark& mark, const std::string& message) { throw Refusal(mark, message); }

  static std::string too_deep() { return fmt::format("nested more than {} levels deep", kMaxDepth); }

  /// The function a tag stands for; empty if the tag says no more than YAML does.
  [[nodiscard]] std::string function_of(const YAML::Mark& mark, const std::string& tag) const {
    if (tag.empty() || tag == "?" || tag == "!") return "";
    const bool named = tag.size() > 1 && std::ranges::all_of(tag.substr(1), is_letter);
    if (tags_ != YamlTags::functions || !named) refuse(mark, fmt::format("the tag {} is not supported", tag));
    const std::string name = tag.substr(1);
    return name == "Ref" || name == "Condition" ? name : "Fn::" + name;
  }

  static YamlNode applied(std::string function, YamlNode argument) {
    if (function.empty()) return argument;
    YamlNode call{.kind = YamlNode::Kind::mapping, .mark = argument.mark};
    call.entries.push_back({.key = std::move(function), .mark = call.mark, .value = std::move(argument)});
    return call;
  }

  static std::size_t depth(const YamlNode& node) {
    std::size_t deepest = 0;
    for (const YamlNode& item : node.items) deepest = std::max(deepest, depth(item));
    for (const YamlEntry& entry : node.entries) deepest = std::max(deepest, depth(entry.value));
    return deepest + 1;
  }

  [[nodiscard]] bool expects_key() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::mapping && !open_.back().has_key;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    std::string function = function_of(mark, tag);
    if (expects_key()) refuse(mark, "a key must be a single word or quoted text");
    if (open_.size() >= kMaxDepth) refuse(mark, too_deep());
    open_.push_back(
        {.node = {.kind = kind, .mark = mark_of(mark)}, .mark = mark, .anchor = anchor, .function = std::move(function)});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    add(done.mark, applied(std::move(done.function), std::move(done.node)), done.anchor);
  }

  void add(const YAML::Mark& mark, YamlNode node, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) {
      copied_ += weight(node);
      if (copied_ > kMaxCopied) refuse(mark, "the anchors of this file hold more than 64 MiB");
      anchors_.insert_or_assign(anchor, node);
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::list) {
      parent.node.items.push_back(std::move(node));
      return;
    }
    parent.key.value = std::move(node);
    parent.node.entries.push_back(std::move(parent.key));
    parent.has_key = false;
  }

  /// YAML 1.1's merge key: `<<: *base` brings the entries that are not there already.
  void merge() {
    YamlNode& node = open_.back().node;
    const auto found = std::ranges::find(node.entries, "<<", &YamlEntry::key);
    if (found == node.entries.end()) return;
    YamlNode source = std::move(found->value);
    node.entries.erase(found);
    if (source.kind == YamlNode::Kind::mapping) return merge_into(node, std::move(source));
    const bool mappings =
        std::ranges::all_of(source.items, [](const YamlNode& item) { return item.kind == YamlNode::Kind::mapping; });
    if (source.kind != YamlNode::Kind::list || !mappings) {
      refuse(open_.back().mark, "'<<' in this mapping: expected a mapping or a list of mappings");
    }
    for (YamlNode& item : source.items) merge_into(node, std::move(item));
  }

  YamlTags tags_;
  YamlNode root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  std::size_t copied_ = 0;
};

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == 0x7F || (byte < 0x20 && c != '\t' && c != '\n' && c != '\r');
}

/// yaml-cpp takes 0x04 for the end of the text, guesses at other encodings and lets broken UTF-8 pass.
std::optional<YamlError> find_foreign_byte(std::string_view text) {
  SourceMark mark{1, 1};
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0 || is_control(text.front())) {
      return YamlError{mark, fmt::format("expected UTF-8 text, found the byte 0x{:02x}", static_cast<unsigned char>(text.front()))};
    }
    mark = text.front() == '\n' ? SourceMark{mark.line + 1, 1} : SourceMark{mark.line, mark.column + static_cast<int>(length)};
    text.remove_prefix(length);
  }
  return std::nullopt;
}

/// yaml-cpp quotes single bytes of the text, which need not be whole characters.
std::string ascii(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return text;
}

/// The commonest slips, for which yaml-cpp has no words, on the line of the error or the one before.
std::string hint(std::string_view text, int line) {
  int at = 0;
  for (const auto part : std::views::split(text, '\n')) {
    if (++at > line) break;
    if (at + 1 < line) continue;
    const std::string_view content(part.begin(), part.end());
    const std::string_view indent = content.substr(0, content.find_first_not_of(" \t"));
    if (indent.contains('\t')) return fmt::format("; line {} is indented with a tab, YAML takes only spaces", at);
    if (content.contains("${")) return fmt::format("; inside braces or brackets ${{NAME}} needs quotes (line {})", at);
  }
  return "";
}

}  // namespace

std::expected<std::vector<YamlNode>, YamlError> parse_yaml_documents(std::string_view text, YamlTags tags) {
  if (text.size() > kMaxText) return std::unexpected(YamlError{{}, "the file is larger than 32 MiB"});
  if (auto error = find_foreign_byte(text)) return std::unexpected(std::move(*error));
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder(tags);
    std::vector<YamlNode> documents;
    while (parser.HandleNextDocument(builder)) {
      if (documents.size() == kMaxDocuments) {
        return std::unexpected(YamlError{{}, fmt::format("more than {} YAML documents", kMaxDocuments)});
      }
      documents.push_back(builder.take());
    }
    return documents;
  } catch (const Refusal& error) {
    return std::unexpected(YamlError{mark_of(error.mark), error.msg});
  } catch (const YAML::Exception& error) {
    const SourceMark mark = mark_of(error.mark);
    return std::unexpected(YamlError{mark, fmt::format("not YAML: {}{}", ascii(error.msg), hint(text, mark.line))});
  }
}

std::expected<YamlNode, YamlError> parse_yaml(std::string_view text) {
  auto documents = parse_yaml_documents(text, YamlTags::refused);
  if (!documents) return std::unexpected(std::move(documents.error()));
  if (documents->size() > 1) return std::unexpected(YamlError{{}, "expected one YAML document, found several"});
  return documents->empty() ? YamlNode{} : std::move(documents->front());
}

const YamlNode* find(const YamlNode& mapping, std::string_view key) {
  const auto found = std::ranges::find(mapping.entries, key, &YamlEntry::key);
  return found == mapping.entries.end() ? nullptr : &found->value;
}

}  // namespace weir
