#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "controller/ports/ports.h"
#include "controller/state/sqlite_store.h"

namespace weir {

/// Turn `number` of a group; turns lie a second apart.
[[nodiscard]] inline Record quiet_turn(const std::string& group, int number) {
  Record record;
  record.group = group;
  record.at = TimePoint{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}} + std::chrono::seconds{number};
  record.plan.decision.previous = 2;
  record.plan.decision.desired = 2;
  record.plan.notes = {"turn " + std::to_string(number)};
  return record;
}

[[nodiscard]] inline Record changing_turn(const std::string& group, int number) {
  Record record = quiet_turn(group, number);
  record.plan.decision.desired = 3;
  return record;
}

[[nodiscard]] inline Memory memory_with(int desired) {
  Memory memory;
  memory.nonce = "a1b2c3";
  memory.desired = desired;
  return memory;
}

[[nodiscard]] inline Result<std::unique_ptr<SqliteStore>> open_store(const std::filesystem::path& path, Retention retention = {}) {
  SqliteStore::Options options;
  options.path = path;
  options.retention = retention;
  options.retry_delay = Duration{10};
  return SqliteStore::open(std::move(options));
}

}  // namespace weir
