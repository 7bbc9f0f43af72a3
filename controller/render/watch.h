#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "controller/ports/ports.h"
#include "controller/render/text.h"
#include "model/time.h"

namespace weir {

/// What one turn of a group came to, as far as `weir status --watch` shows it.
struct WatchedTurn {
  std::optional<double> load;  ///< what the first policy with a number looked at
  int desired = 0;
  int in_service = 0;
};
/// The same, of the turn's record.
[[nodiscard]] WatchedTurn watched_turn(const Record& record);

/// One group on the table.
struct WatchedGroup {
  std::string name;
  std::vector<WatchedTurn> turns;  ///< oldest first
  std::optional<Record> last;      ///< absent before the first turn
  std::string trouble;             ///< why nothing newer is known; empty if all is well
};

/// What the terminal can show.
struct WatchView {
  int width = 0;   ///< characters; 0: any
  int height = 0;  ///< lines; 0: any
  Colour colour = Colour::off;
  enum class Glyphs { ascii, unicode };
  Glyphs glyphs = Glyphs::ascii;
};

/// The newest values as a picture, one character each, from the least of them to the largest; a value that is absent is a blank.
[[nodiscard]] std::string sparkline(std::span<const std::optional<double>> values, std::size_t most, WatchView::Glyphs glyphs);

/// One line per group, never wider or longer than the terminal: what is left out is said.
[[nodiscard]] std::string watch_text(std::span<const WatchedGroup> groups, TimePoint now, const WatchView& view);

}  // namespace weir
