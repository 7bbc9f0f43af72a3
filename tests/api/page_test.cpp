#include "controller/api/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

namespace weir {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

std::string header(const ApiResponse& response, const std::string& name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

ApiResponse get(const std::string& path, std::map<std::string, std::string> headers = {}) {
  return page_answer({"GET", path, {}, std::move(headers)}).value_or(ApiResponse{.status = -1});
}

/// The table of a language: what is between the first brace and the last of its file is JSON.
json words(const std::string& language) {
  const std::string text = get("/web/words_" + language + ".js").body;
  const std::size_t begin = text.find('{');
  const std::size_t end = text.rfind('}');
  EXPECT_NE(begin, std::string::npos) << language;
  return begin == std::string::npos ? json() : json::parse(text.substr(begin, end - begin + 1));
}

std::set<std::string> placeholders(const std::string& text) {
  const std::regex pattern(R"(\{[a-z_]+\})");
  return {std::sregex_token_iterator(text.begin(), text.end(), pattern), std::sregex_token_iterator()};
}

TEST(Page, may_load_and_run_nothing_but_its_own_parts) {
  const ApiResponse page = get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  const std::string policy = header(page, "Content-Security-Policy");
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  EXPECT_EQ(header(page, "Referrer-Policy"), "no-referrer");
  for (const PageFile& file : page_files()) {
    const std::string text(file.content);
    EXPECT_FALSE(std::regex_search(text, std::regex(R"((src|href|import|from|fetch\()[ =(]*["']?(https?:)?//)"))) << file.name;
    EXPECT_THAT(text, Not(HasSubstr("innerHTML"))) << file.name;
    if (!file.name.ends_with(".html")) continue;
    EXPECT_FALSE(std::regex_search(text, std::regex(R"(<style|style=| on[a-z]+=|<script>)"))) << file.name;
  }
}

TEST(Page, is_sent_again_only_if_it_is_another) {
  for (const std::string path : {"/", "/web/main.js"}) {
    const ApiResponse first = get(path);
    const std::string tag = header(first, "ETag");
    ASSERT_FALSE(tag.empty()) << path;
    EXPECT_EQ(header(first, "Cache-Control"), "no-cache");
    const ApiResponse again = get(path, {{"if-none-match", "\"other\", W/" + tag}});
    EXPECT_EQ(again.status, 304);
    EXPECT_EQ(again.body, "");
    EXPECT_EQ(header(again, "ETag"), tag);
    EXPECT_EQ(get(path, {{"if-none-match", "\"other\""}}).status, 200);
  }
  EXPECT_NE(header(get("/"), "ETag"), header(get("/web/main.js"), "ETag"));
}

TEST(Page, is_made_of_the_files_in_the_tree) {
  for (const PageFile& file : page_files()) {
    std::ifstream source(std::string(WEIR_SOURCE_DIR "/web/") + std::string(file.name));
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(source), {}), file.content) << file.name;
    EXPECT_EQ(get("/web/" + std::string(file.name)).status, 200);
  }
  EXPECT_EQ(get("/web/../weir.yaml").status, 404);
  EXPECT_FALSE(page_answer({"GET", "/webmail", {}, {}}));
}

TEST(Page, speaks_every_language_in_full) {
  const json english = words("en");
  const json korean = words("ko");
  EXPECT_GT(english.size(), 100U);
  for (const auto& [one, other] : {std::pair(english, korean), std::pair(korean, english)}) {
    for (const auto& [key, text] : one.items()) {
      ASSERT_TRUE(other.contains(key)) << key;
      EXPECT_FALSE(text.get<std::string>().empty()) << key;
      EXPECT_EQ(placeholders(text), placeholders(other[key])) << key;
    }
  }
}

TEST(Page, has_words_for_all_it_says_and_no_others) {
  std::string scripts;
  for (const PageFile& file : page_files()) {
    if (!file.name.starts_with("words_")) scripts += file.content;
  }
  const json english = words("en");
  const std::regex said(R"(\b(?:t|plural)\('([a-zA-Z0-9_.]+)')");
  for (auto match = std::sregex_iterator(scripts.begin(), scripts.end(), said); match != std::sregex_iterator(); ++match) {
    const std::string key = (*match)[1];
    EXPECT_TRUE(english.contains(key) || english.contains(key + ".one")) << key;
  }
  for (const auto& [key, text] : english.items()) {
    // Keys of a family are put together: 'phase.' and the phase.
    const std::string family = key.substr(0, key.find('.') + 1);
    const std::string base = key.substr(0, key.rfind('.'));
    const bool is_said = scripts.contains("'" + key + "'") || scripts.contains("'" + base + "'") ||
                         (!family.empty() && scripts.contains("`" + family + "${"));
    EXPECT_TRUE(is_said) << key << " is said nowhere";
  }
}

}  // namespace
}  // namespace weir
