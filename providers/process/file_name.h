#pragma once

#include <string_view>

namespace weir {

/// Whether a token or a group's name can be the name of a file as it is: letters, digits and `._-`, no leading dot.
[[nodiscard]] inline bool is_file_name(std::string_view name) {
  constexpr std::string_view kGood = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.size() <= 200 && name.front() != '.' && name.find_first_not_of(kGood) == std::string_view::npos;
}

}  // namespace weir
