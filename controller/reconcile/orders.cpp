#include "controller/reconcile/orders.h"

#include <fmt/format.h>

namespace weir {
namespace {

void obey(const Order& order, Manual& manual) {
  switch (order.kind) {
    case Order::Kind::scale:
      manual.hold = Manual::Hold{order.servers, order.until, order.by};
      return;
    case Order::Kind::pause:
      manual.pause = Manual::Pause{order.out, order.in, order.until, order.by};
      return;
    case Order::Kind::resume:
      manual = {};
      return;
    case Order::Kind::deploy:
    case Order::Kind::promote:
    case Order::Kind::abort:
      return;
  }
}

}  // namespace

Result<void> check_order(const Order& order, const Group& group) {
  if (order.kind != Order::Kind::scale) return {};
  if (order.servers >= group.min && order.servers <= group.max) return {};
  return failure(ErrorKind::invalid,
                 fmt::format("group {} has at least {} and at most {} servers, so it cannot be held at {}; change "
                             "min or max in the configuration first",
                             group.name, group.min, group.max, order.servers));
}

void obey_orders(std::span<const Order> orders, TimePoint at, Memory& memory) {
  for (const Order& order : orders) obey(order, memory.manual);
  if (memory.manual.hold && memory.manual.hold->until && at >= *memory.manual.hold->until) memory.manual.hold.reset();
  if (memory.manual.pause && memory.manual.pause->until && at >= *memory.manual.pause->until) memory.manual.pause.reset();
}

}  // namespace weir
