#include "providers/static/static.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <tuple>

namespace weir {
namespace {

constexpr Key kServerKeys[] = {
    {.name = "addresses",
     .type = KeyType::texts,
     .doc = "The servers, each as host:port; an IPv6 address stands in brackets, as in \"[fd00::5]:3000\".",
     .required = true},
};

bool is_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

bool is_host(std::string_view host) {
  constexpr std::string_view kName = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  constexpr std::string_view kAddress6 = "0123456789abcdefABCDEF:.";
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!bracketed) return !host.empty() && host.find_first_not_of(kName) == std::string_view::npos;
  const std::string_view inner = host.substr(1, host.size() - 2);
  return inner.find_first_not_of(kAddress6) == std::string_view::npos && inner.find(':') != std::string_view::npos;
}

bool is_address(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  return colon != std::string_view::npos && is_host(address.substr(0, colon)) && is_port(address.substr(colon + 1));
}

std::vector<SettingsError> check(const Settings& /*provider*/, const Group& group) {
  std::vector<SettingsError> errors;
  const SourceMark mark = group.server.mark("addresses");
  const Settings::Texts& addresses = group.server.texts("addresses");
  if (addresses.empty()) errors.push_back({"server.addresses", "names no server; list at least one host:port", mark});
  std::set<std::string_view> seen;
  for (std::size_t index = 0; index < addresses.size(); ++index) {
    const std::string path = fmt::format("server.addresses[{}]", index);
    const std::string& address = addresses[index];
    if (!is_address(address)) {
      errors.push_back({path, fmt::format("'{}' is not host:port (IPv6: [address]:port, port 1 to 65535)", address), mark});
    } else if (!seen.insert(address).second) {
      errors.push_back({path, fmt::format("'{}' is listed twice", address), mark});
    }
  }
  return errors;
}

class StaticProvider final : public Provider {
 public:
  Result<std::vector<Server>> list(std::span<const Group* const> groups, std::stop_token /*stop*/) override {
    std::vector<Server> servers;
    for (const Group* group : groups) {
      for (const std::string& address : group->server.texts("addresses")) servers.push_back(server(*group, address));
    }
    std::ranges::sort(servers, {}, [](const Server& each) { return std::tie(each.id, each.group); });
    return servers;
  }

  Result<Server> launch(const LaunchRequest& request, std::stop_token /*stop*/) override {
    return failure(
        ErrorKind::invalid,
        fmt::format("static provider cannot launch servers for {}; add an address to its server.addresses", request.group.name));
  }

  Result<void> terminate(const Group& group, const std::string& server, std::stop_token /*stop*/) override {
    const Settings::Texts& addresses = group.server.texts("addresses");
    if (std::ranges::find(addresses, server) == addresses.end()) return {};
    return failure(ErrorKind::invalid,
                   fmt::format("static provider cannot terminate {}; remove it from server.addresses of {}", server, group.name));
  }

 private:
  static Server server(const Group& group, const std::string& address) {
    Server server;
    server.id = address;
    server.group = group.name;
    server.address = address;
    server.version = group.version;
    server.phase = Phase::warming;
    server.protection = "static provider";
    return server;
  }
};

// NOLINTNEXTLINE(performance-unnecessary-value-param): the signature is the catalog's
Result<std::unique_ptr<Provider>> make(const Settings& /*provider*/, ProviderContext /*context*/) {
  return std::make_unique<StaticProvider>();
}

int fixed_size(const Settings& server) { return static_cast<int>(server.texts("addresses").size()); }

}  // namespace

ProviderType static_provider_type() {
  return {.name = "static",
          .doc = "A fixed list of servers that somebody else runs; weir only sends traffic to the healthy ones.",
          .elastic = false,
          .provider_keys = {},
          .server_keys = kServerKeys,
          .fixed_size = fixed_size,
          .check = check,
          .abilities = {.chooses_victim = false,
                        .deployed_with = "whatever starts its servers",
                        .tested_against = "nothing but its list"},
          .make = make};
}

}  // namespace weir
