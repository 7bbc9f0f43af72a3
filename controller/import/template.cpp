#include "controller/import/template.h"

#include <fmt/format.h>

#include "controller/import/writing.h"

namespace weir {
namespace {

constexpr int kDeepest = 8;
constexpr std::size_t kLongest = 2000;

const YamlNode* section_entry(const YamlNode* root, std::string_view section, std::string_view name) {
  if (root == nullptr) return nullptr;
  const YamlNode* all = find(*root, section);
  return all == nullptr ? nullptr : find(*all, name);
}

/// A parameter's value was used; what limits the values it may have was not.
void take_parameter(Source& source, const YamlNode& parameter) {
  source.open(parameter);
  for (const char* key : {"Type", "Default", "Description", "ConstraintDescription"}) source.take(parameter, key);
}

bool is_function(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::mapping || node.entries.size() != 1) return false;
  const std::string& key = node.entries.front().key;
  return key == "Ref" || key == "Condition" || key.starts_with("Fn::");
}

}  // namespace

std::optional<Template::Value> Template::value(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::scalar) return Value{.text = node.text};
  if (!is_function(node) || depth_ >= kDeepest) return std::nullopt;
  ++depth_;
  const YamlEntry& call = node.entries.front();
  std::optional<Value> result;
  if (call.key == "Ref") result = ref(call.value.text);
  if (call.key == "Fn::Sub") result = sub(call.value);
  if (call.key == "Fn::Join") result = join(call.value);
  if (call.key == "Fn::GetAtt") result = attribute(call.value);
  --depth_;
  if (result) source_.take_whole(node);
  return result;
}

std::optional<Template::Value> Template::ref(const std::string& name) {
  if (name.empty()) return std::nullopt;
  if (section_entry(root_, "Resources", name) != nullptr) return Value{.text = name, .resource = name};
  const YamlNode* parameter = section_entry(root_, "Parameters", name);
  if (parameter != nullptr) take_parameter(source_, *parameter);
  const YamlNode* fallback = parameter == nullptr ? nullptr : find(*parameter, "Default");
  if (fallback == nullptr || fallback->kind != YamlNode::Kind::scalar) return Value{.text = name, .exact = false};
  return Value{.text = fallback->text};
}

std::optional<Template::Value> Template::sub(const YamlNode& argument) {
  const bool with_names = argument.kind == YamlNode::Kind::list && argument.items.size() == 2;
  const std::string_view text = with_names ? argument.items[0].text : argument.text;
  Value result;
  std::string_view rest = text;
  while (result.text.size() < kLongest) {
    const std::size_t begin = rest.find("${");
    const std::size_t end = begin == std::string_view::npos ? begin : rest.find('}', begin);
    if (end == std::string_view::npos) break;
    const std::string name(rest.substr(begin + 2, end - begin - 2));
    result.text.append(rest.substr(0, begin));
    rest.remove_prefix(end + 1);
    const YamlNode* own = with_names ? find(argument.items[1], name) : nullptr;
    // ${Resource.Attribute} is a GetAtt of its own, and ${!x} is no variable.
    auto part = own != nullptr ? value(*own) : ref(name.substr(0, name.find('.')));
    if (name.starts_with('!')) part = Value{.text = "${" + name.substr(1) + "}"};
    if (!part) return std::nullopt;
    result.text += part->text;
    result.exact = result.exact && part->exact;
    if (result.resource.empty()) result.resource = part->resource;
  }
  result.text.append(rest);
  result.text.resize(std::min(result.text.size(), kLongest));
  return result;
}

std::optional<Template::Value> Template::join(const YamlNode& argument) {
  if (argument.kind != YamlNode::Kind::list || argument.items.size() != 2) return std::nullopt;
  Value result;
  for (const YamlNode& item : argument.items[1].items) {
    const auto part = value(item);
    if (!part || result.text.size() > kLongest) return std::nullopt;
    if (&item != argument.items[1].items.data()) result.text += argument.items[0].text;
    result.text += part->text;
    result.exact = result.exact && part->exact;
    if (result.resource.empty()) result.resource = part->resource;
  }
  return result;
}

std::optional<Template::Value> Template::attribute(const YamlNode& argument) {
  const bool list = argument.kind == YamlNode::Kind::list && !argument.items.empty();
  const std::string& text = list ? argument.items.front().text : argument.text;
  const std::string resource = text.substr(0, text.find('.'));
  if (resource.empty()) return std::nullopt;
  return Value{.text = resource, .resource = resource};
}

std::optional<std::string> Template::take_text(const YamlNode& mapping, std::string_view key) {
  const YamlNode* node = source_.take(mapping, key);
  if (node == nullptr) return std::nullopt;
  if (!is_function(*node)) return source_.text(*node);
  if (auto known = value(*node)) return std::move(known->text);
  source_.leave(*node, "known only when the template is deployed");
  return std::nullopt;
}

std::string Template::take_reference(const YamlNode& mapping, std::string_view key) {
  const YamlNode* node = source_.take(mapping, key);
  return node == nullptr ? "" : reference(*node);
}

std::string Template::reference(const YamlNode& node) {
  const auto known = value(node);
  if (!known) return "";
  return known->resource.empty() ? known->text : known->resource;
}

const YamlNode* Template::literal(const YamlNode& node) {
  if (!is_function(node)) return &node;
  const YamlEntry& call = node.entries.front();
  const YamlNode* parameter = call.key == "Ref" ? section_entry(root_, "Parameters", call.value.text) : nullptr;
  const YamlNode* fallback = parameter == nullptr ? nullptr : find(*parameter, "Default");
  if (fallback != nullptr) {
    source_.take_whole(node);
    take_parameter(source_, *parameter);
    return fallback;
  }
  if (parameter != nullptr) take_parameter(source_, *parameter);
  source_.leave(node, parameter == nullptr ? "known only when the template is deployed"
                                           : fmt::format("the parameter {} has no Default", clean(call.value.text)));
  return nullptr;
}

std::optional<double> Template::take_number(const YamlNode& mapping, std::string_view key) {
  const YamlNode* node = source_.take(mapping, key);
  if (node != nullptr) node = literal(*node);
  return node == nullptr ? std::nullopt : source_.number(*node);
}

std::optional<int> Template::take_integer(const YamlNode& mapping, std::string_view key, int low, int high) {
  const YamlNode* node = source_.take(mapping, key);
  if (node != nullptr) node = literal(*node);
  return node == nullptr ? std::nullopt : source_.integer(*node, low, high);
}

bool Template::take_flag(const YamlNode& mapping, std::string_view key, bool otherwise) {
  const YamlNode* node = source_.take(mapping, key);
  if (node != nullptr) node = literal(*node);
  if (node == nullptr) return otherwise;
  if (node->text == "true" || node->text == "True") return true;
  if (node->text == "false" || node->text == "False") return false;
  source_.complain(*node, fmt::format("expected true or false, found '{}'", clean(node->text)));
  return otherwise;
}

}  // namespace weir
