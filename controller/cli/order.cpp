#include "controller/cli/order.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "controller/api/writes.h"
#include "controller/cli/assemble.h"
#include "controller/cli/commands.h"
#include "controller/cli/connection.h"
#include "controller/cli/console.h"
#include "controller/cli/deploys.h"
#include "controller/config/values.h"
#include "controller/reconcile/orders.h"
#include "controller/render/json.h"
#include "controller/render/orders.h"
#include "controller/state/sqlite_store.h"
#include "model/version.h"

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

}  // namespace

Result<Order> order_of(const OrderArguments& arguments, TimePoint now) {
  Order order{.kind = arguments.kind, .servers = arguments.servers, .at = now, .by = operator_name()};
  const bool both = arguments.out == arguments.in;
  order.out = both || arguments.out;
  order.in = both || arguments.in;
  order.version = arguments.version;
  for (const Strategy strategy : {Strategy::rolling, Strategy::blue_green, Strategy::canary}) {
    if (to_string(strategy) == arguments.strategy) order.strategy = strategy;
  }
  if (arguments.duration.empty()) return order;
  const auto duration = parse_duration(arguments.duration);
  if (!duration || *duration <= Duration{0}) {
    return failure(ErrorKind::invalid,
                   fmt::format("--for: expected a duration with units, like 90s or 1h30m, found '{}'", arguments.duration));
  }
  order.until = now + *duration;
  return order;
}

Result<const Group*> find_group(const Config& config, const std::string& name) {
  const auto group = std::ranges::find(config.groups, name, &Group::name);
  if (group != config.groups.end()) return &*group;
  std::vector<std::string> names;
  for (const Group& one : config.groups) names.push_back(one.name);
  return failure(ErrorKind::not_found,
                 fmt::format("no group {} in {}; there are: {}", name, config.source.string(), fmt::join(names, ", ")));
}

