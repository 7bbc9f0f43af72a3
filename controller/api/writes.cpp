#include "controller/api/writes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "controller/api/access.h"
#include "controller/config/values.h"
#include "controller/render/orders.h"
#include "model/limits.h"
#include "model/version.h"

namespace weir {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestName = 100;
constexpr std::size_t kLongestQuote = 60;
constexpr std::string_view kNobody = "api";
constexpr std::array kOrderKinds{Order::Kind::scale,  Order::Kind::pause,   Order::Kind::resume,
                                 Order::Kind::deploy, Order::Kind::promote, Order::Kind::abort};

/// What was found instead, short enough for a message.
std::string found(const json& value) {
  // However deep it is.
  if (value.is_structured()) return fmt::format("an {}", value.type_name());
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > kLongestQuote) text = text.substr(0, kLongestQuote) + "…";
  return text;
}

std::unexpected<Error> expected(std::string_view field, std::string_view what, const json& value) {
  return failure(ErrorKind::invalid, fmt::format("{}: expected {}, found {}", field, what, found(value)));
}

std::vector<std::string_view> fields_of(Order::Kind kind) {
  switch (kind) {
    case Order::Kind::scale:
      return {"servers", "for", "by"};
    case Order::Kind::pause:
      return {"direction", "for", "by"};
    case Order::Kind::deploy:
      return {"version", "strategy", "by"};
    case Order::Kind::resume:
    case Order::Kind::promote:
    case Order::Kind::abort:
      return {"by"};
  }
  std::abort();
}

Result<void> check_fields(const json& body, Order::Kind kind) {
  const std::vector<std::string_view> known = fields_of(kind);
  for (const auto& [name, value] : body.items()) {
    if (std::ranges::find(known, name) != known.end()) continue;
    const std::string_view close = nearest(name, known);
    const std::string advice = close.empty() ? "" : fmt::format("did you mean '{}'? ", close);
    return failure(ErrorKind::invalid,
                   fmt::format("{}: unknown field; {}{} takes {}", found(name), advice, to_string(kind), fmt::join(known, ", ")));
  }
  return {};
}

Result<void> read_servers(const json& body, Order& order) {
  const std::string what = fmt::format("a whole number from 0 to {}", kMostServers);
  if (!body.contains("servers")) return failure(ErrorKind::invalid, fmt::format("servers: missing; expected {}", what));
  const json& value = body["servers"];
  const bool whole = value.is_number_unsigned() && value.get<std::uint64_t>() <= kMostServers;
  if (!whole) return expected("servers", what, value);
  order.servers = value.get<int>();
  return {};
}

Result<void> read_direction(const json& body, Order& order) {
  if (!body.contains("direction")) return {};
  const json& value = body["direction"];
  const std::string word = value.is_string() ? value.get<std::string>() : "";
  if (word != "out" && word != "in" && word != "both") return expected("direction", "out, in or both", value);
  order.out = word != "in";
  order.in = word != "out";
  return {};
}

Result<void> read_version(const json& body, Order& order) {
  constexpr std::string_view what = "a text, like v2";
  if (!body.contains("version")) return failure(ErrorKind::invalid, fmt::format("version: missing; expected {}", what));
  const json& value = body["version"];
  if (!value.is_string()) return expected("version", what, value);
  order.version = value.get<std::string>();
  return check_version(order.version);
}

Result<void> read_strategy(const json& body, Order& order) {
  if (!body.contains("strategy")) return {};
  const json& value = body["strategy"];
  for (const Strategy strategy : {Strategy::rolling, Strategy::blue_green, Strategy::canary}) {
    if (value == to_string(strategy)) order.strategy = strategy;
  }
  return order.strategy ? Result<void>() : expected("strategy", "rolling, blue_green or canary", value);
}

Result<void> read_for(const json& body, Order& order) {
  constexpr std::string_view what = "a duration with units, like 90s or 1h30m";
  if (!body.contains("for")) return {};
  const json& value = body["for"];
  const auto duration = value.is_string() ? parse_duration(value.get_ref<const std::string&>()) : Parsed<Duration>(Duration{0});
  if (!duration || *duration <= Duration{0}) return expected("for", what, value);
  order.until = order.at + *duration;
  return {};
}

