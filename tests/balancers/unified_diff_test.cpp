#include "balancers/unified_diff.h"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

TEST(UnifiedDiff, of_equal_texts_is_empty) { EXPECT_EQ(unified_diff("f", "a\nb\n", "a\nb\n"), ""); }

TEST(UnifiedDiff, shows_three_lines_around_a_change) {
  EXPECT_EQ(unified_diff("f", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
            "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

TEST(UnifiedDiff, of_a_new_file) { EXPECT_EQ(unified_diff("f", "", "a\nb\n"), "--- f\n+++ f\n@@ -0,0 +1,2 @@\n+a\n+b\n"); }

TEST(UnifiedDiff, of_a_file_that_becomes_empty) { EXPECT_EQ(unified_diff("f", "a\n", ""), "--- f\n+++ f\n@@ -1 +0,0 @@\n-a\n"); }

TEST(UnifiedDiff, keeps_common_lines_between_changes) {
  EXPECT_EQ(unified_diff("f", "a\nb\nc\nd\n", "b\nx\nd\ne\n"), "--- f\n+++ f\n@@ -1,4 +1,4 @@\n-a\n b\n-c\n+x\n d\n+e\n");
}

TEST(UnifiedDiff, changes_far_apart_are_shown_apart) {
  std::string before;
  for (int i = 1; i <= 20; ++i) before += std::to_string(i) + "\n";
  std::string after = before;
  after.replace(after.find("2\n"), 2, "two\n");
  after.replace(after.find("19\n"), 3, "");
  EXPECT_EQ(unified_diff("f", before, after),
            "--- f\n+++ f\n@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n@@ -16,5 +16,4 @@\n 16\n 17\n 18\n-19\n 20\n");
}

TEST(UnifiedDiff, of_thousands_of_lines_shows_the_middle_as_replaced) {
  std::string before = "same\n";
  std::string after = "same\n";
  for (int i = 0; i < 3000; ++i) {
    before += "old " + std::to_string(i) + "\n";
    after += "new " + std::to_string(i) + "\n";
  }
  const std::string diff = unified_diff("f", before, after);
  EXPECT_TRUE(diff.starts_with("--- f\n+++ f\n@@ -1,3001 +1,3001 @@\n same\n-old 0\n"));
  EXPECT_TRUE(diff.ends_with("+new 2999\n"));
}

}  // namespace
}  // namespace weir
