#include "platform/aws/xml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(XmlTest, elements_are_found_by_name_whatever_their_name_space) {
  const auto root = parse_xml(
      R"(<?xml version="1.0"?><R xmlns="http://x/"><!-- c --><A>1 &lt; 2</A><L><member>a</member><member>b</member></L></R>)");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->name, "R");
  EXPECT_EQ(root->text_of("A"), "1 < 2");
  EXPECT_EQ(root->child("L").children.size(), 2U);
  EXPECT_FALSE(root->has("B"));
  EXPECT_EQ(root->child("B").child("C").text_of("D"), "");
}

TEST(XmlTest, an_empty_list_may_be_an_empty_element_or_none) {
  const auto root = parse_xml("<R><L/></R>");
  ASSERT_TRUE(root);
  EXPECT_TRUE(root->child("L").children.empty());
  EXPECT_TRUE(root->child("M").children.empty());
}

TEST(XmlTest, what_is_no_document_is_refused) {
  for (const char* text :
       {"", "hello", "<a>", "<a></b>", "<a/><b/>", "<html><body><p>Bad gateway<br></body></html>", "{\"json\": 1}"}) {
    const auto root = parse_xml(text);
    ASSERT_FALSE(root) << text;
    EXPECT_EQ(root.error().kind, ErrorKind::invalid);
  }
}

TEST(XmlTest, what_is_not_utf8_is_refused) {
  const auto parsed = parse_xml("<a>\xE0(</a>");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message, "not XML: not UTF-8");
}

TEST(XmlTest, absurd_depth_is_refused) {
  std::string text;
  for (int depth = 0; depth < 200'000; ++depth) text += "<a>";
  for (int depth = 0; depth < 200'000; ++depth) text += "</a>";
  EXPECT_FALSE(parse_xml(text));
}

TEST(XmlTest, entities_of_a_document_type_are_not_expanded) {
  const auto root = parse_xml("<!DOCTYPE r [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><r>&e;</r>");
  EXPECT_TRUE(!root || root->text == "&e;");
}

}  // namespace
}  // namespace weir
