#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/error.h"
#include "tests/support/temp_directory.h"

namespace weir {

/// A real PM2 with a home and a daemon of its own, which ends with the object.
class RealPm2 {
 public:
  /// Its program: what ./dev installed under build/, or on the PATH. Empty: there is none.
  [[nodiscard]] static std::string program();

  /// Has the daemon started, with these apps: objects as in PM2's configuration files. Error: it could not.
  [[nodiscard]] Result<void> start(const nlohmann::json& apps);
  ~RealPm2();
  RealPm2() = default;
  RealPm2(const RealPm2&) = delete;
  RealPm2& operator=(const RealPm2&) = delete;

  [[nodiscard]] std::filesystem::path home() const { return directory_.path() / "home"; }
  [[nodiscard]] const std::filesystem::path& path() const { return directory_.path(); }
  /// Runs its command line to the end. Error: it said no.
  [[nodiscard]] Result<std::string> run(const std::vector<std::string>& arguments, const std::string& input = {}) const;
  /// Name and status of each entry, sorted: "app stopped".
  [[nodiscard]] std::vector<std::string> entries() const;

 private:
  TempDirectory directory_;
};

}  // namespace weir
