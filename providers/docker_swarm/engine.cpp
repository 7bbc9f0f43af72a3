#include "providers/docker_swarm/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "model/text.h"
#include "platform/base64.h"

namespace weir {
namespace {

struct ApiVersion {
  int major = 0;
  int minor = 0;
  auto operator<=>(const ApiVersion&) const = default;
};

/// The newest that we have read the description of, and the oldest with all we need.
constexpr ApiVersion kNewest{1, 55};
constexpr ApiVersion kOldest{1, 30};
/// Bytes of an Engine's own words in our messages.
constexpr std::size_t kLongestMessage = 300;

std::optional<ApiVersion> parse_version(std::string_view text) {
  ApiVersion version;
  const char* const end = std::to_address(text.end());
  const auto major = std::from_chars(std::to_address(text.begin()), end, version.major);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
  if (minor.ec != std::errc{} || minor.ptr != end) return std::nullopt;
  return version;
}

bool says(const HttpResponse& response, std::string_view text) { return response.body.find(text) != std::string::npos; }

/// Somebody else's change came first: an answer, and a common one, although its status is 500.
bool is_conflict(const HttpResponse& response) { return response.status >= 500 && says(response, "update out of sequence"); }

/// A node that is no manager goes on saying so however often it is asked; a mode cannot be changed (501).
ApiVerdict judge(const HttpResponse& response) {
  if (is_conflict(response) || response.status == 501) return ApiVerdict::done;
  if (response.status == 503 && says(response, "not a swarm manager")) return ApiVerdict::done;
  return verdict_by_status(response);
}

std::string filter(const std::vector<std::string>& services) {
  return url_encoded(nlohmann::json{{"service", services}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

/// As Docker wants it: JSON in the base64 of URLs.
std::string encoded(const RegistryLogin& login) {
  const nlohmann::json json = {{"username", login.username}, {"password", login.password}};
  std::string text = base64(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

}  // namespace

std::optional<EngineAddress> parse_engine_host(std::string_view host, bool tls) {
  constexpr std::string_view kUnix = "unix://";
  constexpr std::string_view kTcp = "tcp://";
  if (host.starts_with(kUnix)) {
    const std::string_view path = host.substr(kUnix.size());
    if (!path.starts_with('/')) return std::nullopt;
    return EngineAddress{.url = "http://docker", .unix_socket = std::string(path)};
  }
  if (!host.starts_with(kTcp)) return std::nullopt;
  const std::string_view rest = host.substr(kTcp.size());
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || rest.find_first_of("/@? ") != std::string_view::npos) return std::nullopt;
  const std::string_view digits = rest.substr(colon + 1);
  int port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size() || port < 1 || port > 65535) return std::nullopt;
  return EngineAddress{.url = fmt::format("{}://{}", tls ? "https" : "http", rest), .unix_socket = {}};
}

Engine::Engine(Network& network, std::string name, EngineAddress address, HttpAccess access)
    : name_(std::move(name)),
      address_(std::move(address)),
      access_(std::move(access)),
      client_(network, {.name = name_,
                        .rate_key = "docker " + address_.url + address_.unix_socket,
                        .rate = {.per_second = 100, .burst = 50},
                        .attempts = 3,
                        .first_delay = Duration{200},
                        .longest_delay = Duration{2000},
                        .deadline = Duration{30'000},
                        .judge = judge}) {}

ApiCall Engine::call_for(const std::string& operation, const std::string& path) const {
  ApiCall call{.operation = operation, .http = {}};
  call.http.url = address_.url + path;
  call.http.unix_socket = address_.unix_socket;
  call.http.access = access_;
  call.http.timeout = Duration{15'000};
  return call;
}

/// The Engine refuses what is too new for it (400), so it is asked first.
Result<std::string> Engine::prefix(const std::stop_token& stop) {
  {
    const std::lock_guard lock(mutex_);
    if (!prefix_.empty()) return prefix_;
  }
  ApiCall call = call_for("ping", "/_ping");
  call.repeat = Repeat::safe;
  const Result<HttpResponse> answer = client_.call(call, stop);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status != 200) return std::unexpected(refusal(call, *answer));
  const std::string_view theirs = answer->header("api-version");
  const std::optional<ApiVersion> version = parse_version(theirs);
  if (!version) return failure(ErrorKind::unavailable, client_.message(call, *answer, "no Api-Version: is this a Docker Engine?"));
  if (*version < kOldest) {
    return failure(ErrorKind::invalid, client_.message(call, *answer,
                                                       fmt::format("the Engine's API is {}; weir needs {}.{} or newer", theirs,
                                                                   kOldest.major, kOldest.minor)));
  }
  const ApiVersion agreed = std::min(*version, kNewest);
  const std::lock_guard lock(mutex_);
  prefix_ = fmt::format("/v{}.{}", agreed.major, agreed.minor);
  return prefix_;
}

/// What an answer that is no success means. The Engine may have been replaced by an older or newer one meanwhile.
Error Engine::refusal(const ApiCall& call, const HttpResponse& response) {
  const std::string message = quoted_line(read_message(response.body), kLongestMessage);
  if (response.status == 400 && message.find("client version") != std::string::npos) {
    const std::lock_guard lock(mutex_);
    prefix_.clear();
    return {ErrorKind::unavailable, client_.message(call, response, message + "; the version is agreed upon anew")};
  }
  return {kind_by_status(response.status), client_.message(call, response, message)};
}

Result<HttpResponse> Engine::get(const std::string& operation, const std::string& path, const std::stop_token& stop) {
  const Result<std::string> start = prefix(stop);
  if (!start) return std::unexpected(start.error());
  ApiCall call = call_for(operation, *start + path);
  call.repeat = Repeat::safe;
  Result<HttpResponse> answer = client_.call(call, stop);
  if (answer && answer->status != 200) return std::unexpected(refusal(call, *answer));
  return answer;
}

Result<std::vector<SwarmService>> Engine::services(const std::stop_token& stop) {
  const Result<HttpResponse> answer = get("services.list", "/services", stop);
  if (!answer) return std::unexpected(answer.error());
  Result<std::vector<SwarmService>> services = read_services(answer->body);
  if (!services) services.error().message = name_ + ": " + services.error().message;
  return services;
}

Result<SwarmService> Engine::service(const std::string& name, const std::stop_token& stop) {
  const Result<HttpResponse> answer = get("services.get", "/services/" + url_encoded(name), stop);
  if (!answer) return std::unexpected(answer.error());
  Result<SwarmService> service = read_service(answer->body);
  if (!service) service.error().message = name_ + ": " + service.error().message;
  return service;
}

Result<Engine::Tasks> Engine::tasks(const std::vector<std::string>& services, const std::stop_token& stop) {
  const Result<HttpResponse> answer =
      get("tasks.list", services.empty() ? std::string("/tasks") : "/tasks?filters=" + filter(services), stop);
  if (!answer) return std::unexpected(answer.error());
  Result<std::vector<SwarmTask>> tasks = read_tasks(answer->body);
  if (!tasks) return failure(tasks.error().kind, name_ + ": " + tasks.error().message);
  const TimePoint here = std::chrono::floor<Duration>(std::chrono::system_clock::now());
  return Tasks{.tasks = std::move(*tasks), .at = answered_at(*answer).value_or(here)};
}

Result<SwarmTask> Engine::task(const std::string& id, const std::stop_token& stop) {
  const Result<HttpResponse> answer = get("tasks.get", "/tasks/" + url_encoded(id), stop);
  if (!answer) return std::unexpected(answer.error());
  Result<SwarmTask> task = read_task(answer->body);
  if (!task) task.error().message = name_ + ": " + task.error().message;
  return task;
}

Result<std::vector<SwarmNode>> Engine::nodes(const std::stop_token& stop) {
  const Result<HttpResponse> answer = get("nodes.list", "/nodes", stop);
  if (!answer) return std::unexpected(answer.error());
  Result<std::vector<SwarmNode>> nodes = read_nodes(answer->body);
  if (!nodes) nodes.error().message = name_ + ": " + nodes.error().message;
  return nodes;
}

Result<ServiceUpdate> Engine::update(const SwarmService& service, const std::string& spec, const std::stop_token& stop) {
  const Result<std::string> start = prefix(stop);
  if (!start) return std::unexpected(start.error());
  ApiCall call = call_for("services.update",
                          fmt::format("{}/services/{}/update?version={}", *start, url_encoded(service.id), service.version));
  call.http.method = "POST";
  call.http.content_type = "application/json";
  call.http.body = spec;
  const Result<HttpResponse> answer = client_.call(call, stop);
  if (!answer) {
    if (answer.error().kind == ErrorKind::unavailable) return ServiceUpdate::unknown;
    return std::unexpected(answer.error());
  }
  if (answer->status == 200) return ServiceUpdate::done;
  if (is_conflict(*answer)) return ServiceUpdate::conflict;
  if (answer->status == 501) return failure(ErrorKind::invalid, refusal(call, *answer).message);
  const Error error = refusal(call, *answer);
  // Refused for what we are, not for what we asked: nothing was done, and the same would be refused again.
  if (error.kind == ErrorKind::unavailable && judge(*answer) == ApiVerdict::broken) return ServiceUpdate::unknown;
  return std::unexpected(error);
}

Result<Engine::Creation> Engine::create(const std::string& spec, const std::optional<RegistryLogin>& login,
                                        const std::stop_token& stop) {
  const Result<std::string> start = prefix(stop);
  if (!start) return std::unexpected(start.error());
  ApiCall call = call_for("services.create", *start + "/services/create");
  call.http.method = "POST";
  call.http.content_type = "application/json";
  call.http.body = spec;
  if (login) call.http.access.headers.emplace_back("X-Registry-Auth", encoded(*login));
  const Result<HttpResponse> answer = client_.call(call, stop);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status == 201) return Creation::done;
  if (answer->status == 409) return Creation::name_taken;
  Error error = refusal(call, *answer);
  // What is not found is something that the spec speaks of: a network, a secret.
  if (error.kind == ErrorKind::not_found) error.kind = ErrorKind::invalid;
  return std::unexpected(std::move(error));
}

Result<void> Engine::remove(const std::string& id, const std::stop_token& stop) {
  const Result<std::string> start = prefix(stop);
  if (!start) return std::unexpected(start.error());
  ApiCall call = call_for("services.remove", fmt::format("{}/services/{}", *start, url_encoded(id)));
  call.http.method = "DELETE";
  call.repeat = Repeat::safe;
  const Result<HttpResponse> answer = client_.call(call, stop);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status == 200) return {};
  return std::unexpected(refusal(call, *answer));
}

}  // namespace weir
