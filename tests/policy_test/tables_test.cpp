// The tables of published behaviour: each file of tests/policy_tables, run as `weir test` runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "controller/policy_test/report.h"
#include "controller/policy_test/runner.h"
#include "controller/policy_test/test_file.h"

namespace weir {
namespace {

struct PolicyTable {
  const char* name;
  std::size_t least;  ///< so many cases it has: a table that shrinks by mistake shows nothing
};

class PolicyTables : public testing::TestWithParam<PolicyTable> {};

TEST_P(PolicyTables, hold) {
  const std::filesystem::path file =
      std::filesystem::path(WEIR_SOURCE_DIR) / "tests/policy_tables" / (std::string(GetParam().name) + ".yaml");
  const TestFileResult read = load_test_file(file, builtin_catalogs());
  if (!read) {
    for (const ConfigError& error : read.error()) ADD_FAILURE() << to_string(error);
    return;
  }
  EXPECT_GE(read->tests.size(), GetParam().least);
  std::vector<TestResult> failed;
  for (const PolicyTest& test : read->tests) {
    TestResult result = run_policy_test(test, file);
    if (!result.failures.empty()) failed.push_back(std::move(result));
  }
  EXPECT_THAT(failed, testing::IsEmpty()) << tests_text(failed, Colour::off);
}

void PrintTo(const PolicyTable& table, std::ostream* out) { *out << table.name; }

INSTANTIATE_TEST_SUITE_P(Published, PolicyTables,
                         testing::Values(PolicyTable{"hpa", 80}, PolicyTable{"aws", 40}, PolicyTable{"schedules", 40}),
                         [](const auto& case_of) { return std::string(case_of.param.name); });

}  // namespace

void PrintTo(const TestResult& result, std::ostream* out) { *out << result.name; }

}  // namespace weir
