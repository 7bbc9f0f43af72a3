// What goes over the wire, byte by byte, and within what the other side takes.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>

#include "tests/fakes/network.h"
#include "tests/receivers/support.h"

namespace weir {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

/// What a receiver sends, with nothing on the other side.
struct Wire {
  ImpatientNetwork outside;
  HttpRequest seen;

  Wire() {
    outside.network.exchange = [this](const HttpRequest& request, const std::stop_token&) -> Result<HttpResponse> {
      seen = request;
      return HttpResponse{.status = 200, .body = "ok"};
    };
  }
  json sent(const std::string& keys, const Message& message) {
    const auto receiver = receiver_with(keys, outside.network);
    const Attempt attempt = receiver->send(message, {});
    EXPECT_TRUE(attempt.result) << attempt.result.error().message;
    return json::parse(seen.body, nullptr, false);
  }
};

constexpr const char* kSlack = "type: slack, url: \"https://hooks.slack.com/services/T0/B0/secret\"";
constexpr const char* kDiscord = "type: discord, url: \"https://discord.com/api/webhooks/1/secret\"";
constexpr const char* kWebhook = "type: webhook, url: \"https://example.com/in?key=secret\"";
constexpr const char* kAlertmanager = "type: alertmanager, url: \"http://127.0.0.1:9093/\", labels: {team: web}";

Message many(std::size_t count, std::size_t length) {
  std::vector<Event> events(count, at_max());
  for (Event& event : events) event.summary = std::string(length, '*').append("é");
  return message_of(std::move(events), 7);
}

// ---- golden -----------------------------------------------------------------------------------------------------------------

struct Golden {
  const char* name;
  const char* keys;
  Message message;
};
class Payload : public testing::TestWithParam<Golden> {};

TEST_P(Payload, is_as_kept) {
  const std::filesystem::path path =
      std::filesystem::path(WEIR_SOURCE_DIR) / "tests/golden/receivers" / (std::string(GetParam().name) + ".json");
  Wire wire;
  const std::string sent = wire.sent(GetParam().keys, GetParam().message).dump(2) + "\n";
  if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << sent;
  std::ifstream file(path);
  const std::string kept{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(sent, kept) << path << "; WEIR_UPDATE_GOLDEN=1 writes it anew";
}

INSTANTIATE_TEST_SUITE_P(
    Golden, Payload,
    testing::Values(Golden{"slack_one", kSlack, message_of({at_max()})},
                    Golden{"slack_several", kSlack, message_of({scaled_out(), at_max(Event::Stage::ended)}, 3)},
                    Golden{"discord_one", kDiscord, message_of({at_max()})},
                    Golden{"discord_several", kDiscord, message_of({scaled_out(), at_max(Event::Stage::ended)}, 3)},
                    Golden{"webhook", kWebhook, message_of({scaled_out(), at_max()})},
                    Golden{"alertmanager", kAlertmanager, message_of({scaled_out(), at_max(), at_max(Event::Stage::ended)})}),
    [](const auto& tested) { return std::string(tested.param.name); });

// ---- Slack: docs.slack.dev, "Sending messages using incoming webhooks", "Escaping text", message limits ---------------------

TEST(Slack, stays_within_what_slack_takes) {
  Wire wire;
  const json sent = wire.sent(kSlack, many(20, 50'000));
  EXPECT_LE(sent["text"].get<std::string>().size(), 40'000U);
  EXPECT_LE(sent["attachments"].size(), 100U);
  for (const json& attachment : sent["attachments"]) EXPECT_LE(attachment["text"].get<std::string>().size(), 40'000U);
  EXPECT_EQ(sent["attachments"].back()["text"], "and 7 more: see the log of weir, or `weir history`");
}

TEST(Slack, nothing_quoted_mentions_anybody) {
  Wire wire;
  const std::string text = wire.sent(kSlack, message_of({at_max()}))["attachments"][0]["text"];
  EXPECT_THAT(text, HasSubstr("91 &gt; 70 &amp; &lt;!channel&gt;"));
}

// ---- Discord: "Execute Webhook", "Embed Limits" ---------------------------------------------------------------------------------

void expect_discord_takes(const json& sent) {
  EXPECT_LE(sent.value("content", std::string()).size(), 2000U);
  ASSERT_LE(sent["embeds"].size(), 10U);
  std::size_t all = 0;
  for (const json& embed : sent["embeds"]) {
    const std::size_t description = embed["description"].get<std::string>().size();
    const std::size_t footer = embed["footer"]["text"].get<std::string>().size();
    EXPECT_LE(description, 4096U);
    EXPECT_LE(footer, 2048U);
    all += description + footer;
  }
  EXPECT_LE(all, 6000U);
  EXPECT_TRUE(sent.contains("content") || !sent["embeds"].empty()) << "one of them is needed";
}

TEST(Discord, stays_within_what_discord_takes) {
  for (const std::size_t events : {1U, 2U, 10U, 11U, 20U}) {
    Wire wire;
    SCOPED_TRACE(events);
    Message message = many(events, 50'000);
    message.controller = std::string(200, 'c');
    expect_discord_takes(wire.sent(kDiscord, message));
  }
}

TEST(Discord, nothing_quoted_mentions_anybody_or_is_formatted) {
  Wire wire;
  const json sent = wire.sent(kDiscord, message_of({at_max()}));
  EXPECT_EQ(sent["allowed_mentions"], json::parse(R"({"parse": []})"));
  EXPECT_THAT(sent["embeds"][0]["description"].get<std::string>(), HasSubstr("\\*bold\\* é"));
}

// ---- Alertmanager: api/v2/openapi.yaml, postableAlerts ----------------------------------------------------------------------

TEST(Alertmanager, sends_what_its_api_describes) {
  Wire wire;
  const json sent = wire.sent(kAlertmanager, message_of({scaled_out(), at_max(), at_max(Event::Stage::ended)}));
  EXPECT_EQ(wire.seen.method, "POST");
  EXPECT_EQ(wire.seen.url, "http://127.0.0.1:9093/api/v2/alerts");
  EXPECT_EQ(wire.seen.content_type, "application/json");
  ASSERT_TRUE(sent.is_array());
  const std::regex label_name("[a-zA-Z_][a-zA-Z0-9_]*");
  const std::regex date_time(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)");
  for (const json& alert : sent) {
    for (const auto& [name, value] : alert["labels"].items()) {
      EXPECT_TRUE(std::regex_match(name, label_name)) << name;
      EXPECT_TRUE(value.is_string() && !value.get<std::string>().empty()) << name;
    }
    for (const auto& [name, value] : alert["annotations"].items()) EXPECT_TRUE(value.is_string()) << name;
    for (const char* time : {"startsAt", "endsAt"}) EXPECT_TRUE(std::regex_match(alert[time].get<std::string>(), date_time));
    EXPECT_LE(alert["startsAt"], alert["endsAt"]);
  }
}

TEST(Alertmanager, beginning_and_end_of_a_condition_are_one_alert) {
  Wire wire;
  const json sent = wire.sent(kAlertmanager, message_of({at_max(), at_max(Event::Stage::ended)}));
  EXPECT_EQ(sent[0]["labels"], sent[1]["labels"]);
  EXPECT_EQ(sent[0]["startsAt"], sent[1]["startsAt"]);
  EXPECT_EQ(sent[1]["endsAt"], "2026-03-01T09:35:00.000Z");
  EXPECT_EQ(sent[0]["endsAt"], "2026-03-01T09:34:30.000Z") << "four times as long as it takes to hear of it again";
}

// ---- webhook ------------------------------------------------------------------------------------------------------------------

TEST(Webhook, says_who_it_is_in_every_way_one_may_want) {
  Wire wire;
  (void)wire.sent(std::string(kWebhook) + ", method: PUT, headers: {X-Team: web}, secret_header: X-Api-Key, secret: hush",
                  message_of({at_max()}));
  EXPECT_EQ(wire.seen.method, "PUT");
  const std::vector<std::pair<std::string, std::string>> expected{{"X-Team", "web"}, {"X-Api-Key", "hush"}};
  EXPECT_EQ(wire.seen.access.headers, expected);
  (void)wire.sent(std::string(kWebhook) + ", bearer_token: hush", message_of({at_max()}));
  EXPECT_EQ(wire.seen.access.bearer_token, "hush");
}

TEST(Webhook, fills_in_the_body_it_was_given) {
  Wire wire;
  const json sent = wire.sent(std::string(kWebhook) + R"(, body: '{"msg": "{title}", "n": {count}, "all": {events}}')",
                              message_of({at_max(), scaled_out()}, 2));
  EXPECT_EQ(sent["msg"], "[critical] app: 4 events");
  EXPECT_EQ(sent["n"], 4);
  EXPECT_EQ(sent["all"].size(), 2U);
}

}  // namespace
}  // namespace weir
