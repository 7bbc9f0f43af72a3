#pragma once

#include <string_view>

namespace weir {

/// What the page of simulation_html() is drawn with: page/page.css and page/page.js as they are.
extern const std::string_view kPageStyle;
extern const std::string_view kPageScript;

}  // namespace weir
