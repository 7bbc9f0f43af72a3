#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "tests/config/support.h"

namespace weir {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(WEIR_SOURCE_DIR) / "tests/golden/config";

std::vector<std::string> malformed_files() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

class MalformedConfig : public testing::TestWithParam<std::string> {};

/// WEIR_UPDATE_GOLDEN=1 writes the messages of today; read the diff before you commit it.
TEST_P(MalformedConfig, is_refused_with_exactly_these_messages) {
  const auto expected_file = kFolder / (GetParam() + ".expected");
  const auto result = parse_test_config(file_text(kFolder / (GetParam() + ".yaml")));
  ASSERT_FALSE(result.has_value());
  const std::string actual = complaints(result);
  if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr) std::ofstream(expected_file, std::ios::binary) << actual;
  EXPECT_EQ(actual, file_text(expected_file));
}

TEST_P(MalformedConfig, errors_stand_in_the_order_of_the_file_and_show_no_secret) {
  const auto result = parse_test_config(file_text(kFolder / (GetParam() + ".yaml")));
  ASSERT_FALSE(result.has_value());
  const auto position = [](const ConfigError& error) { return std::pair(error.line, error.column); };
  EXPECT_TRUE(std::ranges::is_sorted(result.error(), {}, position));
  EXPECT_EQ(complaints(result).find("hunter"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Golden, MalformedConfig, testing::ValuesIn(malformed_files()),
                         [](const testing::TestParamInfo<std::string>& test) { return test.param; });

TEST(MalformedConfigs, every_expected_file_has_its_yaml) {
  const auto names = malformed_files();
  EXPECT_GE(names.size(), 60U);
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    EXPECT_TRUE(std::ranges::binary_search(names, entry.path().stem().string())) << entry.path();
  }
}

}  // namespace
}  // namespace weir
