#include "examples/demo/story.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace weir {
namespace {

/// Cooldowns and windows shrink with the story; what Prometheus needs to notice a new server does not.
std::string group_settings(Duration length) {
  const double scale = std::chrono::duration<double>(length).count() / 180;
  const auto scaled = [scale](double seconds) {
    return format_duration(Duration(std::llround(std::max(1.0, seconds * scale) * 1000)));
  };
  return fmt::format(R"(warm_up: 6s
health: {{http: /health, interval: 500ms, timeout: 500ms, healthy_after: 2, unhealthy_after: 3, deadline: 30s}}
drain: {{timeout: 10s}}
policies:
  - name: busy
    type: target_tracking
    query: rate(app_busy_seconds_total[3s]) / app_slots
    server_label: weir_server
    target: {target}
  - {{name: queue, type: threshold, query: sum(app_queue_length), above: 50, for: 2s, change: +1}}
scale_out: {{cooldown: {out}}}
scale_in: {{cooldown: {in}, stabilization_window: {window}}}
)",
                     fmt::arg("target", kTarget), fmt::arg("out", scaled(3)), fmt::arg("in", scaled(5)),
                     fmt::arg("window", scaled(15)));
}

}  // namespace

Story::Story(Duration length)
    : profile_{{length * 3 / 20, kBaseline, kBaseline},
               {length * 3 / 20, kBaseline, kPeak},
               {length * 6 / 20, kPeak, kPeak},
               {length * 2 / 20, kPeak, kBaseline},
               {length * 6 / 20, kBaseline, kBaseline}} {}

Duration Story::end_of(std::size_t stretch) const {
  Duration end{0};
  for (std::size_t index = 0; index <= stretch; ++index) end += profile_[index].length;
  return end;
}

std::string_view Story::chapter(Duration time) const {
  constexpr std::string_view kNames[] = {"baseline", "rising", "peak", "falling", "baseline", "the end"};
  std::size_t stretch = 0;
  while (stretch < profile_.size() && time >= end_of(stretch)) ++stretch;
  return kNames[stretch];
}

Duration Story::breach() const {
  const LoadSegment& rise = profile_[1];
  const double share = (kMin * kServerRps * kTarget - rise.from_rps) / (rise.to_rps - rise.from_rps);
  return end_of(0) + std::chrono::duration_cast<Duration>(rise.length * share);
}

StandGroup demo_group(Duration length) {
  StandGroup group;
  group.app_options = {"--capacity", "4", "--service-time", "40ms", "--boot", "1s"};
  group.min = kMin;
  group.max = kMax;
  group.rest = group_settings(length);
  return group;
}

}  // namespace weir
