#include "receivers/slack/slack.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "receivers/post.h"
#include "receivers/text.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

constexpr Key kKeys[] = {
    {.name = "url",
     .type = KeyType::secret,
     .doc = "The incoming webhook's URL. Whoever has it can write into the channel.",
     .required = true},
    {.name = "ca_file", .doc = "PEM file of the authority that signed the server's certificate, if the system does not know it."},
};

/// Bytes, so never more characters. Slack takes 40 000 and shows about 3 000 of a text without folding it.
constexpr std::size_t kMostText = 3000;

/// What would be a link, a mention or an entity (Slack: "Escaping text").
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '&') result += "&amp;";
    if (c == '<') result += "&lt;";
    if (c == '>') result += "&gt;";
    if (c != '&' && c != '<' && c != '>') result += c;
  }
  return result;
}

std::string_view colour_of(const Event& event) {
  if (event.stage == Event::Stage::ended) return "#2e7d32";
  if (event.severity == Severity::critical) return "#d32f2f";
  return event.severity == Severity::warning ? "#f9a825" : "#1976d2";
}

Json attachment_of(const Event& event, const std::string& controller) {
  const std::string line = fmt::format("[{}] {}", state_of(event), shortened(line_of(event), kMostText));
  return {{"fallback", escaped(line)},
          {"color", colour_of(event)},
          {"text", escaped(line)},
          {"footer", escaped(controller)},
          {"ts", std::chrono::floor<std::chrono::seconds>(event.at.time_since_epoch()).count()}};
}

Json payload_of(const Message& message) {
  Json payload = Json::object();
  if (message.events.size() > 1 || message.omitted > 0) payload["text"] = escaped(shortened(heading_of(message), kMostText));
  for (const Event& event : message.events) payload["attachments"].push_back(attachment_of(event, message.controller));
  if (message.omitted > 0) {
    const std::string more = lines_of({{message.events.back()}, message.omitted, {}, {}}).back();
    payload["attachments"].push_back({{"fallback", more}, {"text", more}});
  }
  return payload;
}

class Slack final : public Receiver {
 public:
  Slack(ReceiverSpec spec, Network& network) : spec_(std::move(spec)), network_(network) {}

  Attempt send(const Message& message, const std::stop_token& stop) override {
    return post(network_, json_request(spec_.settings, spec_.settings.text("url"), payload_of(message)), "slack " + spec_.name,
                stop);
  }

 private:
  const ReceiverSpec spec_;
  Network& network_;
};

std::vector<SettingsError> check(const Settings& settings) {
  const auto wrong = check_url(settings, "url");
  return wrong ? std::vector{*wrong} : std::vector<SettingsError>();
}

std::unique_ptr<Receiver> make(const ReceiverSpec& spec, Network& network) { return std::make_unique<Slack>(spec, network); }

}  // namespace

ReceiverType slack_receiver() {
  return {.name = "slack",
          .doc = "A Slack channel, by an incoming webhook; also what speaks its format, as Mattermost and Rocket.Chat do.",
          .keys = kKeys,
          .check = check,
          .make = make};
}

}  // namespace weir
