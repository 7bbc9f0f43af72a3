#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"

namespace weir {

/// One element of an XML answer: attributes, comments and name spaces are nobody's business here.
struct XmlElement {
  std::string name;
  std::string text;  ///< its own, without that of its children
  std::vector<XmlElement> children;

  /// The first child of that name; an empty element if there is none.
  [[nodiscard]] const XmlElement& child(std::string_view wanted) const;
  [[nodiscard]] const std::string& text_of(std::string_view wanted) const { return child(wanted).text; }
  [[nodiscard]] bool has(std::string_view wanted) const;
};

/// The root element. Errors: invalid if the text is no well-formed document with one root, or is nested absurdly deep.
[[nodiscard]] Result<XmlElement> parse_xml(std::string_view text);

}  // namespace weir
