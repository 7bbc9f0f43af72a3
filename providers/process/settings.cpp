#include <fmt/format.h>

#include <algorithm>

#include "platform/ports.h"
#include "providers/process/file_name.h"
#include "providers/process/process.h"

namespace weir {
namespace {

constexpr Key kProviderKeys[] = {
    {.name = "directory",
     .doc = "Where the record files of the servers are kept; by default a directory of the provider's own beside controller.state. "
            "It must survive restarts of weir."},
};

constexpr Key kServerKeys[] = {
    {.name = "command",
     .type = KeyType::command,
     .doc =
         "The program of one server and its arguments, in the foreground, without a shell. {port}, {version}, {id} and {group} are "
         "replaced.",
     .required = true},
    {.name = "ports",
     .doc = "The ports servers may have, as in \"9000-9099\"; each takes the next free one after the one given last. At least as "
            "many as `max`.",
     .required = true},
    {.name = "host",
     .doc = "The address of this machine at which the servers are reached: IPv4 or IPv6, not a name.",
     .fallback = "127.0.0.1"},
    {.name = "env",
     .type = KeyType::text_map,
     .doc = "Environment variables of the servers, besides PATH, HOME, USER, LOGNAME, SHELL, LANG, LC_ALL, TZ and TMPDIR of weir, "
            "PORT "
            "and the WEIR_ ones. Placeholders as in `command`."},
    {.name = "cwd", .doc = "The directory the servers run in; weir's own by default. Placeholders as in `command`."},
    {.name = "log_dir",
     .doc = "Where the output of each server goes, in a file named after its id; by default `log` beside the group's records."},
    {.name = "stop_grace",
     .type = KeyType::duration,
     .doc = "How long a server may take to end after SIGTERM before it gets SIGKILL.",
     .fallback = "10s",
     .minimum = 0},
};

bool names_port(const std::string& word) { return word.find("{port}") != std::string::npos; }

bool learns_port(const Settings& server) {
  return std::ranges::any_of(server.texts("command"), names_port) ||
         std::ranges::any_of(server.text_map("env"), [](const auto& variable) { return names_port(variable.second); });
}

std::string complaint_about_ports(const Group& group) {
  const std::string& text = group.server.text("ports");
  const std::optional<PortRange> range = parse_port_range(text);
  if (!range) return fmt::format("'{}' is not a range of ports such as 9000-9099 within 1 to 65535", text);
  // With an overflow, what has no port here is made there.
  if (range->size() >= group.max || group.overflow) return {};
  return fmt::format("'{}' has {} ports, but max is {}: every server needs one", text, range->size(), group.max);
}

std::vector<SettingsError> check(const Settings& /*provider*/, const Group& group) {
  std::vector<SettingsError> errors;
  const Settings& server = group.server;
  const auto complain = [&](const std::string& key, std::string message) {
    errors.push_back({"server." + key, std::move(message), server.mark(key)});
  };
  if (!is_file_name(group.name)) {
    errors.push_back(
        {"name", "the process provider keeps records under the group's name: letters, digits, '.', '_' and '-' only", {}});
  }
  if (server.texts("command").empty()) {
    complain("command", "is empty");
  } else if (!learns_port(server)) {
    complain("command", "no word has {port} in it (nor a value of env): servers would not know their port");
  }
  if (std::string message = complaint_about_ports(group); !message.empty()) complain("ports", std::move(message));
  if (!is_host_address(server.text("host"))) {
    complain("host", fmt::format("'{}' is not an IPv4 or IPv6 address of this machine", server.text("host")));
  }
  return errors;
}

std::optional<int> most_servers(const Settings& server) {
  const std::optional<PortRange> range = parse_port_range(server.text("ports"));
  return range ? std::optional(range->size()) : std::nullopt;
}

Result<std::unique_ptr<Provider>> make(const Settings& provider, ProviderContext context) {
  std::filesystem::path directory = std::move(context.state_directory);
  if (provider.has("directory")) directory = provider.text("directory");
  return make_process_provider({.directory = std::move(directory)});
}

}  // namespace

ProviderType process_provider_type() {
  return {.name = "process",
          .doc = "Servers are processes on this machine; they outlive a restart of weir.",
          .provider_keys = kProviderKeys,
          .server_keys = kServerKeys,
          .most_servers = most_servers,
          .check = check,
          .abilities = {.tested_against = "real processes"},
          .make = make};
}

}  // namespace weir
