#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

/// One line per change, after the fact, as key=value or JSON. Thread-safe.
class Log {
 public:
  enum class Format { text, json };
  enum class Level { info, warning, error };
  /// A key and its value as text; values are quoted where the format needs it.
  using Field = std::pair<std::string_view, std::string>;

  /// Writes to standard error.
  explicit Log(Format format);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void write(Level level, std::string_view event, std::initializer_list<Field> fields) const;
  void info(std::string_view event, std::initializer_list<Field> fields) const { write(Level::info, event, fields); }
  void warning(std::string_view event, std::initializer_list<Field> fields) const { write(Level::warning, event, fields); }
  void error(std::string_view event, std::initializer_list<Field> fields) const { write(Level::error, event, fields); }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The line write() makes, without time and level: for tests.
[[nodiscard]] std::string log_line(Log::Format format, std::string_view event, std::initializer_list<Log::Field> fields);

}  // namespace weir
