// Files as people have them, and the groups they become.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "controller/config/config.h"
#include "tests/import/support.h"

namespace weir {
namespace {

/// As the comment at the top asks: a provider and a server where FIXME stands, and the two sections.
std::string filled_in(const std::string& yaml) {
  std::string text = yaml;
  const std::string placeholder = "server: {}";
  const std::string server = R"(server: {command: [/srv/app, --port, "{port}"], ports: "9000-9099"})";
  for (std::size_t at = text.find(placeholder); at != std::string::npos; at = text.find(placeholder, at + server.size())) {
    text.replace(at, placeholder.size(), server);
  }
  return text + "providers: {FIXME: {type: process}}\nprometheus: {url: \"http://127.0.0.1:9090\"}\n";
}

ConfigResult load(const std::string& text) {
  const Environment environment = {.variable = [](const std::string&) { return std::optional<std::string>(); }, .read_file = {}};
  return parse_config(text, "weir.yaml", environment, builtin_catalogs());
}

std::vector<std::string> all_inputs() {
  std::vector<std::string> all;
  for (const char* folder : {"hpa", "asg"}) {
    for (const std::string& name : inputs_of(folder)) all.push_back(std::string(folder) + "/" + name);
  }
  return all;
}

class ImportedFile : public testing::TestWithParam<std::string> {
 protected:
  static Imported imported() {
    auto result = import_text(GetParam().substr(0, 3), file_text(kImportFolder / GetParam()), GetParam());
    EXPECT_TRUE(result.has_value()) << (result ? "" : complaints(result.error()));
    return result ? *std::move(result) : Imported{};
  }
};

/// WEIR_UPDATE_GOLDEN=1 writes what it is today; read the diff before you commit it.
TEST_P(ImportedFile, becomes_exactly_this) {
  const std::filesystem::path expected = kImportFolder / (GetParam() + ".expected");
  const std::string actual = to_yaml(imported());
  if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr) std::ofstream(expected, std::ios::binary) << actual;
  EXPECT_EQ(actual, file_text(expected));
}

TEST_P(ImportedFile, is_a_configuration_once_provider_server_and_prometheus_are_filled_in) {
  const Imported result = imported();
  const std::string text = filled_in(to_yaml(result));
  const ConfigResult config = load(text);
  ASSERT_TRUE(config.has_value()) << complaints(config.error()) << text;
  ASSERT_EQ(config->groups.size(), result.groups.size());
  for (std::size_t i = 0; i < result.groups.size(); ++i) EXPECT_EQ(config->groups[i].name, result.groups[i].name);
}

TEST_P(ImportedFile, is_the_same_in_json) {
  const Imported result = imported();
  const auto json = nlohmann::json::parse(to_json(result));
  EXPECT_EQ(json.at("yaml"), to_yaml(result));
  ASSERT_EQ(json.at("groups").size(), result.groups.size());
  for (std::size_t i = 0; i < result.groups.size(); ++i) {
    EXPECT_EQ(json.at("groups")[i].at("name"), result.groups[i].name);
    EXPECT_TRUE(json.at("groups")[i].at("min").is_number_integer());
    EXPECT_EQ(json.at("groups")[i].value("policies", nlohmann::json::array()).size(), result.groups[i].policies.size());
  }
  ASSERT_EQ(json.at("not_carried_over").size(), result.not_carried_over.size());
  for (const auto& left : json.at("not_carried_over")) {
    EXPECT_FALSE(left.at("path").get<std::string>().empty());
    EXPECT_FALSE(left.at("why").get<std::string>().empty());
    EXPECT_GT(left.at("line").get<int>(), 0);
    EXPECT_GT(left.at("column").get<int>(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, ImportedFile, testing::ValuesIn(all_inputs()),
                         [](const testing::TestParamInfo<std::string>& test) {
                           std::string name = test.param;
                           std::ranges::replace_if(
                               name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
                           return name;
                         });

TEST(ImportedFiles, every_expected_file_has_its_input) {
  const auto inputs = all_inputs();
  EXPECT_GE(inputs.size(), 16U);
  for (const char* folder : {"hpa", "asg"}) {
    for (const auto& entry : std::filesystem::directory_iterator(kImportFolder / folder)) {
      if (entry.path().extension() != ".expected") continue;
      EXPECT_TRUE(std::filesystem::exists(entry.path().parent_path() / entry.path().stem())) << entry.path();
    }
  }
}

}  // namespace
}  // namespace weir
