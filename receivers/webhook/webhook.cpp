#include "receivers/webhook/webhook.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "receivers/post.h"
#include "receivers/webhook/body.h"

namespace weir {
namespace {

constexpr std::array<std::string_view, 2> kMethods = {"POST", "PUT"};

constexpr Key kKeys[] = {
    {.name = "url", .type = KeyType::secret, .doc = "Where it is sent; told to nobody, since a URL may let in.", .required = true},
    {.name = "method", .type = KeyType::choice, .doc = "How.", .fallback = "POST", .choices = kMethods},
    {.name = "body",
     .doc = "JSON with {title}, {text}, {status}, {severity}, {controller}, {at}, {group}, {event}, {count} and {events} in it; "
            "without it weir's own document."},
    {.name = "headers", .type = KeyType::text_map, .doc = "Headers to send with it. For secrets there are the keys below."},
    {.name = "bearer_token", .type = KeyType::secret, .doc = "Sent as `Authorization: Bearer …`."},
    {.name = "username", .doc = "For basic authentication."},
    {.name = "password", .type = KeyType::secret, .doc = "With the username."},
    {.name = "secret_header", .doc = "Name of a header that holds the secret below, as in `X-Api-Key`."},
    {.name = "secret", .type = KeyType::secret, .doc = "What that header says."},
    {.name = "ca_file", .doc = "PEM file of the authority that signed the server's certificate, if the system does not know it."},
};

class Webhook final : public Receiver {
 public:
  Webhook(ReceiverSpec spec, Network& network) : spec_(std::move(spec)), network_(network) {}

  Attempt send(const Message& message, const std::stop_token& stop) override {
    const Settings& settings = spec_.settings;
    HttpRequest request{.method = settings.text("method"), .url = settings.text("url"), .content_type = "application/json"};
    request.body = settings.has("body") ? webhook_body(message, settings.text("body")) : webhook_body(message);
    request.timeout = settings.duration("timeout");
    request.access = {.bearer_token = settings.text("bearer_token"),
                      .username = settings.text("username"),
                      .password = settings.text("password"),
                      .ca_file = settings.text("ca_file"),
                      .headers = {settings.text_map("headers").begin(), settings.text_map("headers").end()}};
    if (settings.has("secret_header")) request.access.headers.emplace_back(settings.text("secret_header"), settings.text("secret"));
    return post(network_, std::move(request), "webhook " + spec_.name, stop, settings.text("secret"));
  }

 private:
  const ReceiverSpec spec_;
  Network& network_;
};

std::vector<SettingsError> check(const Settings& settings) {
  std::vector<SettingsError> wrong;
  const auto complain = [&](std::string key, std::string message) {
    const SourceMark mark = settings.mark(key);
    wrong.push_back({std::move(key), std::move(message), mark});
  };
  if (const auto url = check_url(settings, "url")) wrong.push_back(*url);
  if (settings.has("body")) {
    if (const auto body = wrong_body(settings.text("body"))) complain("body", *body);
  }
  if (settings.has("username") != settings.has("password"))
    complain(settings.has("username") ? "username" : "password", "expected username and password together");
  if (settings.has("bearer_token") && settings.has("username"))
    complain("bearer_token", "expected either a bearer token or a username, not both");
  if (settings.has("secret_header") != settings.has("secret"))
    complain(settings.has("secret") ? "secret" : "secret_header", "expected secret_header and secret together");
  return wrong;
}

std::unique_ptr<Receiver> make(const ReceiverSpec& spec, Network& network) { return std::make_unique<Webhook>(spec, network); }

}  // namespace

ReceiverType webhook_receiver() {
  return {.name = "webhook", .doc = "Any program that takes JSON by HTTP.", .keys = kKeys, .check = check, .make = make};
}

}  // namespace weir
