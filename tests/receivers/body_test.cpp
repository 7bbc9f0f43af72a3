#include "receivers/webhook/body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/receivers/support.h"

namespace weir {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Optional;

TEST(WebhookBody, texts_cannot_break_out_of_their_quotes) {
  Event event = scaled_out();
  event.summary = R"(a "quote", a \ and {count} and {"x": 1})"
                  "\x01 \xff";
  const json sent = json::parse(webhook_body(message_of({event}), R"({"text": "{text}", "n": {count}})"), nullptr, false);
  ASSERT_FALSE(sent.is_discarded());
  EXPECT_THAT(sent["text"].get<std::string>(), HasSubstr(R"(a "quote", a \ and {count} and {"x": 1})"));
  EXPECT_EQ(sent["n"], 1);
}

TEST(WebhookBody, every_name_is_filled_in) {
  const std::string body =
      R"({"a":"{title}","b":"{text}","c":"{status}","d":"{severity}","e":"{controller}","f":"{at}","g":"{group}","h":"{event}"})";
  EXPECT_EQ(wrong_body(body), std::nullopt);
  const json sent = json::parse(webhook_body(message_of({at_max()}), body));
  EXPECT_EQ(sent["c"], "problem");
  EXPECT_EQ(sent["d"], "critical");
  EXPECT_EQ(sent["e"], "weir-eu");
  EXPECT_EQ(sent["f"], "2026-03-01T09:30:30.000Z");
  EXPECT_EQ(sent["g"], "app");
  EXPECT_EQ(sent["h"], "at_max");
}

TEST(WebhookBody, what_is_no_json_or_names_nothing_is_refused) {
  EXPECT_THAT(wrong_body(R"({"a": {title}})"), Optional(HasSubstr("expected text that is JSON")));
  EXPECT_THAT(wrong_body("{title}"), Optional(HasSubstr("expected text that is JSON")));
  EXPECT_THAT(wrong_body(R"({"a": "{tilte}"})"), Optional(HasSubstr("there is no {tilte} to fill in; there are {at}")));
  EXPECT_EQ(wrong_body("{events}"), std::nullopt);
}

}  // namespace
}  // namespace weir
