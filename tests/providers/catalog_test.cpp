#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "platform/file.h"
#include "providers/provider.h"

namespace weir {
namespace {

std::string docs_of(const ProviderType& type) {
  std::ifstream file(std::filesystem::path(WEIR_SOURCE_DIR) / "docs/providers" / (std::string(type.name) + ".md"));
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ProviderCatalog, is_sorted_by_name_without_repeats) {
  const std::span<const ProviderType> catalog = provider_catalog();
  ASSERT_FALSE(catalog.empty());
  EXPECT_EQ(std::ranges::adjacent_find(catalog, std::ranges::greater_equal{}, &ProviderType::name), catalog.end());
}

TEST(ProviderCatalog, every_kind_can_be_made_and_says_its_size_if_that_is_fixed) {
  for (const ProviderType& type : provider_catalog()) {
    EXPECT_NE(type.make, nullptr) << type.name;
    EXPECT_EQ(type.elastic, type.fixed_size == nullptr) << type.name;
    EXPECT_FALSE(type.doc.empty()) << type.name;
  }
}

TEST(ProviderCatalog, every_key_has_a_sentence_and_stands_in_the_docs_page_of_its_provider) {
  for (const ProviderType& type : provider_catalog()) {
    const std::string docs = docs_of(type);
    for (const std::span<const Key> keys : {type.provider_keys, type.server_keys}) {
      for (const Key& key : keys) {
        EXPECT_THAT(std::string(key.doc), testing::EndsWith(".")) << type.name << ' ' << key.name;
        EXPECT_THAT(docs, testing::HasSubstr("`" + std::string(key.name) + "`")) << type.name;
      }
    }
  }
}

TEST(ProviderCatalog, weir_deploys_only_where_it_makes_and_removes_single_servers) {
  for (const ProviderType& type : provider_catalog()) {
    if (type.elastic && type.abilities.chooses_victim) continue;
    EXPECT_FALSE(type.abilities.deployed_with.empty()) << type.name;
  }
}

/// What the table in docs/providers/README.md says of a type.
std::string row_of(const ProviderType& type) {
  const ProviderAbilities& can = type.abilities;
  const bool counts = can.sizing == ProviderAbilities::Sizing::desired_count;
  const auto yes = [](bool it_is) { return it_is ? "yes" : "no"; };
  return fmt::format("| [{0}]({0}.md) | {1} | {2} | {3} | {4} | {5} | {6} | {7} |", type.name,
                     !type.elastic ? "a fixed list"
                     : counts      ? "a desired count"
                                   : "single servers",
                     yes(can.chooses_victim), can.deployed_with.empty() ? "weir" : can.deployed_with, yes(can.reports_price),
                     yes(can.reports_paid_until), yes(can.survives_restart), can.tested_against);
}

TEST(ProviderCatalog, is_shown_as_it_is_in_the_documentation) {
  const auto page = read_file(std::filesystem::path(WEIR_SOURCE_DIR) / "docs/providers/README.md");
  ASSERT_TRUE(page);
  for (const ProviderType& type : provider_catalog()) {
    EXPECT_FALSE(type.abilities.tested_against.empty()) << type.name;
    EXPECT_TRUE(page->contains(row_of(type) + "\n")) << row_of(type);
  }
}

}  // namespace
}  // namespace weir
