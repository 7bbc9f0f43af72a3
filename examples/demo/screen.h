#pragma once

#include <chrono>
#include <string>

#include "model/time.h"

namespace weir {

/// Where the demo talks to a person, or to a file.
class Screen {
 public:
  Screen();

  /// A line that stays.
  void say(const std::string& line);
  /// The current line of the table. On a terminal it replaces the one before and stays every five seconds; elsewhere it is printed
  /// every two seconds.
  void row(const std::string& line);

 private:
  [[nodiscard]] bool is_due(Duration every);

  bool terminal_;
  bool open_row_ = false;  ///< the cursor stands behind a row that may be replaced
  std::chrono::steady_clock::time_point kept_at_{};
};

}  // namespace weir
