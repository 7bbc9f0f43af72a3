#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

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

}  // namespace
}  // namespace weir
