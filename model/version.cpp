#include "model/version.h"

#include <algorithm>
#include <string>

namespace weir {
namespace {

constexpr std::size_t kLongest = 128;

bool is_letter_or_digit(char one) { return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9'); }

bool is_allowed(char one) { return is_letter_or_digit(one) || std::string_view("._-+:/@").contains(one); }

}  // namespace

Result<void> check_version(std::string_view version) {
  const bool sound = !version.empty() && version.size() <= kLongest && is_letter_or_digit(version.front()) &&
                     std::ranges::all_of(version, is_allowed) && !version.contains("..");
  if (sound) return {};
  return failure(ErrorKind::invalid,
                 "a version is 1 to 128 letters, digits and . _ - + : / @, begins with a letter or digit, and has no '..' in it");
}

}  // namespace weir
