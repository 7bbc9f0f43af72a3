#pragma once

#include <optional>
#include <string>

#include "controller/cli/commands.h"
#include "controller/config/config.h"
#include "controller/render/text.h"

namespace weir {

/// Writes to standard output, with a line end if the text has none.
void print(const std::string& text);

/// Says on standard error what went wrong, and is the exit status for it.
[[nodiscard]] Exit complain(const std::string& message);

/// Whether standard output is a terminal that wants colours.
[[nodiscard]] Colour colour_for_output();

/// The configuration, or its errors on standard error.
[[nodiscard]] std::optional<Config> load_or_complain(const std::filesystem::path& file);

/// A bar on standard error while something takes long, if a person looks on. Not thread-safe.
class Progress {
 public:
  explicit Progress(std::string name);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(double share) const;

 private:
  std::string name_;
  bool shown_;
};

}  // namespace weir
