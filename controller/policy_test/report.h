#pragma once

#include <span>
#include <string>

#include "controller/policy_test/runner.h"
#include "controller/render/text.h"

namespace weir {

/// Every failure of every test, with the votes and stages of its turn, and a last line that counts them.
[[nodiscard]] std::string tests_text(std::span<const TestResult> results, Colour colour);

/// {"tests": […], "passed": N, "failed": N, "errors": […]}; `errors`: of files that could not be read.
[[nodiscard]] std::string tests_json(std::span<const TestResult> results, std::span<const ConfigError> errors);

}  // namespace weir
