#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace weir {

/// Bytes of the UTF-8 sequence at the front; 0 if it is none, or nothing (RFC 3629: no overlong forms, no surrogates).
[[nodiscard]] std::size_t utf8_length(std::string_view text);

/// Whether it is UTF-8 from its beginning to its end.
[[nodiscard]] bool is_utf8(std::string_view text);

/// A foreign text as it may stand in a message: one line of UTF-8, at most so many bytes of it and then an ellipsis. Control
/// characters become blanks, bytes that are no UTF-8 become U+FFFD, blanks at the end go.
[[nodiscard]] std::string quoted_line(std::string_view text, std::size_t longest);

/// The text with `{name}` replaced by the value of that name; what is in braces and has none stays as it is.
[[nodiscard]] std::string filled(const std::string& text, const std::map<std::string, std::string>& values);

}  // namespace weir
