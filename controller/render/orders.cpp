#include "controller/render/orders.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <optional>

#include "controller/render/json_writer.h"
#include "controller/render/table.h"

namespace weir {
namespace {

std::string until_text(const std::optional<TimePoint>& until) {
  if (!until) return "until resumed";
  return "until " + format_time(std::chrono::floor<std::chrono::seconds>(*until)).substr(0, 19) + "Z";
}

std::string by_text(const std::string& by) { return by.empty() ? "" : " by " + printable(by); }

}  // namespace

std::string_view to_string(Order::Kind kind) {
  switch (kind) {
    case Order::Kind::scale:
      return "scale";
    case Order::Kind::pause:
      return "pause";
    case Order::Kind::resume:
      return "resume";
    case Order::Kind::deploy:
      return "deploy";
    case Order::Kind::promote:
      return "promote";
    case Order::Kind::abort:
      return "abort";
  }
  std::abort();
}

std::string_view direction_of(bool out, bool in) {
  if (out && in) return "both";
  return out ? "out" : "in";
}

std::string order_text(const Order& order) {
  switch (order.kind) {
    case Order::Kind::scale:
      return manual_text({.hold = Manual::Hold{order.servers, order.until, order.by}, .pause = {}});
    case Order::Kind::pause:
      return manual_text({.hold = {}, .pause = Manual::Pause{order.out, order.in, order.until, order.by}});
    case Order::Kind::resume:
      return "resumed" + by_text(order.by);
    case Order::Kind::deploy:
      return fmt::format("deploy of {}{}{}", printable(order.version),
                         order.strategy ? fmt::format(" ({})", to_string(*order.strategy)) : "", by_text(order.by));
    case Order::Kind::promote:
      return "deploy promoted" + by_text(order.by);
    case Order::Kind::abort:
      return "deploy aborted" + by_text(order.by);
  }
  std::abort();
}

std::string manual_text(const Manual& manual) {
  std::string text;
  if (manual.hold)
    text = fmt::format("held at {} {}{}", manual.hold->servers, until_text(manual.hold->until), by_text(manual.hold->by));
  if (!manual.pause) return text;
  const Manual::Pause& pause = *manual.pause;
  return fmt::format("{}{}paused ({}) {}{}", text, text.empty() ? "" : "; ", direction_of(pause.out, pause.in),
                     until_text(pause.until), by_text(pause.by));
}

std::string order_json(std::string_view group, const Order& order) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("group", group);
  out.field("order", to_string(order.kind));
  if (order.kind == Order::Kind::scale) out.field("servers", order.servers);
  if (order.kind == Order::Kind::pause) out.field("direction", direction_of(order.out, order.in));
  if (order.kind == Order::Kind::scale || order.kind == Order::Kind::pause) out.field("until", order.until);
  if (order.kind == Order::Kind::deploy) out.field("version", order.version);
  if (order.strategy) out.field("strategy", to_string(*order.strategy));
  out.field("at", order.at);
  out.field("by", order.by);
  out.end_object();
  return text;
}

}  // namespace weir
