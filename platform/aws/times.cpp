#include "platform/aws/times.h"

#include <fmt/chrono.h>

#include <array>
#include <charconv>
#include <cstddef>

namespace weir {
namespace {

struct Field {
  std::size_t at;
  std::size_t length;
};
constexpr std::array<Field, 6> kFields{{{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}}};
constexpr std::size_t kShortest = 20;  // 2026-11-21T05:53:46Z

std::optional<int> number(const std::string& text, Field field) {
  int value = 0;
  const char* begin = text.data() + field.at;
  const auto [end, error] = std::from_chars(begin, begin + field.length, value);
  if (error != std::errc{} || end != begin + field.length) return std::nullopt;
  return value;
}

}  // namespace

std::optional<TimePoint> parse_aws_time(const std::string& text) {
  if (text.size() < kShortest || text.back() != 'Z' || text[10] != 'T') return std::nullopt;
  std::array<int, kFields.size()> values{};
  for (std::size_t index = 0; index < kFields.size(); ++index) {
    const std::optional<int> value = number(text, kFields.at(index));
    if (!value) return std::nullopt;
    values.at(index) = *value;
  }
  using namespace std::chrono;
  const year_month_day date{year(values[0]), month(static_cast<unsigned>(values[1])), day(static_cast<unsigned>(values[2]))};
  if (!date.ok() || values[3] > 23 || values[4] > 59 || values[5] > 60) return std::nullopt;
  return TimePoint(sys_days(date)) + hours(values[3]) + minutes(values[4]) + seconds(values[5]);
}

std::string format_aws_time(TimePoint time) {
  return fmt::format("{:%Y%m%dT%H%M%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time))));
}

}  // namespace weir
