// Nothing of a foreign file is dropped without a word.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "controller/config/yaml.h"
#include "controller/import/writing.h"
#include "tests/import/support.h"

namespace weir {
namespace {

using nlohmann::ordered_json;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;

constexpr const char* kSurprise = "zzSurprise";

ordered_json json_of(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::list) {
    ordered_json list = ordered_json::array();
    for (const YamlNode& item : node.items) list.push_back(json_of(item));
    return list;
  }
  if (node.kind == YamlNode::Kind::mapping) {
    ordered_json mapping = ordered_json::object();
    for (const YamlEntry& entry : node.entries) mapping[entry.key] = json_of(entry.value);
    return mapping;
  }
  return node.kind == YamlNode::Kind::scalar ? ordered_json(node.text) : ordered_json();
}

/// `visit` gets each mapping of the document, with its path as leftovers write it.
void each_mapping(ordered_json& node, const std::string& path,
                  const std::function<void(ordered_json&, const std::string&)>& visit) {
  if (node.is_object()) visit(node, path);
  if (node.is_object()) {
    for (auto& [key, value] : node.items()) each_mapping(value, path.empty() ? key : path + "." + key, visit);
  }
  for (std::size_t i = 0; node.is_array() && i < node.size(); ++i)
    each_mapping(node[i], path + "[" + std::to_string(i) + "]", visit);
}

/// The key itself, a place around it, or the configuration tells of it; or the file is refused for it.
bool is_told(const ImportResult& result, const std::string& path) {
  if (!result || to_yaml(*result).contains(kSurprise)) return true;
  return std::ranges::any_of(result->not_carried_over, [&](const Leftover& left) {
    return path == left.path || path.starts_with(left.path + ".") || path.starts_with(left.path + "[");
  });
}

std::vector<std::string> single_documents() {
  std::vector<std::string> all;
  for (const char* folder : {"hpa", "asg"}) {
    for (const std::string& name : inputs_of(folder)) {
      const auto documents = parse_yaml_documents(file_text(kImportFolder / folder / name), YamlTags::functions);
      // A tab is a blank for JSON only, and that is tested elsewhere.
      if (documents && documents->size() == 1) all.push_back(std::string(folder) + "/" + name);
    }
  }
  return all;
}

class LeftoversOf : public testing::TestWithParam<std::string> {};

TEST_P(LeftoversOf, an_unknown_key_in_any_mapping_is_told) {
  const auto documents = parse_yaml_documents(file_text(kImportFolder / GetParam()), YamlTags::functions);
  ASSERT_TRUE(documents);
  ordered_json document = json_of(documents->front());
  const std::string from = GetParam().substr(0, 3);
  int mappings = 0;
  ordered_json copy = document;
  each_mapping(copy, "", [&](ordered_json& mapping, const std::string& path) {
    mapping[kSurprise] = 1;
    const ImportResult result = import_text(from, copy.dump(), "x.json");
    EXPECT_TRUE(is_told(result, clean(path, 200))) << path;
    mapping.erase(kSurprise);
    ++mappings;
  });
  EXPECT_GE(mappings, 3);
}

INSTANTIATE_TEST_SUITE_P(Files, LeftoversOf, testing::ValuesIn(single_documents()),
                         [](const testing::TestParamInfo<std::string>& test) {
                           std::string name = test.param;
                           std::ranges::replace_if(
                               name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
                           return name;
                         });

constexpr const char* kHpa = R"(
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {kind: Deployment, name: web}, maxReplicas: 3, surprise: 1}
)";

TEST(Leftovers, say_where_they_stand_and_why) {
  const auto result = import_hpa(kHpa, "web.yaml");
  ASSERT_TRUE(result);
  ASSERT_EQ(result->not_carried_over.size(), 1U);
  const Leftover& left = result->not_carried_over.front();
  EXPECT_EQ(left.path, "spec.surprise");
  EXPECT_EQ(left.mark, (SourceMark{5, 71}));
  EXPECT_EQ(left.why, "weir has nothing of the kind");
  EXPECT_THAT(to_yaml(*result), HasSubstr("# Not carried over:\n# - line 5, spec.surprise: weir has nothing of the kind\n"));
}

TEST(Leftovers, of_several_documents_carry_the_documents_name) {
  const auto result = import_hpa(std::string(kHpa) + "---\nkind: Service\nmetadata: {name: web}\n", "web.yaml");
  ASSERT_TRUE(result);
  EXPECT_THAT(result->not_carried_over, Contains(Field(&Leftover::path, "HorizontalPodAutoscaler/web: spec.surprise")));
  EXPECT_THAT(result->not_carried_over, Contains(Field(&Leftover::path, "Service/web")));
}

TEST(Leftovers, there_are_none_when_all_was_carried_over) {
  const auto result = import_text("hpa", file_text(kImportFolder / "hpa/cpu_v1.yaml"), "x");
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->not_carried_over.empty());
  EXPECT_FALSE(to_yaml(*result).contains("Not carried over"));
}

}  // namespace
}  // namespace weir
