#include "providers/vultr/order.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>
#include <utility>

#include "platform/base64.h"
#include "providers/vultr/instance.h"

namespace weir {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestHostname = 63;

/// Letters, digits and hyphens, as a host name has to be.
std::string hostname_of(const std::string& token) {
  std::string name;
  for (const char c : token) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '-';
  // The end tells servers apart.
  if (name.size() > kLongestHostname) name = name.substr(name.size() - kLongestHostname);
  name.erase(0, std::min(name.find_first_not_of('-'), name.size()));
  while (name.ends_with('-')) name.pop_back();
  return name;
}

json tags_of(const LaunchRequest& request, const std::string& owner) {
  const Settings& server = request.group.server;
  json tags = json::array();
  const auto add = [&tags](std::string_view name, std::string_view value) { tags.push_back(fmt::format("{}{}", name, value)); };
  add(vultr_tag::kOwner, owner);
  add(vultr_tag::kGroup, request.group.name);
  add(vultr_tag::kToken, request.token);
  add(vultr_tag::kVersion, request.version);
  // An instance goes on listening where it was told to, whatever the configuration says later.
  add(vultr_tag::kPort, std::to_string(server.integer("port")));
  add(vultr_tag::kNetwork, server.boolean("private_address") ? "private" : "public");
  for (const std::string& tag : server.texts("tags")) tags.push_back(tag);
  return tags;
}

void add_image(json& body, const LaunchRequest& request) {
  const Settings& image = request.group.server.section("image");
  if (image.has("os")) body["os_id"] = image.integer("os");
  if (image.has("app")) body["app_id"] = image.integer("app");
  if (image.has("snapshot")) body["snapshot_id"] = fill_vultr_template(image.text("snapshot"), request);
  if (image.has("image")) body["image_id"] = fill_vultr_template(image.text("image"), request);
  if (image.has("iso")) body["iso_id"] = image.text("iso");
}

}  // namespace

std::vector<VultrPlace> places_of(const Settings& server) {
  std::vector<VultrPlace> places{{server.text("plan"), server.text("region"), server.text("vpc")}};
  for (const Settings& other : server.sections("overflow")) {
    VultrPlace place{other.text("plan"), other.text("region"), other.text("vpc")};
    // A VPC belongs to one region.
    if (place.vpc.empty() && place.region == places.front().region) place.vpc = places.front().vpc;
    places.push_back(std::move(place));
  }
  return places;
}

std::string create_body(const LaunchRequest& request, const VultrPlace& place, const std::string& owner) {
  const Settings& server = request.group.server;
  json body{{"region", place.region},
            {"plan", place.plan},
            {"label", request.token},
            {"hostname", hostname_of(request.token)},
            {"tags", tags_of(request, owner)}};
  add_image(body, request);
  if (!server.texts("ssh_keys").empty()) body["sshkey_id"] = server.texts("ssh_keys");
  if (server.has("startup_script")) body["script_id"] = server.text("startup_script");
  if (server.has("firewall_group")) body["firewall_group_id"] = server.text("firewall_group");
  if (server.has("user_data")) body["user_data"] = base64(fill_vultr_template(server.text("user_data"), request));
  if (!place.vpc.empty()) body["attach_vpc"] = json::array({place.vpc});
  // Bytes that are no UTF-8 can only come from the configuration; the API refuses what is put in their place.
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string fill_vultr_template(const std::string& text, const LaunchRequest& request) {
  const std::array<std::pair<std::string_view, std::string_view>, 3> values{
      {{"{version}", request.version}, {"{group}", request.group.name}, {"{token}", request.token}}};
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const bool of_shell = at > 0 && text[at - 1] == '$';
    const auto value = std::ranges::find_if(
        values, [&](const auto& each) { return !of_shell && text.compare(at, each.first.size(), each.first) == 0; });
    if (value == values.end()) {
      result += text[at++];
    } else {
      result += value->second;
      at += value->first.size();
    }
  }
  return result;
}

}  // namespace weir
