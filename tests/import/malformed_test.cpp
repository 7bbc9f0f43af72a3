#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/import/support.h"

namespace weir {
namespace {

using testing::HasSubstr;

/// Files named hpa_… and asg_… after what they are imported as.
class MalformedImport : public testing::TestWithParam<std::string> {};

/// WEIR_UPDATE_GOLDEN=1 writes the messages of today; read the diff before you commit it.
TEST_P(MalformedImport, is_refused_with_exactly_these_messages) {
  const std::filesystem::path file = kImportFolder / "malformed" / GetParam();
  const ImportResult result = import_text(GetParam().substr(0, 3), file_text(file), GetParam());
  ASSERT_FALSE(result.has_value()) << to_yaml(*result);
  const std::filesystem::path expected = file.string() + ".expected";
  const std::string actual = complaints(result.error());
  if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr) std::ofstream(expected, std::ios::binary) << actual;
  EXPECT_EQ(actual, file_text(expected));
}

INSTANTIATE_TEST_SUITE_P(Golden, MalformedImport, testing::ValuesIn(inputs_of("malformed")),
                         [](const testing::TestParamInfo<std::string>& test) {
                           return test.param.substr(0, test.param.find('.'));
                         });

TEST(MalformedImports, more_than_10_MiB_is_refused) {
  const auto result = import_hpa(std::string((10U << 20) + 1, ' '), "big.yaml");
  ASSERT_FALSE(result);
  EXPECT_THAT(complaints(result.error()), HasSubstr("larger than 10 MiB"));
}

TEST(MalformedImports, aliases_may_not_expand_without_end_even_over_many_documents) {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char name = 'b'; name <= 'e'; ++name) {
    const std::string before(1, static_cast<char>(name - 1));
    bomb += std::string(1, name) + ": &" + name + " [";
    for (int i = 0; i < 10; ++i) bomb += (i > 0 ? ", *" : "*") + before;
    bomb += "]\n";
  }
  std::string documents;
  for (int i = 0; i < 20; ++i) documents += "---\n" + bomb;
  for (const char* from : {"hpa", "asg"}) {
    const auto result = import_text(from, documents, "bomb.yaml");
    ASSERT_FALSE(result);
    EXPECT_THAT(complaints(result.error()), HasSubstr("64 MiB"));
  }
}

TEST(MalformedImports, as_many_documents_as_nobody_has_are_refused) {
  std::string documents;
  for (int i = 0; i < 5000; ++i) documents += "---\na: 1\n";
  const auto result = import_hpa(documents, "many.yaml");
  ASSERT_FALSE(result);
  EXPECT_THAT(complaints(result.error()), HasSubstr("more than 4096 YAML documents"));
}

TEST(MalformedImports, a_file_with_more_objects_than_anybody_scales_is_refused) {
  std::string policies = R"([{"PolicyName": "a"})";
  for (int i = 0; i < 5000; ++i) policies += R"(,{"PolicyName": "a"})";
  const auto aws = import_asg(policies + "]", "many.json");
  ASSERT_FALSE(aws);
  EXPECT_THAT(complaints(aws.error()), HasSubstr("at most 5000 objects"));
  std::string items = R"({"kind": "List", "items": [{})";
  for (int i = 0; i < 5000; ++i) items += ",{}";
  const auto kubernetes = import_hpa(items + "]}", "many.json");
  ASSERT_FALSE(kubernetes);
  EXPECT_THAT(complaints(kubernetes.error()), HasSubstr("at most 5000 objects"));
}

TEST(MalformedImports, all_errors_of_a_file_are_told_but_no_more_than_50) {
  std::string text = "kind: List\nitems:\n";
  for (int i = 0; i < 100; ++i) text += "  - {kind: HorizontalPodAutoscaler, apiVersion: autoscaling/v2}\n";
  const auto result = import_hpa(text, "x.yaml");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().size(), 50U);
}

}  // namespace
}  // namespace weir
