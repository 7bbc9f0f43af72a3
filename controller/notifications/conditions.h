#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "controller/ports/notifier.h"
#include "model/event.h"

namespace weir {

/// Which conditions hold, as their sources last said. Pure.
class Conditions {
 public:
  /// What is new in it: what happened, what began, what ended, in this order. A condition that goes on is none, though its
  /// sentence may be another now.
  [[nodiscard]] std::vector<Event> update(News news);

  /// All that hold now.
  [[nodiscard]] std::vector<Event> holding() const;

  /// Sources that are not `known` speak no more: their conditions end.
  [[nodiscard]] std::vector<Event> forget_all_but(const std::set<std::string>& known, TimePoint at);

 private:
  using Held = std::map<std::string, Event>;  // by condition_of()
  [[nodiscard]] static std::vector<Event> ended(const Held& held, const Held& still, TimePoint at);

  std::map<std::string, Held> by_source_;
};

}  // namespace weir
