#include "providers/kubernetes/rfc3339.h"

#include <charconv>
#include <string>

namespace weir::kubernetes {
namespace {

/// Takes numbers and marks off the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  int number(std::size_t digits) {
    int value = -1;
    if (rest_.size() < digits) return fail();
    const std::string part(rest_.substr(0, digits));
    const char* const last = part.data() + part.size();
    const auto [end, error] = std::from_chars(part.data(), last, value);
    if (error != std::errc{} || end != last || value < 0) return fail();
    rest_.remove_prefix(digits);
    return value;
  }

  bool take(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char wanted) {
    if (!take(wanted)) fail();
  }

  /// The digits after a point, cut to milliseconds.
  Duration fraction() {
    int milliseconds = 0;
    int weight = 100;
    std::size_t digits = 0;
    for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits, weight /= 10) {
      milliseconds += (rest_[digits] - '0') * weight;
    }
    if (digits == 0) fail();
    rest_.remove_prefix(digits);
    return Duration(milliseconds);
  }

  /// `Z` or `+hh:mm`.
  Duration offset() {
    if (take('Z') || take('z')) return Duration{0};
    const bool east = take('+');
    if (!east) expect('-');
    const std::chrono::hours hours(number(2));
    expect(':');
    const Duration all = hours + std::chrono::minutes(number(2));
    return east ? all : -all;
  }

  [[nodiscard]] bool good() const { return good_ && rest_.empty(); }

 private:
  int fail() {
    good_ = false;
    return 0;
  }

  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

std::optional<TimePoint> parse_time(std::string_view text) {
  Scanner scan(text);
  const std::chrono::year year(scan.number(4));
  scan.expect('-');
  const std::chrono::month month(static_cast<unsigned>(scan.number(2)));
  scan.expect('-');
  const std::chrono::day day(static_cast<unsigned>(scan.number(2)));
  scan.expect('T');
  const std::chrono::hours hours(scan.number(2));
  scan.expect(':');
  const std::chrono::minutes minutes(scan.number(2));
  scan.expect(':');
  const std::chrono::seconds seconds(scan.number(2));
  const Duration fraction = scan.take('.') ? scan.fraction() : Duration{0};
  const Duration offset = scan.offset();
  const std::chrono::year_month_day date(year, month, day);
  if (!scan.good() || !date.ok() || hours.count() > 23 || minutes.count() > 59 || seconds.count() > 60) return std::nullopt;
  return TimePoint(std::chrono::sys_days(date).time_since_epoch() + hours + minutes + seconds + fraction - offset);
}

}  // namespace weir::kubernetes
