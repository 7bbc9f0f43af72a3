#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/settings.h"

namespace weir {

/// Complaints about keys that are checked by more than their type: paths are the keys, marks where they stand.
class Complaints {
 public:
  /// `settings` must outlive this.
  explicit Complaints(const Settings& settings) : settings_(settings) {}
  void expect(bool good, std::string_view key, std::string message) {
    if (!good) errors_.push_back({std::string(key), std::move(message), settings_.mark(key)});
  }
  [[nodiscard]] std::vector<SettingsError> take() { return std::move(errors_); }

 private:
  const Settings& settings_;
  std::vector<SettingsError> errors_;
};

}  // namespace weir
