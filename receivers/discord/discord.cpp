#include "receivers/discord/discord.h"

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
     .doc = "The webhook's URL. Whoever has it can write into the channel.",
     .required = true},
    {.name = "ca_file", .doc = "PEM file of the authority that signed the server's certificate, if the system does not know it."},
};

// Discord's limits, in characters: content 2000, 10 embeds, 4096 in a description, 2048 in a footer, 6000 in all embeds together.
// Bytes are counted here, of which there are never fewer.
constexpr std::size_t kMostContent = 2000;
constexpr std::size_t kMostEmbeds = 10;
constexpr std::size_t kMostDescription = 4000;
constexpr std::size_t kMostInAll = 5000;
constexpr std::size_t kMostFooter = 80;

/// So that names are not taken for Markdown.
std::string plain(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (std::string_view("\\*_~`|>#[").contains(c)) result += '\\';
    result += c;
  }
  return result;
}

int colour_of(Severity severity, bool over) {
  if (over) return 0x2e7d32;
  if (severity == Severity::critical) return 0xd32f2f;
  return severity == Severity::warning ? 0xf9a825 : 0x1976d2;
}

Json embed(const std::string& description, std::size_t most, int colour, TimePoint at, const std::string& controller) {
  return {{"description", shortened(description, most)},
          {"color", colour},
          {"timestamp", format_time(at)},
          {"footer", {{"text", shortened(controller, kMostFooter)}}}};
}

Json embeds_of(const Message& message) {
  Json embeds = Json::array();
  const std::size_t count = message.events.size();
  if (count <= kMostEmbeds) {
    for (const Event& event : message.events) {
      const std::string line = plain(fmt::format("[{}] {}", state_of(event), line_of(event)));
      const bool over = event.stage == Event::Stage::ended;
      embeds.push_back(embed(line, std::min(kMostDescription, kMostInAll / count), colour_of(event.severity, over), event.at,
                             message.controller));
    }
    return embeds;
  }
  std::string text;
  for (const Event& event : message.events) text += plain(fmt::format("[{}] {}", state_of(event), line_of(event))) + "\n";
  const int colour = colour_of(severity_of(message), status_of(message) == "over");
  embeds.push_back(embed(text, kMostDescription, colour, message.at, message.controller));
  return embeds;
}

Json payload_of(const Message& message) {
  Json payload = Json::object();
  std::string content = message.events.size() > 1 || message.omitted > 0 ? plain(heading_of(message)) : "";
  if (message.omitted > 0) content += fmt::format("\nand {} more: see the log of weir, or weir history", message.omitted);
  if (!content.empty()) payload["content"] = shortened(content, kMostContent);
  payload["embeds"] = embeds_of(message);
  // Nothing that weir quotes may call people.
  payload["allowed_mentions"] = {{"parse", Json::array()}};
  return payload;
}

class Discord final : public Receiver {
 public:
  Discord(ReceiverSpec spec, Network& network) : spec_(std::move(spec)), network_(network) {}

  Attempt send(const Message& message, const std::stop_token& stop) override {
    return post(network_, json_request(spec_.settings, spec_.settings.text("url"), payload_of(message)), "discord " + spec_.name,
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

std::unique_ptr<Receiver> make(const ReceiverSpec& spec, Network& network) { return std::make_unique<Discord>(spec, network); }

}  // namespace

ReceiverType discord_receiver() {
  return {.name = "discord", .doc = "A Discord channel, by a webhook.", .keys = kKeys, .check = check, .make = make};
}

}  // namespace weir
