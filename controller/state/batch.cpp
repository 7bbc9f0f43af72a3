#include "controller/state/batch.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir {
namespace {

/// Only what eventual saves brought.
void drop_durable(WaitingGroup& group) {
  if (group.durable) group.memory = std::exchange(group.fallback, std::nullopt);
  group.durable = false;
  std::erase_if(group.records, [](const WaitingRecord& record) { return record.durable; });
}

std::size_t size_of(const WaitingGroup& group) {
  std::size_t bytes = group.memory ? group.memory->size() : 0;
  for (const WaitingRecord& record : group.records) bytes += record.json.size();
  return bytes;
}

/// `earlier` came before `group`.
void prepend(WaitingGroup& group, WaitingGroup earlier) {
  if (!group.memory) {
    group.memory = std::move(earlier.memory);
  } else if (group.durable && !group.fallback) {
    group.fallback = std::move(earlier.memory);
  }
  group.records.insert(group.records.begin(), std::move_iterator(earlier.records.begin()),
                       std::move_iterator(earlier.records.end()));
}

}  // namespace

void Batch::add(const std::string& group, std::string memory, WaitingRecord record) {
  WaitingGroup& waiting = groups[group];
  bytes += memory.size() + record.json.size();
  if (!record.durable) {
    waiting.fallback.reset();
  } else if (!waiting.durable) {
    waiting.fallback = std::move(waiting.memory);
  }
  waiting.memory = std::move(memory);
  waiting.durable = record.durable;
  waiting.records.push_back(std::move(record));
}

void Batch::take_back(Batch failed, std::size_t max_records) {
  for (auto& [name, earlier] : failed.groups) {
    drop_durable(earlier);
    if (!earlier.memory && earlier.records.empty()) continue;
    WaitingGroup& group = groups[name];
    prepend(group, std::move(earlier));
    const std::size_t surplus = group.records.size() - std::min(group.records.size(), max_records);
    // Durable records of a waiting caller are the newest, at the end.
    group.records.erase(group.records.begin(), group.records.begin() + static_cast<std::ptrdiff_t>(surplus));
  }
  bytes = 0;
  for (const auto& [name, group] : groups) bytes += size_of(group);
}

}  // namespace weir