Result<void> read_by(const json& body, Order& order) {
  order.by = kNobody;
  if (!body.contains("by")) return {};
  const json& value = body["by"];
  const std::string name = value.is_string() ? value.get<std::string>() : "";
  const bool printable = std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (name.empty() || name.size() > kLongestName || !printable)
    return expected("by", "a name of 1 to 100 bytes without control characters", value);
  order.by = name;
  return {};
}

int status_of(ErrorKind kind) {
  if (kind == ErrorKind::not_found) return 404;
  return kind == ErrorKind::invalid ? 409 : 503;
}

std::string why_refused(int status) {
  if (status == 403) return "no token is configured, or one was shown that may only read";
  return status == 429 ? "too many wrong tokens were shown" : "no token or a wrong one was shown";
}

/// One order on its way to its answer.
struct Taking {
  ApiWrite write;
  ApiControl& control;
  ApiReply reply;

  void answer(ApiResponse response, std::string refusal) {
    write.status = response.status;
    write.refusal = std::move(refusal);
    control.written(write);
    reply(std::move(response));
  }
};

}  // namespace

std::string_view order_path(Order::Kind kind) {
  switch (kind) {
    case Order::Kind::scale:
      return "/scale";
    case Order::Kind::pause:
      return "/pause";
    case Order::Kind::resume:
      return "/resume";
    case Order::Kind::deploy:
      return "/deploys";
    case Order::Kind::promote:
      return "/deploys/current/promote";
    case Order::Kind::abort:
      return "/deploys/current/abort";
  }
  std::abort();
}

std::optional<Order::Kind> order_at(std::string_view path) {
  const auto found = std::ranges::find(kOrderKinds, path, order_path);
  return found == kOrderKinds.end() ? std::nullopt : std::optional(*found);
}

Result<Order> parse_order(Order::Kind kind, std::string_view body, TimePoint now) {
  const json parsed = body.empty() ? json::object() : json::parse(body, nullptr, false);
  if (!parsed.is_object()) {
    return failure(ErrorKind::invalid, fmt::format("the body: expected a JSON object with {}", fmt::join(fields_of(kind), ", ")));
  }
  Order order{.kind = kind, .at = now};
  Result<void> read = check_fields(parsed, kind);
  if (read && kind == Order::Kind::scale) read = read_servers(parsed, order);
  if (read && kind == Order::Kind::pause) read = read_direction(parsed, order);
  if (read && kind == Order::Kind::deploy) read = read_version(parsed, order);
  if (read && kind == Order::Kind::deploy) read = read_strategy(parsed, order);
  if (read) read = read_for(parsed, order);
  if (read) read = read_by(parsed, order);
  if (!read) return std::unexpected(read.error());
  return order;
}

void take_order(const ApiRequest& request, const std::string& group, Order::Kind kind, ApiControl& control, const ApiReply& reply) {
  auto taking = std::make_shared<Taking>(ApiWrite{.what = std::string(to_string(kind)),
                                                  .group = group,
                                                  .remote = request.remote,
                                                  .token = {},
                                                  .by = {},
                                                  .order = {},
                                                  .refusal = {}},
                                         control, reply);
  auto token = allowed(request, ApiRole::operate, control);
  if (!token) {
    const std::string why = why_refused(token.error().status);
    return taking->answer(std::move(token.error()), why);
  }
  taking->write.token = *token;
  Result<Order> order = parse_order(kind, request.body, control.now());
  if (!order) return taking->answer(problem(400, order.error().message), order.error().message);
  order->token = *token;
  order->from = request.remote;
  taking->write.by = order->by;
  taking->write.order = order_text(*order);
  control.order(group, *order, [taking, order = *order](const Result<void>& taken) {
    if (!taken) return taking->answer(problem(status_of(taken.error().kind), taken.error().message), taken.error().message);
    taking->answer({202, "application/json", order_json(taking->write.group, order), {}}, {});
  });
}

}  // namespace weir
