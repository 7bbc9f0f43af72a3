#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "controller/simulate/trace.h"

namespace weir {

/// Makes a trace of CSV that comes in pieces. The rules are those of parse_trace(). After the first error it is of no more use.
class TraceReader {
 public:
  /// `source` is what errors call the text.
  TraceReader(std::string name, std::string source, TraceOptions options);

  /// The next piece, cut anywhere.
  [[nodiscard]] Result<void> take(std::string_view piece);
  /// After the last piece.
  [[nodiscard]] Result<Trace> finish();

 private:
  [[nodiscard]] Result<void> take_line(std::string_view line);
  [[nodiscard]] Result<void> take_first(std::string_view line);
  [[nodiscard]] Result<void> take_header(std::string_view line);
  [[nodiscard]] Result<void> choose_column(std::string_view line);
  [[nodiscard]] Result<void> take_row(std::string_view line);
  [[nodiscard]] Result<void> take_sample(TimePoint time, std::string_view load, std::string_view line);
  [[nodiscard]] Result<void> check_order(TimePoint time) const;
  void split(std::string_view line);
  [[nodiscard]] std::string column_names() const;
  [[nodiscard]] std::unexpected<Error> complain(std::string_view what) const;
  [[nodiscard]] std::unexpected<Error> complain_of(std::string_view line, std::string_view what) const;

  const std::string source_;
  const TraceOptions options_;
  Trace trace_;
  std::string begun_;                    ///< a line of which the end has not come yet
  std::size_t line_ = 0;                 ///< counts from 1
  std::vector<std::string_view> cells_;  ///< of the current line
  std::size_t columns_ = 0;              ///< 0: neither header nor row has been seen
  std::size_t column_ = 1;               ///< which one holds the load
  TimePoint before_{};                   ///< time of the last row, be its load missing or not
  std::size_t line_before_ = 0;          ///< 0: there was no row
  std::size_t missing_ = 0;
};

}  // namespace weir
