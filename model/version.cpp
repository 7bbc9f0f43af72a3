#include "model/version.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "model/text.h"

namespace weir {
namespace {

constexpr std::size_t kLongestVersion = 128;
constexpr std::size_t kLongestQuote = 60;
constexpr std::string_view kMarks = "._-+:/@";

bool is_letter_or_digit(char character) {
  return (character >= '0' && character <= '9') || (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

bool may_follow(char character) { return is_letter_or_digit(character) || kMarks.contains(character); }

}  // namespace

Result<void> check_version(std::string_view version) {
  const bool plain = !version.empty() && is_letter_or_digit(version.front()) && std::ranges::all_of(version, may_follow);
  if (plain && version.size() <= kLongestVersion) return {};
  return failure(ErrorKind::invalid,
                 "version: expected " + std::string(kVersionForm) + ", found '" + quoted_line(version, kLongestQuote) + "'");
}

}  // namespace weir
