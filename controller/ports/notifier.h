#pragma once

#include <string>
#include <vector>

#include "model/event.h"
#include "model/time.h"

namespace weir {

/// What one source knows: what happened there since it last spoke, and all conditions that hold there now.
struct News {
  std::string source;  ///< names who speaks: conditions that it no longer tells of have ended
  TimePoint at{};
  std::vector<Event> happened;
  std::vector<Event> holding;  ///< of Stage::began
};

/// Who has people told. Thread-safe.
class Notifier {
 public:
  virtual ~Notifier() = default;
  /// Takes it and returns at once, whatever the receivers do.
  virtual void tell(News news) = 0;
};

}  // namespace weir
