#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policies/calendar.h"

namespace {

using namespace std::chrono_literals;

void check(bool holds) {
  if (!holds) std::abort();
}

constexpr weir::TimePoint kSpring = std::chrono::sys_days{std::chrono::year{2028} / 3 / 26} + 1h;
constexpr weir::TimePoint kAutumn = std::chrono::sys_days{std::chrono::year{2028} / 10 / 29} + 1h;

weir::TimeZone zone() { return {"Europe/Berlin", {{{}, 1h}, {kSpring, 2h}, {kAutumn, 1h}}}; }

/// What must hold of all windows.
void check_windows(const weir::ParsedText<weir::Windows>& windows) {
  if (!windows) return check(!windows.error().empty());
  for (weir::TimePoint at : {weir::TimePoint{}, kSpring - 90min, kSpring + 15min, kAutumn - 90min, kAutumn + 15min}) {
    for (int i = 0; i < 3; ++i) {
      const auto open = windows->open_at(at);
      check(!open || (open->begin <= at && at < open->end));
      const auto next = windows->next_opening(at);
      if (!next) break;
      check(*next > at);
      const auto opened = windows->open_at(*next);
      check(opened && opened->begin == *next);
      at = *next;
    }
  }
}

}  // namespace

/// The first byte chooses what the rest is: a cron rule, an rrule, a local time; and how long windows are.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const weir::Duration durations[] = {1min, 9h, 24h, 40 * 24h};
  const weir::Duration duration = durations[data[0] / 4 % 4];
  const weir::LocalTime start = std::chrono::local_days{std::chrono::year{2028} / 2 / 29} + 2h + 30min + 15s;
  if (data[0] % 4 == 0) {
    const auto time = weir::parse_local_time(text);
    if (time) check_windows(weir::Windows::until(weir::once_at(*time), *time + duration, zone()));
    check(time || !time.error().empty());
    return 0;
  }
  const auto recurrence = data[0] % 4 == 1 ? weir::parse_cron(text) : weir::parse_rrule(start, text, zone());
  if (!recurrence) {
    check(!recurrence.error().empty());
    return 0;
  }
  check_windows(weir::Windows::lasting(*recurrence, duration, zone()));
  check_windows(weir::Windows::until(*recurrence, start + duration, zone()));
  return 0;
}
