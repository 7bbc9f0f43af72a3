#pragma once

#include <sys/types.h>

#include <string>

#include "model/error.h"
#include "tests/support/temp_directory.h"

namespace weir {

/// A moto server: something that speaks AWS's protocols and counts right, but knows neither time, limits nor errors.
class MotoServer {
 public:
  /// Whether this machine's Python has moto.
  [[nodiscard]] static bool is_installed();

  MotoServer() = default;
  ~MotoServer();
  MotoServer(const MotoServer&) = delete;
  MotoServer& operator=(const MotoServer&) = delete;

  /// Returns when it answers.
  [[nodiscard]] Result<void> start();
  [[nodiscard]] std::string url() const;

 private:
  TempDirectory directory_;
  int port_ = 0;
  pid_t process_ = -1;
};

}  // namespace weir
