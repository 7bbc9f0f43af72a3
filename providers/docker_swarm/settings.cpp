#include <fmt/format.h>

#include "providers/docker_swarm/docker_swarm.h"
#include "providers/docker_swarm/own_service.h"

namespace weir {
namespace {

constexpr Key kTlsKeys[] = {
    {.name = "ca_file", .doc = "PEM file of the authority that signed the Engine's certificate; the system's by default."},
    {.name = "certificate_file", .doc = "PEM file of the certificate that shows the Engine who weir is.", .required = true},
    {.name = "key_file", .doc = "PEM file of that certificate's key.", .required = true},
};

constexpr Key kRegistryKeys[] = {
    {.name = "username", .doc = "The user.", .required = true},
    {.name = "password", .type = KeyType::secret, .doc = "The user's password or token.", .required = true},
};

constexpr Key kProviderKeys[] = {
    {.name = "host",
     .doc = "The Engine of a manager: unix:///path/to/docker.sock or tcp://host:port.",
     .fallback = "unix:///var/run/docker.sock"},
    {.name = "owner",
     .doc = "Marks the services that this weir scales; another weir at the same swarm needs another one.",
     .fallback = "weir"},
    {.name = "registry",
     .type = KeyType::section,
     .doc = "What the nodes log in with where they pull `image` from.",
     .keys = kRegistryKeys},
    {.name = "tls", .type = KeyType::section, .doc = "How weir and an Engine at tcp:// know each other.", .keys = kTlsKeys},
};

constexpr Key kServerKeys[] = {
    {.name = "service",
     .doc = "The replicated service whose tasks are the servers, or, with `image`, that the servers are made after; by name or id. "
            "It must exist.",
     .required = true},
    {.name = "image",
     .doc = "What the servers of a version run, such as registry.example/app:{version}. Every server is then a service of its own, "
            "made after `service`, and weir deploys the group."},
    {.name = "network",
     .doc = "The network of the service at which its tasks are reached. Without it they are reached at their node, at the port "
            "published there in host mode."},
    {.name = "port",
     .type = KeyType::integer,
     .doc = "The port the app listens on inside its container.",
     .required = true,
     .minimum = 1,
     .maximum = 65535},
    {.name = "scheduling_grace",
     .type = KeyType::duration,
     .doc = "How long a task may wait for a node that can take it before it counts as failed.",
     .fallback = "60s",
     .minimum = 0},
};

bool is_loopback(std::string_view host) {
  return host.starts_with("tcp://127.") || host.starts_with("tcp://localhost:") || host.starts_with("tcp://[::1]:");
}

std::string complaint_about(const Settings& provider) {
  const std::string& host = provider.text("host");
  const bool tls = provider.has("tls");
  const auto address = parse_engine_host(host, tls);
  if (!address) return fmt::format("host: '{}' is neither unix:///path nor tcp://host:port", host);
  if (tls && !address->unix_socket.empty()) return fmt::format("tls: {} is a unix socket, which has no TLS", host);
  if (!tls && address->unix_socket.empty() && !is_loopback(host)) {
    return fmt::format("host: {} without tls: whoever reaches that port owns the machine, so weir does not go there", host);
  }
  return {};
}

std::vector<SettingsError> check(const Settings& provider, const Group& group) {
  std::vector<SettingsError> errors;
  if (std::string complaint = complaint_about(provider); !complaint.empty()) {
    errors.push_back({"provider", std::move(complaint), provider.mark("host")});
  }
  if (has_own_services(group.server) && !group.server.text("image").contains("{version}")) {
    errors.push_back(
        {"server.image",
         fmt::format("expected {{version}} in it, such as app:{{version}}: with '{}' alone all versions would be the same",
                     group.server.text("image")),
         group.server.mark("image")});
  }
  return errors;
}

constexpr ProviderAbilities kAbilities = {
    .sizing = ProviderAbilities::Sizing::desired_count,
    .chooses_victim = false,
    .deployed_with = "docker service update or docker stack deploy, or by weir if server.image is given",
    .tested_against = "a stateful fake held to recorded answers; a real swarm of three nodes"};

ProviderAbilities abilities_with(const Settings& server) {
  if (!has_own_services(server)) return kAbilities;
  return {.sizing = ProviderAbilities::Sizing::single_servers, .tested_against = kAbilities.tested_against};
}

Result<std::unique_ptr<Provider>> make(const Settings& provider, ProviderContext context) {
  if (std::string complaint = complaint_about(provider); !complaint.empty()) {
    return failure(ErrorKind::invalid, fmt::format("provider {}: {}", context.name, complaint));
  }
  const Settings& tls = provider.section("tls");
  HttpAccess access;
  if (provider.has("tls")) {
    access.ca_file = tls.text("ca_file");
    access.certificate_file = tls.text("certificate_file");
    access.key_file = tls.text("key_file");
  }
  std::optional<RegistryLogin> registry;
  if (provider.has("registry")) {
    const Settings& login = provider.section("registry");
    registry = RegistryLogin{.username = login.text("username"), .password = login.text("password")};
  }
  const auto address = parse_engine_host(provider.text("host"), provider.has("tls"));
  return make_docker_swarm_provider(*context.network, {.name = std::move(context.name),
                                                       .engine = *address,
                                                       .access = std::move(access),
                                                       .owner = provider.text("owner"),
                                                       .registry = std::move(registry)});
}

}  // namespace

ProviderType docker_swarm_provider_type() {
  return {.name = "docker_swarm",
          .doc = "Servers are the tasks of a replicated Docker Swarm service, or services made after it.",
          .provider_keys = kProviderKeys,
          .server_keys = kServerKeys,
          .check = check,
          .abilities = kAbilities,
          .abilities_with = abilities_with,
          .make = make};
}

}  // namespace weir
