#include "controller/render/rfc3339.h"

#include <cstddef>

namespace weir {
namespace {

/// Takes fixed-width parts off the front of a text; after the first part that does not fit nothing fits any more.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  int number(std::size_t digits) {
    int number = 0;
    for (std::size_t index = 0; index < digits; ++index) {
      const char digit = index < rest_.size() ? rest_[index] : '?';
      if (digit < '0' || digit > '9') return fail();
      number = number * 10 + (digit - '0');
    }
    rest_.remove_prefix(digits);
    return number;
  }
  bool literal(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_[0]) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void need(std::string_view any_of) {
    if (!literal(any_of)) fail();
  }
  /// Milliseconds of `.25`; further digits are skipped.
  int fraction() {
    if (!literal(".")) return 0;
    int milliseconds = 0;
    int weight = 100;
    std::size_t digits = 0;
    for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits, weight /= 10) {
      milliseconds += (rest_[digits] - '0') * weight;
    }
    if (digits == 0) return fail();
    rest_.remove_prefix(digits);
    return milliseconds;
  }
  [[nodiscard]] bool at_good_end() const { return good_ && rest_.empty(); }

 private:
  int fail() {
    good_ = false;
    return 0;
  }
  std::string_view rest_;
  bool good_ = true;
};

/// Minutes east of UTC, or nothing to fail on: the cursor knows.
int read_offset(Cursor& cursor) {
  if (cursor.literal("Zz")) return 0;
  const bool west = cursor.literal("-");
  if (!west) cursor.need("+");
  const int hours = cursor.number(2);
  cursor.need(":");
  const int minutes = cursor.number(2);
  if (hours > 23 || minutes > 59) cursor.need("");
  return (hours * 60 + minutes) * (west ? -1 : 1);
}

}  // namespace

std::optional<TimePoint> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  Cursor cursor(text);
  const int years = cursor.number(4);
  cursor.need("-");
  const int months = cursor.number(2);
  cursor.need("-");
  const int day = cursor.number(2);
  cursor.need("Tt ");
  const int hour = cursor.number(2);
  cursor.need(":");
  const int minute = cursor.number(2);
  cursor.need(":");
  const int second = cursor.number(2);
  const int millisecond = cursor.fraction();
  const int offset = read_offset(cursor);
  const year_month_day date{year{years}, month{static_cast<unsigned>(months)}, std::chrono::day{static_cast<unsigned>(day)}};
  // 60 is a leap second; it counts as the second that follows.
  if (!cursor.at_good_end() || !date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return sys_days{date} + hours{hour} + minutes{minute - offset} + seconds{second} + milliseconds{millisecond};
}

}  // namespace weir
