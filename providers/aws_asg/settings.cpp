#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "platform/api_client.h"
#include "providers/aws_asg/aws_asg.h"

namespace weir {
namespace {

constexpr Key kProviderKeys[] = {
    {.name = "region", .doc = "The region of the Auto Scaling groups, such as eu-central-1.", .required = true},
    {.name = "endpoint",
     .doc = "The URL to call instead of AWS's own, for a VPC endpoint or a test; {service} is replaced by autoscaling, ec2 or "
            "elasticloadbalancing."},
    {.name = "profile", .doc = "The profile of the shared credentials file (~/.aws/credentials) to use, and no other source."},
    {.name = "access_key_id",
     .doc = "The access key; without it, and without `profile`, credentials are looked for where AWS's tools do."},
    {.name = "secret_access_key", .type = KeyType::secret, .doc = "The secret of `access_key_id`."},
    {.name = "own_bounds",
     .type = KeyType::boolean,
     .doc = "Whether weir sets MinSize and MaxSize of its Auto Scaling groups to the group's min and max.",
     .fallback = "false"},
};

constexpr std::array<std::string_view, 2> kAddresses = {"private", "public"};
constexpr std::array<std::string_view, 2> kVersions = {"tag", "launch_template"};
constexpr std::array<std::string_view, 2> kRemovals = {"terminate", "detach"};

constexpr Key kServerKeys[] = {
    {.name = "auto_scaling_group", .doc = "The name of the Auto Scaling group, of this group alone.", .required = true},
    {.name = "port",
     .type = KeyType::integer,
     .doc = "The port the app listens on.",
     .required = true,
     .minimum = 1,
     .maximum = 65535},
    {.name = "address",
     .type = KeyType::choice,
     .doc = "Which IPv4 address of the instances is theirs.",
     .fallback = "private",
     .choices = kAddresses},
    {.name = "versions",
     .type = KeyType::choice,
     .doc = "What the group's version is. `launch_template`: the number of a version of the Auto Scaling group's launch template, "
            "which its new instances are made from. `tag`: a tag, and no more.",
     .fallback = "tag",
     .choices = kVersions},
    {.name = "on_removal",
     .type = KeyType::choice,
     .doc = "What becomes of an instance that is to go. `detach` only takes it out of the Auto Scaling group: it runs on, and is "
            "billed, until somebody who wanted to look at it ends it.",
     .fallback = "terminate",
     .choices = kRemovals},
    {.name = "launch_hook",
     .doc = "A lifecycle hook of the group for launching instances that weir is to complete as soon as the app answers the group's "
            "health check."},
    {.name = "termination_hook",
     .doc = "A lifecycle hook of the group for terminating instances that weir is to complete: at once for those it has drained, "
            "after "
            "drain.timeout for those that AWS takes away."},
};

bool is_region(const std::string& text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

/// libcurl 7.88 signs a path as it stands, AWS as it would be encoded once more: one of which both make the same is needed.
bool has_plain_path(const std::string& url) { return url.find_first_of("%?# ") == std::string::npos; }

std::vector<SettingsError> check(const Settings& provider, const Group& group) {
  std::vector<SettingsError> errors;
  const auto complain = [&](const Settings& settings, const std::string& path, std::string_view key, std::string message) {
    errors.push_back({path, std::move(message), settings.mark(key)});
  };
  if (!is_region(provider.text("region"))) {
    complain(provider, "provider", "region", fmt::format("the provider's region '{}' is none", provider.text("region")));
  }
  const std::string& endpoint = provider.text("endpoint");
  const bool is_url = endpoint.starts_with("https://") || endpoint.starts_with("http://");
  if (!endpoint.empty() && (!is_url || !has_plain_path(endpoint))) {
    complain(provider, "provider", "endpoint", "the provider's endpoint is no http or https URL without query and '%'");
  }
  const bool has_id = !provider.text("access_key_id").empty();
  if (has_id != !provider.text("secret_access_key").empty()) {
    complain(provider, "provider", "access_key_id", "the provider needs both access_key_id and secret_access_key, or neither");
  }
  if (has_id && !provider.text("profile").empty()) {
    complain(provider, "provider", "profile", "the provider has both access_key_id and profile");
  }
  const std::string& name = group.server.text("auto_scaling_group");
  if (name.empty() || name.size() > 255) {
    complain(group.server, "server.auto_scaling_group", "auto_scaling_group",
             "is no name of an Auto Scaling group: 1 to 255 letters");
  }
  if (has_template_versions(group.server) && !is_template_version(group.version)) {
    complain(
        group.server, "server.versions", "versions",
        fmt::format("with launch_template the group's version is the number of a version of the launch template, such as 3; it is "
                    "'{}'",
                    group.version));
  }
  return errors;
}

Result<std::unique_ptr<Provider>> make(const Settings& provider, ProviderContext context) {
  return make_aws_asg_provider({.account = read_aws_account(std::move(context.name), provider),
                                .acts = context.acts,
                                .own_bounds = provider.boolean("own_bounds")},
                               *context.network);
}

}  // namespace

bool has_template_versions(const Settings& server) { return server.text("versions") == "launch_template"; }

bool is_template_version(const std::string& version) {
  const bool digits = std::ranges::all_of(version, [](char c) { return c >= '0' && c <= '9'; });
  return digits && !version.empty() && version.size() < 10 && version.front() != '0';
}

ProviderType aws_asg_provider_type() {
  return {.name = "aws_asg",
          .doc = "Servers are the instances of AWS Auto Scaling groups; the launch template says what they are.",
          .provider_keys = kProviderKeys,
          .server_keys = kServerKeys,
          .check = check,
          .abilities = {.sizing = ProviderAbilities::Sizing::desired_count,
                        .tested_against = "moto, and a simulator of Auto Scaling for time, limits, hooks and errors"},
          .make = make};
}

}  // namespace weir
