#pragma once

#include <string>
#include <string_view>

#include "model/memory.h"
#include "model/observation.h"

namespace weir {

/// scale, pause, resume, deploy, promote or abort.
[[nodiscard]] std::string_view to_string(Order::Kind kind);

/// The directions of a pause in one word: out, in or both.
[[nodiscard]] std::string_view direction_of(bool out, bool in);

/// What was ordered, for people: "held at 3 until 2026-03-01T09:30:00Z by ops", "paused (out) until resumed by ops", "resumed by
/// ops", "deploy of v2 (canary) by ops", "deploy promoted by ops", "deploy aborted by ops".
[[nodiscard]] std::string order_text(const Order& order);

/// What is in force, likewise: "held at 3 until resumed; paused (out) until …". Empty if nothing is.
[[nodiscard]] std::string manual_text(const Manual& manual);

/// One order as the API answers it: {"group","order","servers"|"direction","until","version","strategy","at","by"}; `until`, of
/// scale and pause, is null until resumed; `strategy` is left out where the group's own counts.
[[nodiscard]] std::string order_json(std::string_view group, const Order& order);

}  // namespace weir
