#include <gmock/gmock.h>

#include <limits>

#include "tests/policies/fleets.h"

namespace weir {
namespace {

const PolicyType& type_named(std::string_view name) {
  for (const PolicyType& type : policy_catalog()) {
    if (type.name == name) return type;
  }
  std::abort();
}

std::vector<std::string> complaints(const std::string& type, std::vector<std::pair<std::string, Settings::Value>> settings) {
  PolicySpec spec{.name = "it", .type = type};
  spec.settings.set("query", std::string("up"));
  for (auto& [key, value] : settings) spec.settings.set(key, std::move(value), {.line = 7, .column = 3});
  std::vector<std::string> found;
  for (const SettingsError& error : type_named(type).check(spec)) found.push_back(error.path + ": " + error.message);
  return found;
}

TEST(PolicyCatalog, every_type_has_a_name_keys_and_one_sentence_of_documentation) {
  for (const PolicyType& type : policy_catalog()) {
    EXPECT_FALSE(type.name.empty());
    EXPECT_TRUE(type.doc.ends_with('.')) << type.name;
    EXPECT_FALSE(type.keys.empty()) << type.name;
    for (const Key& key : type.keys) EXPECT_TRUE(key.doc.ends_with('.')) << type.name << "." << key.name;
  }
}

TEST(PolicyCatalog, makes_the_policies_of_a_group_in_their_order) {
  Group group;
  group.policies = {{.name = "b", .type = "target_tracking"}, {.name = "a", .type = "threshold"}};
  for (PolicySpec& spec : group.policies) spec.settings.set("query", std::string("up"));
  const Policies policies = make_policies(group);
  ASSERT_EQ(policies.size(), 2U);
  EXPECT_EQ(policies[0]->name(), "b");
  EXPECT_EQ(policies[1]->name(), "a");
}

TEST(PolicyCatalog, hands_the_whole_query_on) {
  const auto policy = policy_of("threshold", {{"query", std::string("rate(x[1m])")},
                                              {"server_label", std::string("instance")},
                                              {"select", Settings::TextMap{{"job", "app"}, {"dc", "icn"}}},
                                              {"on_empty", Fallback{.kind = Fallback::Kind::zero}},
                                              {"on_nan", Fallback{.kind = Fallback::Kind::at_least, .servers = 3}},
                                              {"above", 1.0},
                                              {"change", Change{Change::Kind::by_servers, 1}}});
  std::vector<Query> queries;
  policy->append_queries(Duration{0}, queries);
  ASSERT_EQ(queries.size(), 1U);
  ASSERT_EQ(policy->query_count(), 1U);
  const Query& query = queries.front();
  EXPECT_EQ(query.expression, "rate(x[1m])");
  EXPECT_EQ(query.server_label, "instance");
  EXPECT_THAT(query.select, ::testing::ElementsAre(std::pair("dc", "icn"), std::pair("job", "app")));
  EXPECT_EQ(query.on_empty.kind, Fallback::Kind::zero);
  EXPECT_EQ(query.on_nan.servers, 3);
}

TEST(PolicyCatalog, threshold_needs_one_bound_and_a_change) {
  const Change one{Change::Kind::by_servers, 1};
  EXPECT_THAT(complaints("threshold", {{"above", 1.0}, {"change", one}}), ::testing::IsEmpty());
  EXPECT_THAT(complaints("threshold", {{"below", 1.0}, {"change", Change{Change::Kind::to_exactly, 0}}}), ::testing::IsEmpty());
  EXPECT_THAT(complaints("threshold", {{"above", 1.0}, {"below", 2.0}, {"change", one}}),
              ::testing::ElementsAre("below: expected either 'above' or 'below', not both: write two policies"));
  EXPECT_THAT(complaints("threshold", {{"change", one}}),
              ::testing::ElementsAre("above: expected 'above: NUMBER' or 'below: NUMBER'"));
  EXPECT_THAT(complaints("threshold", {{"above", 1.0}, {"change", Change{Change::Kind::by_percent, 0}}}),
              ::testing::ElementsAre("change: expected a change other than zero"));
}

TEST(PolicyCatalog, target_tracking_needs_a_target_above_zero) {
  EXPECT_THAT(complaints("target_tracking", {{"target", 0.5}}), ::testing::IsEmpty());
  EXPECT_THAT(complaints("target_tracking", {{"target", 0.0}}),
              ::testing::ElementsAre("target: expected a number greater than zero"));
  EXPECT_THAT(complaints("target_tracking", {{"target", -1.0}}), ::testing::SizeIs(1));
}

TEST(PolicyCatalogDeathTest, an_unknown_type_is_a_bug) {
  Group group;
  group.policies = {{.name = "it", .type = "oracle"}};
  EXPECT_DEATH((void)make_policies(group), "");
}

}  // namespace
}  // namespace weir
