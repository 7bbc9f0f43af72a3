#include "tests/fuzz/answering.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "controller/config/config.h"
#include "providers/provider.h"

namespace weir {
namespace {

/// More exchanges than any adapter should need for one call, pages and repetitions included.
constexpr std::size_t kMostExchanges = 200;

/// Whether a message with the secret in it gives it away: not if it came with the answers, for a fuzzer learns what it is compared
/// with.
bool is_still_secret = false;

bool gives_away_secret(std::string_view text) { return is_still_secret && text.contains(kFuzzSecret); }

HttpClient& unused_http() {
  static HttpClient http;
  return http;
}

/// What the letter at the beginning of an answer stands for. 0: nobody answers.
int status_of(char letter) {
  static const std::map<char, int> statuses = {{'a', 200}, {'b', 201}, {'c', 202}, {'d', 204}, {'e', 301}, {'f', 400}, {'g', 401},
                                               {'h', 403}, {'i', 404}, {'j', 409}, {'k', 410}, {'l', 412}, {'m', 422}, {'n', 429},
                                               {'o', 500}, {'p', 502}, {'q', 503}, {'r', 504}, {'s', 0}};
  const auto found = statuses.find(letter);
  return found == statuses.end() ? -1 : found->second;
}

Config parsed(std::string_view configuration) {
  const Environment environment{.variable = {}, .read_file = [](const std::filesystem::path&) -> Result<std::string> {
                                  return std::string(kFuzzSecret) + "\n";
                                }};
  auto config = parse_config(configuration, "weir.yaml", environment, builtin_catalogs());
  if (!config) {
    for (const ConfigError& error : config.error()) fmt::print(stderr, "{}\n", to_string(error));
    std::abort();
  }
  return std::move(*config);
}

/// The provider of a configuration with only one, over that network.
std::unique_ptr<Provider> made(const Config& config, Network& network) {
  const auto& [name, spec] = *config.providers.begin();
  const auto types = provider_catalog();
  const auto type = std::ranges::find(types, spec.type, &ProviderType::name);
  check(type != types.end());
  auto provider = type->make(spec.settings, {.name = name, .state_directory = {}, .network = &network});
  check(provider.has_value());
  return std::move(*provider);
}

template <typename T>
bool succeeded(const Result<T>& result) {
  if (!result) check_message(result.error().message);
  return result.has_value();
}

void check_server(const Server& server) {
  for (const std::string& text :
       {server.id, server.address, server.group, server.version, server.token, server.failure, server.protection}) {
    (void)nlohmann::json(text).dump();
  }
}

std::vector<Server> listed(Provider& provider, const Group& group) {
  const Group* const groups[] = {&group};
  const Result<std::vector<Server>> servers = provider.list(groups, {});
  if (!succeeded(servers)) return {};
  for (const Server& server : *servers) {
    check(!server.id.empty());
    check_server(server);
  }
  check(std::ranges::is_sorted(*servers, {}, &Server::id));
  check(std::ranges::adjacent_find(*servers, {}, &Server::id) == servers->end());
  return *servers;
}

}  // namespace

void check(bool holds) {
  if (!holds) std::abort();
}

void check_message(const std::string& message) {
  check(!message.empty() && message.find('\n') == std::string::npos);
  check(!gives_away_secret(message));
  (void)nlohmann::json(message).dump();
}

AnsweringNetwork::AnsweringNetwork(std::string_view bytes)
    : network{.http = unused_http(),
              .clock = clock_,
              .buckets = buckets_,
              .told = [](const ApiReport& report) { check(!gives_away_secret(report.detail)); },
              .random = [] { return 0.5; },
              .exchange = [this](const HttpRequest&, const std::stop_token&) { return answer(); }} {
  is_still_secret = !bytes.contains(kFuzzSecret);
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\x1e'), bytes.size());
    answers_.push_back(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
}

Result<HttpResponse> AnsweringNetwork::answer() {
  const auto nobody = [] { return failure(ErrorKind::unavailable, "GET http://127.0.0.1: connection refused"); };
  if (answers_.empty() || asked_ >= kMostExchanges) return nobody();
  std::string_view bytes = answers_[asked_++ % answers_.size()];
  HttpResponse response;
  response.status = bytes.empty() ? 200 : status_of(bytes.front());
  if (response.status == 0) return nobody();
  if (response.status < 0) {
    response.status = 200;
  } else if (!bytes.empty()) {
    bytes.remove_prefix(1);
  }
  response.content_type = bytes.starts_with('<') ? "text/xml" : "application/json";
  response.body = bytes;
  response.headers.emplace_back("api-version", "1.41");  // a Docker Engine's
  if (response.status == 429) response.headers.emplace_back("retry-after", std::string(bytes.substr(0, 4)));
  return response;
}

void fuzz_provider(std::string_view configuration, const std::uint8_t* data, std::size_t size) {
  // By its text: the seeds of all targets may run in one process.
  static std::map<std::string, Config, std::less<>> configs;
  auto known = configs.find(configuration);
  if (known == configs.end()) known = configs.emplace(configuration, parsed(configuration)).first;
  const Config& config = known->second;
  AnsweringNetwork outside({reinterpret_cast<const char*>(data), size});
  const std::unique_ptr<Provider> provider = made(config, outside.network);
  const Group& group = config.groups.front();
  std::vector<Server> servers = listed(*provider, group);
  if (const Result<Server> launched = provider->launch({.group = group, .token = "tok-1", .version = "v1"}, {});
      succeeded(launched)) {
    // Without an id it is a promise.
    check(!launched->id.empty() || launched->token == "tok-1");
    check_server(*launched);
    servers.push_back(*launched);
  }
  if (!servers.empty()) (void)succeeded(provider->terminate(group, servers.back().id, {}));
  (void)listed(*provider, group);
}

}  // namespace weir
