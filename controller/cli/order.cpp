#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "controller/cli/assemble.h"
#include "controller/cli/commands.h"
#include "controller/cli/console.h"
#include "controller/config/values.h"
#include "controller/reconcile/orders.h"
#include "controller/render/json.h"
#include "controller/render/orders.h"
#include "controller/state/sqlite_store.h"

namespace weir {
namespace {

/// Who gives the order, for the record: the person behind sudo rather than root.
std::string operator_name() {
  const char* behind = std::getenv("SUDO_USER");
  if (behind != nullptr && *behind != '\0') return behind;
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  const bool known = ::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr;
  return known ? found->pw_name : fmt::format("uid {}", ::getuid());
}

/// What was typed, as an order given now.
Result<Order> order_of(const OrderArguments& arguments, TimePoint now) {
  Order order{.kind = arguments.kind, .servers = arguments.servers, .at = now, .by = operator_name()};
  const bool both = arguments.out == arguments.in;
  order.out = both || arguments.out;
  order.in = both || arguments.in;
  if (arguments.duration.empty()) return order;
  const auto duration = parse_duration(arguments.duration);
  if (!duration || *duration <= Duration{0}) {
    return failure(ErrorKind::invalid,
                   fmt::format("--for: expected a duration with units, like 90s or 1h30m, found '{}'", arguments.duration));
  }
  order.until = now + *duration;
  return order;
}

Result<void> check_group(const Config& config, const OrderArguments& arguments, const Order& order) {
  const auto group = std::ranges::find(config.groups, arguments.group, &Group::name);
  if (group != config.groups.end()) return check_order(order, *group);
  std::vector<std::string> names;
  for (const Group& one : config.groups) names.push_back(one.name);
  return failure(ErrorKind::not_found,
                 fmt::format("no group {} in {}; there are: {}", arguments.group, config.source.string(), fmt::join(names, ", ")));
}

// ---- to a running controller ----------------------------------------------------------------------------------------------

std::string body_of(const Order& order, const OrderArguments& arguments) {
  nlohmann::json body = {{"by", order.by}};
  if (order.kind == Order::Kind::scale) body["servers"] = order.servers;
  if (order.kind == Order::Kind::pause) body["direction"] = direction_of(order.out, order.in);
  if (!arguments.duration.empty()) body["for"] = arguments.duration;
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Where a controller that listens there can be reached from this machine.
std::string address_of(const Listen& listen) {
  if (listen.host == "0.0.0.0") return fmt::format("127.0.0.1:{}", listen.port);
  if (listen.host == "::") return fmt::format("[::1]:{}", listen.port);
  return listen.host.contains(':') ? fmt::format("[{}]:{}", listen.host, listen.port)
                                   : fmt::format("{}:{}", listen.host, listen.port);
}

/// What a problem document says, or else the answer as it came.
std::string detail_of(const HttpResponse& response) {
  const nlohmann::json problem = nlohmann::json::parse(response.body, nullptr, false);
  if (problem.is_object() && problem.contains("detail") && problem["detail"].is_string()) return problem["detail"];
  return fmt::format("HTTP {}", response.status);
}

Exit tell_controller(const ControllerSettings& controller, const OrderArguments& arguments, const Order& order, bool json,
                     const std::string& why_not_directly) {
  const std::string address = address_of(controller.listen);
  HttpClient http;
  HttpRequest request{
      .method = "POST",
      .url = fmt::format("http://{}/v1/groups/{}/{}", address, url_encoded(arguments.group), to_string(arguments.kind)),
      .body = body_of(order, arguments),
      .content_type = "application/json",
      .access = {.bearer_token = controller.token},
      .timeout = std::chrono::seconds(10)};
  const auto answer = http.fetch(std::move(request));
  if (!answer) {
    return complain(fmt::format("nothing was ordered: {}; and no controller answers at {}: {}", why_not_directly, address,
                                answer.error().message));
  }
  if (answer->status != 202) {
    return complain(fmt::format("nothing was ordered: weir at {} refused ({}): {}", address, answer->status, detail_of(*answer)));
  }
  print(json ? answer->body : fmt::format("{}: {}; the weir that runs acts on it now", arguments.group, order_text(order)));
  return Exit::ok;
}

// ---- to the next controller -----------------------------------------------------------------------------------------------

Result<void> write_down(SqliteStore& store, const std::string& group, const Order& order) {
  auto memory = store.load(group);
  if (!memory) return std::unexpected(memory.error());
  const auto kept = store.reader().last(group);
  if (!kept) return std::unexpected(kept.error());
  std::optional<StoredRecord> last;
  if (*kept) {
    auto parsed = parse_record((*kept)->json);
    if (!parsed) return std::unexpected(parsed.error());
    last = std::move(*parsed);
  }
  const std::array orders{order};
  obey_orders(orders, order.at, *memory);
  const Record record = record_of_orders(group, {order}, *memory, last ? &last->record : nullptr, order.at);
  return store.save(group, *memory, record, Store::Durability::durable);
}

}  // namespace

Exit command_order(const CommonOptions& options, const OrderArguments& arguments) {
  const ConfigDraft draft = load_draft(options.config, process_environment(), builtin_catalogs());
  for (const ConfigError& error : draft.errors) (void)std::fprintf(stderr, "%s\n", to_string(error).c_str());
  if (!draft.tells_of_the_controller()) return Exit::error;
  const ControllerSettings& controller = draft.config.controller;
  const auto order = order_of(arguments, SystemClock().now());
  if (!order) return complain(order.error().message);
  const bool valid = draft.errors.empty();
  if (valid) {
    if (const auto possible = check_group(draft.config, arguments, *order); !possible) return complain(possible.error().message);
  }
  const auto store = SqliteStore::open({.path = controller.state, .retention = {.age = controller.history_retention}});
  // A controller that runs can be told although the file was spoilt since.
  if (!store && store.error().kind == ErrorKind::denied)
    return tell_controller(controller, arguments, *order, options.json, store.error().message);
  if (!store) return complain("nothing was ordered: " + store.error().message);
  if (!valid) return complain(fmt::format("nothing was ordered: {} is not valid and no controller runs", options.config.string()));
  if (const auto written = write_down(**store, arguments.group, *order); !written)
    return complain("nothing was ordered: " + written.error().message);
  print(options.json
            ? order_json(arguments.group, *order)
            : fmt::format("{}: {}; weir is not running: it will find this when it starts", arguments.group, order_text(*order)));
  return Exit::ok;
}

}  // namespace weir
