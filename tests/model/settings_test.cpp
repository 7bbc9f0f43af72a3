#include "model/settings.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Settings, an_absent_key_reads_as_nothing) {
  const Settings none;
  EXPECT_FALSE(none.has("port"));
  EXPECT_EQ(none.text("port"), "");
  EXPECT_EQ(none.integer("port"), 0);
  EXPECT_EQ(none.number("port"), 0);
  EXPECT_FALSE(none.boolean("port"));
  EXPECT_EQ(none.duration("port"), Duration{0});
  EXPECT_TRUE(none.texts("port").empty());
  EXPECT_TRUE(none.text_map("port").empty());
  EXPECT_EQ(none.change("port"), Change{});
  EXPECT_EQ(none.fallback("port"), Fallback{});
  EXPECT_TRUE(none.sections("port").empty());
  EXPECT_EQ(none.section("port"), Settings{});
}

TEST(Settings, keeps_values_and_where_they_stood) {
  Settings inner;
  inner.set("path", std::string("/health"));
  Settings settings;
  settings.set("port", std::int64_t{3000}, {4, 9});
  settings.set("health", Settings::Sections{inner});
  EXPECT_TRUE(settings.has("port"));
  EXPECT_EQ(settings.integer("port"), 3000);
  EXPECT_EQ(settings.mark("port"), (SourceMark{4, 9}));
  EXPECT_EQ(settings.mark("nothing"), SourceMark{});
  EXPECT_EQ(settings.section("health").text("path"), "/health");
}

TEST(Settings, equality_ignores_the_line_a_value_stood_on) {
  Settings left;
  Settings right;
  left.set("port", std::int64_t{1}, {1, 1});
  right.set("port", std::int64_t{1}, {9, 9});
  EXPECT_EQ(left, right);
  right.set("port", std::int64_t{2});
  EXPECT_NE(left, right);
  right.set("more", true);
  EXPECT_NE(left, right);
}

TEST(SettingsDeathTest, reading_a_key_as_another_type_is_a_bug) {
  Settings settings;
  settings.set("port", std::int64_t{3000});
  EXPECT_DEATH((void)settings.text("port"), "setting 'port' read as the wrong type");
}

}  // namespace
}  // namespace weir
