#include "controller/cli/test.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "controller/cli/console.h"
#include "controller/policy_test/report.h"
#include "controller/policy_test/runner.h"

namespace weir {

Exit command_test(const CommonOptions& options, std::span<const std::filesystem::path> files) {
  std::vector<TestResult> results;
  ConfigErrors errors;
  for (const std::filesystem::path& file : files) {
    const auto read = load_test_file(file, builtin_catalogs());
    if (!read) {
      errors.insert(errors.end(), read.error().begin(), read.error().end());
      continue;
    }
    for (const PolicyTest& test : read->tests) results.push_back(run_policy_test(test, file));
  }
  for (const ConfigError& error : errors) (void)std::fprintf(stderr, "%s\n", to_string(error).c_str());
  if (options.json) {
    print(tests_json(results, errors));
  } else if (!results.empty() || errors.empty()) {
    print(tests_text(results, colour_for_output()));
  }
  const bool failed = std::ranges::any_of(results, [](const TestResult& one) { return !one.failures.empty(); });
  return failed || !errors.empty() ? Exit::error : Exit::ok;
}

}  // namespace weir
