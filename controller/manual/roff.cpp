#include "controller/manual/roff.h"

#include <fmt/format.h>

namespace weir {

std::string roff(std::string_view text) {
  std::string page;
  bool bold = false;
  bool begins_line = true;
  for (const char c : text) {
    // A dot or an apostrophe at the beginning of a line would be a request.
    if (begins_line && (c == '.' || c == '\'')) page += "\\&";
    begins_line = c == '\n';
    if (c == '`') {
      bold = !bold;
      page += bold ? "\\fB" : "\\fR";
    } else if (c == '\\') {
      page += "\\e";
    } else if (c == '-') {
      page += "\\-";
    } else {
      page += c;
    }
  }
  return page;
}

std::string roff_entry(std::string_view tag, std::string_view text) {
  return fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(tag), roff(text));
}

std::string roff_title(std::string_view name, int section, std::string_view version) {
  return fmt::format(".TH {} {} \"\" \"weir {}\" \"weir\"\n.nh\n.ad l\n", name, section, version);
}

}  // namespace weir
