#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "controller/simulate/trace.h"
#include "model/error.h"

namespace weir {

/// A history cut into blocks of one length that are dealt out to the folds in turn: a choice made on some folds is judged on the
/// others. Whole days wherever there are enough, lest a fold have only nights; each fold has two blocks at least.
struct Folds {
  std::size_t count = 0;
  Duration block{0};
  std::vector<TimePoint> cuts;  ///< between the blocks
  std::vector<std::string> notes;

  [[nodiscard]] std::size_t fold_of(std::size_t block_index) const { return block_index % count; }
};

/// Fewer folds than wanted, with a note, if the trace is short. Errors: invalid for a trace that is too short even for two, with
/// how long it has to be.
[[nodiscard]] Result<Folds> folds_of(const Trace& trace, std::size_t wanted);

}  // namespace weir
