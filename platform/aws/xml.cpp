#include "platform/aws/xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <pugixml.hpp>

#include "model/text.h"

namespace weir {
namespace {

/// No answer we ask for comes near it; the elements are copied by recursion.
constexpr int kDeepest = 64;

bool copy(const pugi::xml_node& from, XmlElement& to, int depth) {
  if (depth > kDeepest) return false;
  to.name = from.name();
  for (const pugi::xml_node& child : from.children()) {
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) to.text += child.value();
    if (child.type() != pugi::node_element) continue;
    if (!copy(child, to.children.emplace_back(), depth + 1)) return false;
  }
  return true;
}

}  // namespace

const XmlElement& XmlElement::child(std::string_view wanted) const {
  static const XmlElement none;
  const auto found = std::ranges::find(children, wanted, &XmlElement::name);
  return found == children.end() ? none : *found;
}

bool XmlElement::has(std::string_view wanted) const {
  return std::ranges::find(children, wanted, &XmlElement::name) != children.end();
}

Result<XmlElement> parse_xml(std::string_view text) {
  // Names and identifiers in it have to be told apart; what stands for a broken byte could not be.
  if (!is_utf8(text)) return failure(ErrorKind::invalid, "not XML: not UTF-8");
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) return failure(ErrorKind::invalid, fmt::format("not XML: {} at byte {}", parsed.description(), parsed.offset));
  const auto roots = document.children();
  if (std::ranges::count_if(roots, [](const pugi::xml_node& node) { return node.type() == pugi::node_element; }) != 1) {
    return failure(ErrorKind::invalid, "not XML: it has not exactly one root");
  }
  XmlElement root;
  if (!copy(document.document_element(), root, 0)) {
    return failure(ErrorKind::invalid, fmt::format("XML nested deeper than {} elements", kDeepest));
  }
  return root;
}

}  // namespace weir
