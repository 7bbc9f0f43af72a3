#pragma once

#include <string>
#include <vector>

#include "controller/policy_test/test_file.h"
#include "model/plan.h"

namespace weir {

/// One thing that was not as expected: "desired", "5", "4".
struct Difference {
  std::string what;
  std::string expected;
  std::string got;
};

/// A turn that was not as expected.
struct TestFailure {
  SourceMark mark;  ///< of the expectation
  Duration offset{0};
  TimePoint at;
  std::vector<Difference> differences;
  Decision decision;  ///< of that turn
};

struct TestResult {
  std::string name;
  std::filesystem::path file;
  SourceMark mark;
  std::vector<TestFailure> failures;  ///< none: passed
};

/// Runs one test: turn by turn up to its last expectation. Deterministic.
[[nodiscard]] TestResult run_policy_test(const PolicyTest& test, const std::filesystem::path& file);

}  // namespace weir
