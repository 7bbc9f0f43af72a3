#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/error.h"
#include "model/time.h"

namespace weir {

/// A recorded load: samples in rising order of time, at least three, each finite and not negative.
struct Trace {
  std::string name;
  std::vector<TimePoint> at;
  std::vector<double> load;                           ///< as many as `at`; requests per second, or whatever the column holds
  Duration step{};                                    ///< the median distance of neighbouring samples
  std::vector<std::pair<TimePoint, TimePoint>> gaps;  ///< holes longer than 1.5 steps: the sample before, the sample after
  std::vector<std::string> notes;                     ///< what a reader of results should know about the recording
};

/// How a recorded load is read.
struct TraceOptions {
  std::string column;  ///< which column holds the load; empty: the only one there is beside the time
  std::size_t most_rows = 50'000'000;
  std::uintmax_t most_bytes = std::uintmax_t{2} << 30U;
};

/// Reads a recorded load from CSV:
///
/// - Header `timestamp,requests_per_second`, or any `timestamp,<name>`; the first name may be `time` or `t` too, in any case. Two
///   columns need no header. More than two are an error that names them, unless `column` chooses one.
/// - The time is unix seconds, whole or with a fraction, or RFC 3339 with its offset; in the years 0 to 9999, to the millisecond.
/// - LF and CRLF, a byte order mark, blank lines, lines that begin with `#`, blanks around cells and cells in double quotes are
/// fine.
/// - The load is a number that is not negative. NaN, an infinity or nothing at all is a row that is missing; a note counts them.
/// - A row that is missing is a gap: nothing is filled in, and Trace::gaps says where.
/// - Times must rise from row to row. Two equal ones are an error, as are those out of order: which of two contradicting
///   recordings is the true one cannot be known here.
/// - A line over 4096 bytes, fewer than three samples, more rows or bytes than the options allow are errors.
///
/// Independent of the locale. Memory: sixteen bytes for each row, whatever the text takes. Errors, the first one found: invalid,
/// with line and what was expected.
[[nodiscard]] Result<Trace> parse_trace(std::string_view text, const std::string& name, const TraceOptions& options = {});

/// The same from a file, in pieces; the trace is named for the file without its ending. Errors: also not_found, denied,
/// unavailable; invalid for what is not a regular file, empty or too large.
[[nodiscard]] Result<Trace> read_trace(const std::filesystem::path& path, const TraceOptions& options = {});

/// The same rules for a load that came from elsewhere than a file: what is not finite is missing. `at` rises; as many loads as
/// times. Errors: invalid, for a negative load and for fewer than three samples.
[[nodiscard]] Result<Trace> make_trace(std::string name, std::span<const TimePoint> at, std::span<const double> load);

/// The samples from `from` to `to`, both included; absent: from the first, to the last. The step stays that of the whole recording;
/// gaps that reach beyond the range are not in it. Errors: invalid for `from` later than `to`, and if fewer than three samples are
/// left.
[[nodiscard]] Result<Trace> cut(Trace trace, std::optional<TimePoint> from, std::optional<TimePoint> to);

/// The load between the samples: linear from one to the next, for a clock that mostly rises (then the cost of a call does not
/// depend on the length of the trace; going back costs a search). Not thread-safe; the trace must outlive it.
class LoadCursor {
 public:
  explicit LoadCursor(const Trace& trace) : trace_(trace) {}

  /// What the recording says about one instant.
  struct Reading {
    double value = 0;
    bool in_gap = false;  ///< nothing was recorded here: `value` is drawn across a hole and should not be judged
  };
  /// The first sample's value before it, and the last one's after it; the last sample speaks for one step, beyond is a gap.
  [[nodiscard]] Reading at(TimePoint time);

 private:
  void move_to(TimePoint time);

  const Trace& trace_;
  std::size_t index_ = 0;  ///< of the last sample not after the time asked for
};

/// Whether a hole of this length between two samples is a gap.
[[nodiscard]] inline bool is_gap(Duration distance, Duration step) { return distance * 2 > step * 3; }

}  // namespace weir