namespace {

bool is_about_deploys(const Order& order) {
  return order.kind == Order::Kind::deploy || order.kind == Order::Kind::promote || order.kind == Order::Kind::abort;
}

/// What can be told before anybody is asked. How far a deploy is only the controller knows that runs, or the state once nobody
/// else has it; without a state there is none.
Result<void> check_early(const Config& config, const Group& group, const Order& order) {
  std::error_code unreadable;
  const bool open = is_about_deploys(order) && std::filesystem::exists(config.controller.state, unreadable);
  if (open && order.kind == Order::Kind::deploy) return check_version(order.version);
  return open ? Result<void>() : check_order(order, group, {});
}

// ---- to a running controller ----------------------------------------------------------------------------------------------

std::string body_of(const Order& order, const OrderArguments& arguments) {
  nlohmann::json body = {{"by", order.by}};
  if (order.kind == Order::Kind::scale) body["servers"] = order.servers;
  if (order.kind == Order::Kind::pause) body["direction"] = direction_of(order.out, order.in);
  if (order.kind == Order::Kind::deploy) body["version"] = order.version;
  if (order.strategy) body["strategy"] = to_string(*order.strategy);
  if (!arguments.duration.empty()) body["for"] = arguments.duration;
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// `why_not_directly`: why the order is not written down here; empty where nobody thought of that.
Exit tell_controller(const Connection& connection, const OrderArguments& arguments, const Order& order, bool json,
                     const std::string& why_not_directly) {
  HttpClient http;
  HttpRequest request{
      .method = "POST",
      .url = fmt::format("{}/v1/groups/{}{}", connection.url, url_encoded(arguments.group), order_path(arguments.kind)),
      .body = body_of(order, arguments),
      .content_type = "application/json",
      .access = connection.access,
      .timeout = std::chrono::seconds(10)};
  const auto answer = http.fetch(std::move(request));
  const std::string advice = advice_for(connection, answer);
  if (!answer) {
    return complain(fmt::format("nothing was ordered as far as is known: {}{}no controller answers at {}: {}{}", why_not_directly,
                                why_not_directly.empty() ? "" : "; and ", connection.url, answer.error().message, advice));
  }
  if (answer->status != 202) {
    return complain(fmt::format("nothing was ordered: weir at {} refused ({}): {}{}", connection.url, answer->status,
                                detail_of(*answer), advice));
  }
  const std::string taken = fmt::format("{}: {}; the weir that runs acts on it now", arguments.group, order_text(order));
  if (!arguments.wait) {
    print(json ? answer->body : taken);
    return Exit::ok;
  }
  if (!json) print(taken);
  const nlohmann::json told = nlohmann::json::parse(answer->body, nullptr, false);
  const std::string at = told.is_object() ? told.value("at", "") : "";
  return wait_for_deploy(connection, {arguments.group, order.kind, order.version, at}, json);
}

Exit order_elsewhere(const CommonOptions& options, const OrderArguments& arguments) {
  const auto connection = connection_to(options.connection);
  if (!connection) return complain("nothing was ordered: " + connection.error().message);
  const auto order = order_of(arguments, SystemClock().now());
  if (!order) return complain(order.error().message);
  return tell_controller(*connection, arguments, *order, options.json, "");
}

// ---- to the next controller -----------------------------------------------------------------------------------------------

Result<void> write_down(SqliteStore& store, const Group& group, const Order& order) {
  auto memory = store.load(group.name);
  if (!memory) return std::unexpected(memory.error());
  if (auto possible = check_order(order, group, *memory); !possible) return possible;
  const auto kept = store.reader().last(group.name);
  if (!kept) return std::unexpected(kept.error());
  std::optional<StoredRecord> last;
  if (*kept) {
    auto parsed = parse_record((*kept)->json);
    if (!parsed) return std::unexpected(parsed.error());
    last = std::move(*parsed);
  }
  const std::array orders{order};
  obey_orders(orders, group, order.at, *memory);
  memory->deploy_untold |= memory->rollout && memory->rollout->started_at == order.at;
  const Record record = record_of_orders(group.name, {order}, *memory, last ? &last->record : nullptr, order.at);
  return store.save(group.name, *memory, record, Store::Durability::durable);
}

}  // namespace

Exit command_order(const CommonOptions& options, const OrderArguments& arguments) {
  if (!options.connection.url.empty()) return order_elsewhere(options, arguments);
  const ConfigDraft draft = load_draft(options.config, process_environment(), builtin_catalogs());
  for (const ConfigError& error : draft.errors) (void)std::fprintf(stderr, "%s\n", to_string(error).c_str());
  if (!draft.tells_of_the_controller()) return Exit::error;
  const ControllerSettings& controller = draft.config.controller;
  const auto order = order_of(arguments, SystemClock().now());
  if (!order) return complain(order.error().message);
  const bool valid = draft.errors.empty();
  const Result<const Group*> group = find_group(draft.config, arguments.group);
  if (valid && !group) return complain(group.error().message);
  if (valid) {
    if (const auto possible = check_early(draft.config, **group, *order); !possible) return complain(possible.error().message);
  }
  const auto store = SqliteStore::open({.path = controller.state, .retention = {.age = controller.history_retention}});
  // A controller that runs can be told although the file was spoilt since.
  if (!store && store.error().kind == ErrorKind::denied) {
    const auto connection = connection_to(controller, options.connection);
    if (!connection) return complain("nothing was ordered: " + connection.error().message);
    return tell_controller(*connection, arguments, *order, options.json, store.error().message);
  }
  if (!store) return complain("nothing was ordered: " + store.error().message);
  if (!valid) return complain(fmt::format("nothing was ordered: {} is not valid and no controller runs", options.config.string()));
  if (arguments.wait) return complain("nothing was ordered: no controller runs that could be waited for; order it without --wait");
  if (const auto written = write_down(**store, **group, *order); !written)
    return complain("nothing was ordered: " + written.error().message);
  print(options.json
            ? order_json(arguments.group, *order)
            : fmt::format("{}: {}; weir is not running: it will find this when it starts", arguments.group, order_text(*order)));
  return Exit::ok;
}

}  // namespace weir
