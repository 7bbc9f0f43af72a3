#include "receivers/alertmanager/alertmanager.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "receivers/post.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

/// Prometheus sends what still fires at least every minute, and says that it ends after four times that: if it goes silent, the
/// alert does too.
constexpr Duration kRefresh = 1min;
constexpr Duration kTrusted = 4 * kRefresh;

constexpr Key kKeys[] = {
    {.name = "url",
     .doc = "Where Alertmanager answers, with its route prefix if it has one: http:// or https://.",
     .required = true},
    {.name = "labels",
     .type = KeyType::text_map,
     .doc = "Further labels of every alert. alertname, severity, group, subject and controller are weir's own."},
    {.name = "moment",
     .type = KeyType::duration,
     .doc = "How long an alert of what happened at one instant, and has no end of its own, fires.",
     .fallback = "5m",
     .minimum = 1,
     .maximum = 86'400},
    {.name = "bearer_token", .type = KeyType::secret, .doc = "Sent as `Authorization: Bearer …`."},
    {.name = "username", .doc = "For basic authentication."},
    {.name = "password", .type = KeyType::secret, .doc = "With the username."},
    {.name = "ca_file", .doc = "PEM file of the authority that signed the server's certificate, if the system does not know it."},
};

constexpr std::string_view kOwnLabels[] = {"alertname", "severity", "group", "subject", "controller"};

bool is_label_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto allowed = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !name.empty() && letter(name.front()) && std::ranges::all_of(name, allowed);
}

class Alertmanager final : public Receiver {
 public:
  Alertmanager(const ReceiverSpec& spec, Network& network) : spec_(spec), network_(network), url_(spec.settings.text("url")) {
    while (url_.ends_with('/')) url_.pop_back();
    url_ += "/api/v2/alerts";
  }

  Attempt send(const Message& message, const std::stop_token& stop) override {
    const Settings& settings = spec_.settings;
    Json alerts = Json::array();
    for (const Event& event : message.events) alerts.push_back(alert_of(event, message));
    HttpRequest request = json_request(settings, url_, alerts);
    request.access.bearer_token = settings.text("bearer_token");
    request.access.username = settings.text("username");
    request.access.password = settings.text("password");
    return post(network_, std::move(request), "alertmanager " + spec_.name, stop);
  }

 private:
  [[nodiscard]] Json alert_of(const Event& event, const Message& message) const {
    Json labels = Json::object();
    for (const auto& [name, value] : spec_.settings.text_map("labels")) labels[name] = value;
    labels["alertname"] = fmt::format("weir_{}", to_string(event.kind));
    labels["severity"] = to_string(event.severity);
    labels["controller"] = message.controller;
    if (!event.group.empty()) labels["group"] = event.group;
    if (!event.subject.empty()) labels["subject"] = event.subject;
    const bool moment = event.stage == Event::Stage::happened;
    return {{"labels", std::move(labels)},
            {"annotations", {{"summary", event.summary}, {"description", type_of(event.kind).doc}}},
            {"startsAt", format_time(moment ? event.at : event.since)},
            {"endsAt", format_time(end_of(event, message.at))}};
  }

  [[nodiscard]] TimePoint end_of(const Event& event, TimePoint at) const {
    if (event.stage == Event::Stage::ended) return event.at;
    return event.stage == Event::Stage::began ? at + kTrusted : event.at + spec_.settings.duration("moment");
  }

  const ReceiverSpec spec_;
  Network& network_;
  std::string url_;
};

std::vector<SettingsError> check(const Settings& settings) {
  std::vector<SettingsError> wrong;
  const auto complain = [&](std::string key, std::string message) {
    const SourceMark mark = settings.mark(key);
    wrong.push_back({std::move(key), std::move(message), mark});
  };
  if (const auto url = check_url(settings, "url")) wrong.push_back(*url);
  if (settings.text("url").contains('@')) complain("url", "expected no credentials in the URL: use 'username' and 'password_file'");
  for (const auto& [name, value] : settings.text_map("labels")) {
    if (!is_label_name(name)) complain("labels", fmt::format("'{}' is no label name: expected letters, digits and '_'", name));
    if (std::ranges::find(kOwnLabels, name) != std::end(kOwnLabels))
      complain("labels", fmt::format("'{}' is a label that weir sets itself", name));
  }
  if (settings.has("username") != settings.has("password"))
    complain(settings.has("username") ? "username" : "password", "expected username and password together");
  if (settings.has("bearer_token") && settings.has("username"))
    complain("bearer_token", "expected either a bearer token or a username, not both");
  return wrong;
}

std::unique_ptr<Receiver> make(const ReceiverSpec& spec, Network& network) { return std::make_unique<Alertmanager>(spec, network); }

}  // namespace

ReceiverType alertmanager_receiver() {
  return {.name = "alertmanager",
          .doc = "A Prometheus Alertmanager, by its API v2: conditions become alerts that resolve when they end.",
          .keys = kKeys,
          .check = check,
          .refresh = kRefresh,
          .make = make};
}

}  // namespace weir
