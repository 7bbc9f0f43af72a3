#include "controller/tune/folds.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr Duration kBlocks[] = {24h, 6h, 1h};
constexpr std::size_t kFewestFolds = 2;
constexpr std::size_t kFewestBlocks = 2;  ///< of a fold

/// The last sample speaks for one step.
Duration length_of(const Trace& trace) { return trace.at.back() - trace.at.front() + trace.step; }

std::size_t blocks_in(const Trace& trace, Duration block) { return static_cast<std::size_t>(length_of(trace) / block); }

Folds cut_into(const Trace& trace, Duration block, std::size_t wanted) {
  const std::size_t blocks = blocks_in(trace, block);
  Folds folds{.count = std::min(wanted, blocks / kFewestBlocks), .block = block, .cuts = {}, .notes = {}};
  // What is left at the end belongs to the last block.
  TimePoint cut = trace.at.front();
  for (std::size_t count = 1; count < blocks; ++count) folds.cuts.push_back(cut += block);
  if (folds.count < wanted) {
    folds.notes.push_back(fmt::format("{} folds instead of {}: {} of history are {} blocks of {}, and each fold needs {}",
                                      folds.count, wanted, format_duration(length_of(trace)), blocks, format_duration(block),
                                      kFewestBlocks));
  }
  if (block < kBlocks[0]) {
    folds.notes.push_back(
        fmt::format("less than {} days of history: what it is validated on are other hours of the same days, not other days",
                    kFewestFolds * kFewestBlocks));
  }
  return folds;
}

}  // namespace

Result<Folds> folds_of(const Trace& trace, std::size_t wanted) {
  for (const Duration block : kBlocks) {
    if (blocks_in(trace, block) >= kFewestFolds * kFewestBlocks) return cut_into(trace, block, std::max(wanted, kFewestFolds));
  }
  return failure(
      ErrorKind::invalid,
      fmt::format("the trace {} covers {}; expected at least {}, and better four weeks: what is chosen on a part of it is "
                  "judged on the rest",
                  trace.name, format_duration(length_of(trace)), format_duration(kFewestFolds * kFewestBlocks * kBlocks[2])));
}

}  // namespace weir
