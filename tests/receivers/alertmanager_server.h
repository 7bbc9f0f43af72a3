#pragma once

#include <memory>
#include <optional>
#include <string>

#include "examples/stand/process.h"
#include "model/error.h"
#include "platform/http_client.h"
#include "tests/support/temp_directory.h"

namespace weir {

/// A real Alertmanager on a free loopback port; gone with the object.
class AlertmanagerServer {
 public:
  /// Starts `prometheus-alertmanager` (found on PATH) and waits until it is ready. Errors: not_found, if it is not installed.
  [[nodiscard]] static Result<std::unique_ptr<AlertmanagerServer>> start();

  [[nodiscard]] std::string url() const;
  /// What GET /api/v2/alerts says, resolved ones left out by Alertmanager.
  [[nodiscard]] std::string alerts();

 private:
  explicit AlertmanagerServer(int port) : port_(port) {}

  TempDirectory directory_;
  HttpClient http_;
  int port_;
  std::optional<Program> program_;
};

}  // namespace weir
