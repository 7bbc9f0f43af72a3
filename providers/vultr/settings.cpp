#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "providers/vultr/instance.h"
#include "providers/vultr/order.h"
#include "providers/vultr/vultr.h"

namespace weir {
namespace {

constexpr double kHighestPort = 65'535;
constexpr double kHighestId = 2'147'483'647;
/// The API takes 50 tags and refuses 100; some are weir's own.
constexpr std::size_t kMostTags = 40;
constexpr std::size_t kLongestTag = 255;

constexpr Key kProviderKeys[] = {
    {.name = "api_key",
     .type = KeyType::secret,
     .doc = "The key of the API, of Vultr's account page; its access control must allow this machine's address.",
     .required = true},
    {.name = "api_url", .doc = "Where the API answers.", .fallback = "https://api.vultr.com/v2"},
    {.name = "owner",
     .doc = "Marks the instances that belong to this weir; give each weir another one if several share an account.",
     .fallback = "weir"},
};

constexpr Key kImage[] = {
    {.name = "os", .type = KeyType::integer, .doc = "Number of an operating system (os_id).", .minimum = 1, .maximum = kHighestId},
    {.name = "snapshot", .doc = "Id of a snapshot. {version} is replaced."},
    {.name = "app",
     .type = KeyType::integer,
     .doc = "Number of a one-click application (app_id).",
     .minimum = 1,
     .maximum = kHighestId},
    {.name = "image", .doc = "Id of a marketplace application (image_id). {version} is replaced."},
    {.name = "iso", .doc = "Id of an ISO image (iso_id)."},
};

constexpr Key kPlace[] = {
    {.name = "plan", .doc = "Id of the plan.", .required = true},
    {.name = "region", .doc = "Id of the region.", .required = true},
    {.name = "vpc", .doc = "Id of the VPC there; in the group's own region it is the group's."},
};

constexpr Key kServerKeys[] = {
    {.name = "plan", .doc = "Id of the plan, such as vc2-1c-2gb.", .required = true},
    {.name = "region", .doc = "Id of the region, such as icn.", .required = true},
    {.name = "image",
     .type = KeyType::section,
     .doc = "What is installed: exactly one of os, snapshot, app, image and iso.",
     .required = true,
     .keys = kImage},
    {.name = "port",
     .type = KeyType::integer,
     .doc = "The port the app listens on. A running server keeps the one it was launched with.",
     .required = true,
     .minimum = 1,
     .maximum = kHighestPort},
    {.name = "private_address",
     .type = KeyType::boolean,
     .doc = "Servers are reached at their address in the VPC, and not before they have one.",
     .fallback = "false"},
    {.name = "vpc", .doc = "Id of the VPC that servers are attached to."},
    {.name = "firewall_group", .doc = "Id of the firewall group that guards the servers."},
    {.name = "ssh_keys", .type = KeyType::texts, .doc = "Ids of the SSH keys that are installed."},
    {.name = "startup_script", .doc = "Id of a startup script."},
    {.name = "user_data",
     .type = KeyType::secret,
     .doc = "User data (cloud-init), best as user_data_file; {version}, {group} and {token} are replaced."},
    {.name = "use_paid_hours",
     .type = KeyType::boolean,
     .doc = "Whether a server that is not needed any more stays until the hour it is paid for is nearly over.",
     .fallback = "true"},
    {.name = "tags", .type = KeyType::texts, .doc = "Further tags of the servers."},
    {.name = "overflow",
     .type = KeyType::sections,
     .doc = "Where servers are made, in this order, when the plan is sold out in the region or a limit is reached.",
     .keys = kPlace},
};

class Complaints {
 public:
  explicit Complaints(const Settings& server) : server_(server) {}
  void expect(bool good, std::string_view key, std::string message) {
    if (!good) errors_.push_back({fmt::format("server.{}", key), std::move(message), server_.mark(key)});
  }
  [[nodiscard]] std::vector<SettingsError> take() { return std::move(errors_); }

 private:
  const Settings& server_;
  std::vector<SettingsError> errors_;
};

void check_image(const Settings& server, Complaints& complaints) {
  const Settings& image = server.section("image");
  int named = 0;
  for (const Key& key : kImage) named += image.has(key.name) ? 1 : 0;
  complaints.expect(named == 1, "image", fmt::format("expected exactly one of os, snapshot, app, image and iso, found {}", named));
}

void check_tags(const Settings& server, Complaints& complaints) {
  const Settings::Texts& tags = server.texts("tags");
  complaints.expect(tags.size() <= kMostTags, "tags", fmt::format("expected at most {} tags, found {}", kMostTags, tags.size()));
  for (const std::string& tag : tags) {
    complaints.expect(!tag.empty() && tag.size() <= kLongestTag, "tags",
                      fmt::format("expected tags of 1 to {} characters, found one of {}", kLongestTag, tag.size()));
    complaints.expect(!tag.starts_with(vultr_tag::kPrefix), "tags",
                      fmt::format("'{}': tags that begin with {} are weir's own", tag, vultr_tag::kPrefix));
  }
  const auto empty = std::ranges::count_if(server.texts("ssh_keys"), &std::string::empty);
  complaints.expect(empty == 0, "ssh_keys", "expected ids, found an empty text");
}

void check_places(const Settings& server, Complaints& complaints) {
  const bool needs_vpc = server.boolean("private_address");
  complaints.expect(!needs_vpc || server.has("vpc"), "private_address", "needs 'vpc': without one a server has no private address");
  std::set<std::pair<std::string, std::string>> seen;
  for (const VultrPlace& place : places_of(server)) {
    complaints.expect(seen.emplace(place.plan, place.region).second, "overflow",
                      fmt::format("{} in {} is there already", place.plan, place.region));
    complaints.expect(!needs_vpc || !server.has("vpc") || !place.vpc.empty(), "overflow",
                      fmt::format("{} in {} needs a 'vpc' of its own: a VPC belongs to one region, and private_address needs one",
                                  place.plan, place.region));
  }
}

std::vector<SettingsError> check(const Settings& /*provider*/, const Group& group) {
  Complaints complaints(group.server);
  check_image(group.server, complaints);
  check_tags(group.server, complaints);
  check_places(group.server, complaints);
  return complaints.take();
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): the signature is the catalog's
Result<std::unique_ptr<Provider>> make(const Settings& provider, ProviderContext context) {
  VultrOptions options{.api_url = provider.text("api_url"), .api_key = provider.text("api_key"), .owner = provider.text("owner")};
  while (options.api_url.ends_with('/')) options.api_url.pop_back();
  const bool is_url = options.api_url.starts_with("https://") || options.api_url.starts_with("http://");
  // The URL itself may hold a password.
  if (!is_url || options.api_url.find_first_of("@?# ") != std::string::npos) {
    return failure(ErrorKind::invalid, "vultr: api_url: expected http://HOST/PATH or https://HOST/PATH without credentials");
  }
  if (options.owner.empty()) return failure(ErrorKind::invalid, "vultr: owner: expected a name, found an empty text");
  if (context.network == nullptr) return failure(ErrorKind::invalid, "vultr: there is no network here");
  return make_vultr_provider(std::move(options), *context.network);
}

}  // namespace

ProviderType vultr_provider_type() {
  return {.name = "vultr",
          .doc = "Servers are instances at Vultr, made one by one and found again by their tags.",
          .provider_keys = kProviderKeys,
          .server_keys = kServerKeys,
          .check = check,
          .abilities = {.reports_price = true,
                        .reports_paid_until = true,
                        .tested_against = "a stateful fake whose answers are checked against the API's OpenAPI document"},
          .make = make};
}

}  // namespace weir
