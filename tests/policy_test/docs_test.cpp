// The page about policy tests: what it shows runs, and says what it is said to say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "controller/policy_test/report.h"
#include "controller/policy_test/runner.h"
#include "controller/policy_test/test_file.h"
#include "tests/docs/documents.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

constexpr const char* kPage = "docs/policy-tests.md";

class PolicyTestPage : public testing::Test {
 protected:
  PolicyTestPage() {
    std::ofstream(directory_.path() / "weir.yaml") << block("yaml", "groups:");
    tests_ = block("yaml", "tests:");
  }
  std::string block(const std::string& language, const std::string& with) const {
    const auto blocks = docs::fenced_blocks(kPage, docs::read_text(std::filesystem::path(WEIR_SOURCE_DIR) / kPage));
    const auto found =
        std::ranges::find_if(blocks, [&](const docs::Block& one) { return one.language == language && one.text.contains(with); });
    EXPECT_NE(found, blocks.end()) << with;
    return found == blocks.end() ? "" : found->text;
  }
  /// What `weir test weir.test.yaml` writes.
  std::string run(const std::string& tests) const {
    const auto read = parse_test_file(tests, directory_.path() / "weir.test.yaml", builtin_catalogs());
    if (!read) return to_string(read.error().front());
    std::vector<TestResult> results;
    for (const PolicyTest& test : read->tests) results.push_back(run_policy_test(test, "weir.test.yaml"));
    return tests_text(results, Colour::off);
  }
  std::string tests_;

 private:
  TempDirectory directory_;
};

TEST_F(PolicyTestPage, shows_tests_that_pass) { EXPECT_EQ(run(tests_), "2 passed, 0 failed\n"); }

TEST_F(PolicyTestPage, shows_how_a_failure_looks) {
  const std::string right = "{at: 1m, desired: 5";
  const std::size_t place = tests_.find(right);
  ASSERT_NE(place, std::string::npos);
  EXPECT_EQ(run(std::string(tests_).replace(place, right.size(), "{at: 1m, desired: 6")), block("text", "FAILED"));
}

}  // namespace
}  // namespace weir
