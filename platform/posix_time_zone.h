#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/time_zone.h"

namespace weir {

/// A time zone as POSIX writes it in TZ, "CET-1CEST,M3.5.0,M10.5.0/3": the last line of a zone file, which says what holds after
/// the transitions that the file lists (RFC 8536, 3.3).
struct PosixTimeZone {
  /// The local day and time of one change, each year.
  struct Change {
    /// `julian`: day 1-365, 29 February never counted; `ordinal`: day 0-365; `weekday`: `day` of week `week` (5: last) of `month`.
    enum class Kind : std::uint8_t { julian, ordinal, weekday };
    Kind kind = Kind::weekday;
    unsigned month = 1;
    unsigned week = 1;
    unsigned day = 0;
    std::chrono::seconds time = std::chrono::hours{2};  ///< by the clock before the change, from -167 h to 167 h
  };

  /// Daylight-saving time; it may lie behind standard time (Europe/Dublin).
  struct Summer {
    std::chrono::seconds offset{};
    Change begin;
    Change end;
  };

  std::chrono::seconds offset{};  ///< ahead of UTC; POSIX writes the opposite sign
  std::optional<Summer> summer;
};

/// Reads the form above. Without rules for the changes a summer offset is refused: its changes would be a guess. Error: invalid.
[[nodiscard]] Result<PosixTimeZone> parse_posix_time_zone(std::string_view text);

/// Both changes of one year, not sorted.
[[nodiscard]] std::array<TimeZone::Transition, 2> changes_of(const PosixTimeZone& zone, const PosixTimeZone::Summer& summer,
                                                             std::chrono::year year);

}  // namespace weir
