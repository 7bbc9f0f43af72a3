#include "providers/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "model/text.h"

namespace weir::protocol {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr std::size_t kLongestMessage = 500;
constexpr std::size_t kLongestText = 1000;
constexpr double kLatest = 253'402'300'800;  // the year 10000

/// Its braces off: the members of an object.
std::string members_of(const OrderedJson& object) {
  // Whatever bytes a text has, the line must be JSON.
  const std::string text = object.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  return text.substr(1, text.size() - 2);
}

/// What the configuration passes through.
OrderedJson rest_of(const Settings& settings) {
  OrderedJson rest = OrderedJson::parse(settings.has(kRestKey) ? settings.text(kRestKey) : "{}", nullptr, false);
  return rest.is_discarded() ? OrderedJson::object() : rest;
}

OrderedJson group_json(const Group& group) {
  return {
      {"name", group.name}, {"version", group.version}, {"min", group.min}, {"max", group.max}, {"server", rest_of(group.server)}};
}

std::unexpected<Error> unusable(const std::string& why) {
  return failure(ErrorKind::unavailable, fmt::format("the answer cannot be used: {}", why));
}

/// Anything but a short text without control characters is refused.
std::optional<std::string> plain_text(const Json& value) {
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  const bool plain = std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  return plain && text.size() <= kLongestText ? std::optional(text) : std::nullopt;
}

std::optional<ErrorKind> kind_named(std::string_view name) {
  if (name == "invalid") return ErrorKind::invalid;
  if (name == "not_found") return ErrorKind::not_found;
  if (name == "out_of_capacity") return ErrorKind::out_of_capacity;
  if (name == "denied") return ErrorKind::denied;
  return name == "unavailable" ? std::optional(ErrorKind::unavailable) : std::nullopt;
}

/// The error an answer tells of, if it does.
std::optional<Error> error_in(const Json& answer) {
  const auto error = answer.find("error");
  if (error == answer.end()) return std::nullopt;
  const Json nothing;
  const auto member = [&](const char* name) -> const Json& {
    return error->is_object() && error->contains(name) ? error->at(name) : nothing;
  };
  const std::string name = member("kind").is_string() ? member("kind").get<std::string>() : "";
  const std::string message = member("message").is_string() ? member("message").get<std::string>() : "it gives no reason";
  const auto kind = kind_named(name);
  const std::string unknown = kind ? "" : fmt::format(" (an error of the unknown kind '{}')", quoted_line(name, kLongestMessage));
  return Error{kind.value_or(ErrorKind::unavailable), quoted_line(message, kLongestMessage) + unknown};
}

/// Fills in a server member by member; the first that is wrong is remembered.
class ServerReader {
 public:
  explicit ServerReader(const Json& json) : json_(json) {}

  void text(const char* name, std::string& into) {
    const Json* value = member(name);
    if (value == nullptr) return;
    if (auto text = plain_text(*value)) {
      into = *std::move(text);
    } else {
      complain(name, "is not a text of one line");
    }
  }

  std::optional<TimePoint> time(const char* name) {
    const Json* value = member(name);
    if (value == nullptr) return std::nullopt;
    const bool usable = value->is_number() && value->get<double>() >= 0 && value->get<double>() < kLatest;
    if (usable) return TimePoint(Duration(std::llround(value->get<double>() * 1000)));
    complain(name, "is not a number of seconds since 1970");
    return std::nullopt;
  }

  void phase(Phase& into) {
    std::string name = "warming";
    text("phase", name);
    if (name == "pending") into = Phase::pending;
    if (name == "warming") into = Phase::warming;
    if (name == "terminating") into = Phase::terminating;
    const bool known = name == "pending" || name == "warming" || name == "terminating";
    if (!known) complain("phase", "is neither pending, warming nor terminating");
  }

  void failure_cause(FailureCause& into) {
    std::string name = "program";
    text("failure_cause", name);
    if (name == "platform") into = FailureCause::platform;
    if (name != "program" && name != "platform") complain("failure_cause", "is neither program nor platform");
  }

