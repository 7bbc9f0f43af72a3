#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "platform/ports.h"
#include "providers/pm2/pm2.h"

namespace weir {
namespace {

constexpr Key kProviderKeys[] = {
    {.name = "home", .doc = "The PM2_HOME whose daemon runs the app; by default that of weir's own user, ~/.pm2."},
    {.name = "command", .type = KeyType::command, .doc = "PM2's command line.", .fallback = "pm2"},
    {.name = "timeout",
     .type = KeyType::duration,
     .doc = "How long one call of PM2's command line may take.",
     .fallback = "30s",
     .minimum = 1,
     .maximum = 600},
    {.name = "owner",
     .doc = "Marks the copies that this weir makes; different for each weir that uses the same PM2.",
     .fallback = "weir"},
};

constexpr Key kServerKeys[] = {
    {.name = "app", .doc = "The name of an app that PM2 knows, running or stopped: servers are copies of it.", .required = true},
    {.name = "port",
     .type = KeyType::integer,
     .doc = "The app listens on this port plus NODE_APP_INSTANCE, which is different for every copy. Either this or `port_env`.",
     .minimum = 1,
     .maximum = 65'535},
    {.name = "port_env",
     .doc = "The environment variable that tells the app its port, such as PORT; every copy gets one of its own. Either this or "
            "`port`."},
    {.name = "ports",
     .doc =
         "The ports copies may have, as in \"9000-9099\"; by default the thousand after that of the app itself. At least as many "
         "as `max`."},
    {.name = "host",
     .doc = "The address of this machine at which the servers are reached: IPv4 or IPv6, not a name.",
     .fallback = "127.0.0.1"},
};

bool is_variable(const std::string& name) {
  constexpr std::string_view kGood = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  return !name.empty() && name.find_first_not_of(kGood) == std::string::npos && name.find_first_of("0123456789") != 0;
}

std::string complaint_about_ports(const Group& group) {
  if (!group.server.has("ports")) return {};
  const std::string& text = group.server.text("ports");
  const std::optional<PortRange> range = parse_port_range(text);
  if (!range) return fmt::format("'{}' is not a range of ports such as 9000-9099 within 1 to 65535", text);
  const bool counts_up = group.server.has("port");
  if (counts_up && range->first <= group.server.integer("port")) {
    return fmt::format("'{}' does not lie above port {}", text, group.server.integer("port"));
  }
  if (range->size() >= group.max) return {};
  return fmt::format("'{}' has {} ports, but max is {}: every server needs one", text, range->size(), group.max);
}

std::vector<SettingsError> check(const Settings& provider, const Group& group) {
  std::vector<SettingsError> errors;
  if (provider.text("owner").empty()) errors.push_back({"provider", "its owner is empty, and so would mark nothing", {}});
  const Settings& server = group.server;
  const auto complain = [&](const std::string& key, std::string message) {
    errors.push_back({"server." + key, std::move(message), server.mark(key)});
  };
  const bool one = server.has("port") != server.has("port_env");
  if (!one) {
    complain(server.has("port") ? "port_env" : "port",
             "expected either 'port' or 'port_env': every server needs a port of its own");
  }
  if (server.has("port_env") && !is_variable(server.text("port_env"))) {
    complain("port_env", fmt::format("'{}' is not the name of an environment variable", server.text("port_env")));
  }
  const std::string& app = server.text("app");
  const bool number = app.find_first_not_of("0123456789") == std::string::npos;
  if (app == "all" || number || app.starts_with('/') || app.starts_with('-')) {
    complain("app", fmt::format("'{}' means something else to PM2 than an app of that name", app));
  }
  if (std::string message = complaint_about_ports(group); !message.empty()) complain("ports", std::move(message));
  if (!is_host_address(server.text("host"))) {
    complain("host", fmt::format("'{}' is not an IPv4 or IPv6 address of this machine", server.text("host")));
  }
  return errors;
}

/// As PM2 itself finds it.
std::filesystem::path default_home() {
  if (const char* home = std::getenv("PM2_HOME")) return home;
  const char* user = std::getenv("HOME");
  return std::filesystem::path(user != nullptr ? user : "/root") / ".pm2";
}

std::optional<int> most_servers(const Settings& server) {
  const std::optional<PortRange> range = parse_port_range(server.text("ports"));
  return range ? std::optional(range->size()) : std::nullopt;
}

Result<std::unique_ptr<Provider>> make(const Settings& provider, ProviderContext context) {
  return make_pm2_provider({.home = provider.has("home") ? std::filesystem::path(provider.text("home")) : default_home(),
                            .command = provider.texts("command"),
                            .timeout = provider.duration("timeout"),
                            .owner = provider.text("owner"),
                            .directory = std::move(context.state_directory)});
}

}  // namespace

ProviderType pm2_provider_type() {
  return {.name = "pm2",
          .doc = "Servers are processes under PM2 on this machine, copies of an app that PM2 knows.",
          .provider_keys = kProviderKeys,
          .server_keys = kServerKeys,
          .most_servers = most_servers,
          .check = check,
          .abilities = {.tested_against = "the real PM2 7.0.4 from npm"},
          .make = make};
}

}  // namespace weir
