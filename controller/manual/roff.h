#pragma once

#include <string>
#include <string_view>

namespace weir {

/// Text for man(7): nothing in it is taken for a request, hyphens can be copied, `words in backticks` are bold.
[[nodiscard]] std::string roff(std::string_view text);

/// A tagged paragraph: `tag` in bold, `text` below it; both as they are to be read.
[[nodiscard]] std::string roff_entry(std::string_view tag, std::string_view text);

/// The first line of a page of section `section`.
[[nodiscard]] std::string roff_title(std::string_view name, int section, std::string_view version);

}  // namespace weir