  void complain(std::string_view name, std::string_view what) {
    if (complaint_.empty()) complaint_ = fmt::format("a server's '{}' {}", name, what);
  }
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  /// An absent one and null are the same.
  [[nodiscard]] const Json* member(const char* name) const {
    const auto found = json_.find(name);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }

  const Json& json_;
  std::string complaint_;
};

Result<Server> server_from(const Json& json) {
  if (!json.is_object()) return unusable("a server is not an object");
  Server server;
  ServerReader reader(json);
  reader.text("id", server.id);
  reader.text("group", server.group);
  reader.text("token", server.token);
  reader.text("address", server.address);
  reader.text("version", server.version);
  reader.text("failure", server.failure);
  reader.failure_cause(server.failure_cause);
  reader.text("protection", server.protection);
  reader.phase(server.phase);
  server.launched_at = reader.time("launched_at").value_or(TimePoint{});
  server.paid_until = reader.time("paid_until");
  if (server.id.empty()) reader.complain("id", "is missing");
  if (!reader.complaint().empty()) return unusable(reader.complaint());
  return server;
}

}  // namespace

std::string hello_members(const ProviderContext& context, const Settings& provider) {
  return members_of({{"verb", "hello"},
                     {"protocol", kVersion},
                     {"provider", context.name},
                     {"state_directory", context.state_directory.string()},
                     {"settings", rest_of(provider)}});
}

std::string list_members(std::span<const Group* const> groups) {
  OrderedJson all = OrderedJson::array();
  for (const Group* group : groups) all.push_back(group_json(*group));
  return members_of({{"verb", "list"}, {"groups", std::move(all)}});
}

std::string launch_members(const LaunchRequest& request) {
  return members_of(
      {{"verb", "launch"}, {"token", request.token}, {"version", request.version}, {"group", group_json(request.group)}});
}

std::string terminate_members(const Group& group, const std::string& server) {
  return members_of({{"verb", "terminate"}, {"server", server}, {"group", group_json(group)}});
}

Result<std::vector<Server>> servers_from(const Json& answer) {
  if (auto error = error_in(answer)) {
    // A list is complete or it is not to be had.
    const bool permanent = error->kind == ErrorKind::denied || error->kind == ErrorKind::invalid;
    return failure(permanent ? error->kind : ErrorKind::unavailable, error->message);
  }
  const auto list = answer.find("servers");
  if (list == answer.end() || !list->is_array()) return unusable("it has no list of 'servers'");
  std::vector<Server> servers;
  for (const Json& each : *list) {
    Result<Server> server = server_from(each);
    if (!server) return std::unexpected(server.error());
    if (server->group.empty()) return unusable(fmt::format("server {} has no 'group'", server->id));
    servers.push_back(*std::move(server));
  }
  std::ranges::sort(servers, {}, &Server::id);
  const auto twice = std::ranges::adjacent_find(servers, {}, &Server::id);
  if (twice != servers.end()) return unusable(fmt::format("it lists server {} twice", twice->id));
  return servers;
}

Result<Server> launched_from(const Json& answer, const LaunchRequest& request) {
  if (auto error = error_in(answer)) {
    // That something it needs does not exist will not change by asking again.
    return failure(error->kind == ErrorKind::not_found ? ErrorKind::invalid : error->kind, error->message);
  }
  const auto json = answer.find("server");
  if (json == answer.end()) return unusable("it has no 'server'");
  Result<Server> server = server_from(*json);
  if (!server) return server;
  if (server->token.empty()) server->token = request.token;
  if (server->group.empty()) server->group = request.group.name;
  if (server->version.empty()) server->version = request.version;
  if (server->token != request.token) return unusable(fmt::format("server {} has the token of another launch", server->id));
  if (server->group != request.group.name) return unusable(fmt::format("server {} is of another group", server->id));
  return server;
}

Result<void> terminated_from(const Json& answer) {
  auto error = error_in(answer);
  if (!error || error->kind == ErrorKind::not_found) return {};
  return std::unexpected(*std::move(error));
}

}  // namespace weir::protocol
