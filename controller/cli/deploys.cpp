#include "controller/cli/deploys.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "controller/cli/assemble.h"
#include "controller/cli/console.h"
#include "controller/cli/look.h"
#include "controller/cli/order.h"
#include "controller/cli/questions.h"
#include "controller/reconcile/orders.h"
#include "controller/render/deploys.h"
#include "controller/render/table.h"
#include "controller/simulate/deploy_plan.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

/// A controller that does not answer for so long is taken for gone; a restart takes less.
constexpr std::chrono::minutes kLongestQuiet = 2min;

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// Follows one deploy through the answers of GET …/deploys/current. Times are compared as they are written: they are all alike.
class Follower {
 public:
  explicit Follower(const TakenDeploy& taken) : taken_(taken) {}

  enum class Verdict { not_yet, under_way, as_ordered, otherwise, replaced };
  Verdict look(const json& deploy) {
    if (!is_it(deploy)) return is_later(deploy) ? Verdict::replaced : Verdict::not_yet;
    started_at_ = text_of(deploy, "started_at");
    if (text_of(deploy, "end") == "none") return Verdict::under_way;
    return text_of(deploy, "end") == wanted(deploy) ? Verdict::as_ordered : Verdict::otherwise;
  }

 private:
  [[nodiscard]] bool is_it(const json& deploy) const {
    const std::string started = text_of(deploy, "started_at");
    if (!started_at_.empty()) return started == started_at_;
    if (taken_.kind == Order::Kind::deploy) return is_way_back(deploy) || started == taken_.at;
    const std::string ended = text_of(deploy, "ended_at");
    return ended.empty() || ended >= taken_.at;
  }
  /// The order was for the version that a deploy under way had come from.
  [[nodiscard]] bool is_way_back(const json& deploy) const {
    const std::string ended = text_of(deploy, "ended_at");
    return taken_.kind == Order::Kind::deploy && text_of(deploy, "started_at") != taken_.at &&
           text_of(deploy, "direction") == "back" && text_of(deploy, "from") == taken_.version &&
           (ended.empty() || ended >= taken_.at);
  }
  [[nodiscard]] bool is_later(const json& deploy) const {
    return text_of(deploy, "started_at") > (started_at_.empty() ? taken_.at : started_at_);
  }
  [[nodiscard]] std::string_view wanted(const json& deploy) const {
    const bool back = taken_.kind == Order::Kind::abort || is_way_back(deploy);
    return to_string(back ? Rollout::End::went_back : Rollout::End::done);
  }

  const TakenDeploy& taken_;
  std::string started_at_;
};

/// What it does now, in a line that changes only with that.
std::string progress_line(const std::string& group, const json& deploy) {
  const bool back = text_of(deploy, "direction") == "back";
  const std::string goal = text_of(deploy, back ? "from" : "version");
  int serving = 0;
  int others = 0;
  for (const json& count : deploy.value("servers", json::array())) {
    (text_of(count, "version") == goal ? serving : others) += count.value("in_service", 0);
  }
  const std::string why = back ? " (" + text_of(deploy, "why_back") + ")" : "";
  const std::string waits = text_of(deploy, "waits");
  return printable(fmt::format("{}: {} to {}{}: {} servers of it in service, {} others{}{}", group,
                               back ? "going back" : "going on", goal, why, serving, others,
                               waits.empty() ? "" : ", waits: ", waits));
}

/// How it ended, for people.
std::string ending(const json& deploy, Follower::Verdict verdict) {
  const std::string version = text_of(deploy, "version");
  if (verdict == Follower::Verdict::replaced) return fmt::format("the deploy of {} took its place", version);
  if (text_of(deploy, "end") == "done") return fmt::format("the deploy of {} is done", version);
  return fmt::format("the deploy of {} went back to {}: {}", version, text_of(deploy, "from"), text_of(deploy, "why_back"));
}

Exit tell_end(const std::string& group, const json& deploy, Follower::Verdict verdict, bool as_json) {
  const std::string text = printable(fmt::format("{}: {}", group, ending(deploy, verdict)));
  if (as_json) print(deploy.dump());
  if (verdict != Follower::Verdict::as_ordered) return complain(text);
  if (!as_json) print(text);
  return Exit::ok;
}

}  // namespace

std::string address_of(const Listen& listen) {
  if (listen.host == "0.0.0.0") return fmt::format("127.0.0.1:{}", listen.port);
  if (listen.host == "::") return fmt::format("[::1]:{}", listen.port);
  return listen.host.contains(':') ? fmt::format("[{}]:{}", listen.host, listen.port)
                                   : fmt::format("{}:{}", listen.host, listen.port);
}

std::string detail_of(const HttpResponse& response) {
  const json problem = json::parse(response.body, nullptr, false);
  if (problem.is_object() && problem.contains("detail") && problem["detail"].is_string()) return problem["detail"];
  return fmt::format("HTTP {}", response.status);
}

Exit wait_for_deploy(const Connection& connection, const TakenDeploy& taken, bool as_json) {
  HttpClient http;
  const std::string path = fmt::format("/v1/groups/{}/deploys/current", url_encoded(taken.group));
  Follower follower(taken);
  std::string told;
  std::string trouble = "it has not begun";
  auto heard_at = std::chrono::steady_clock::now();
  for (;;) {
    const auto answer = get_from(http, connection, path);
    if (!answer) trouble = answer.error().message;
    const json deploy = answer ? json::parse(*answer, nullptr, false) : json();
    if (deploy.is_object()) {
      const Follower::Verdict verdict = follower.look(deploy);
      const bool over = verdict != Follower::Verdict::not_yet && verdict != Follower::Verdict::under_way;
      if (over) return tell_end(taken.group, deploy, verdict, as_json);
      if (verdict == Follower::Verdict::under_way) {
        heard_at = std::chrono::steady_clock::now();
        std::string now = progress_line(taken.group, deploy);
        if (now != told) (void)std::fprintf(stderr, "%s\n", now.c_str());
        told = std::move(now);
      }
    }
    if (std::chrono::steady_clock::now() - heard_at > kLongestQuiet)
      return complain(fmt::format("{}: what became of the deploy is not known: {}", taken.group, trouble));
    std::this_thread::sleep_for(1s);
  }
}

namespace {

Exit deploy_status_elsewhere(const CommonOptions& options, const std::string& group) {
  const auto connection = connection_to(options.connection);
  if (!connection) return complain(connection.error().message);
  HttpClient http;
  const auto deploy = get_from(http, *connection, fmt::format("/v1/groups/{}/deploys/current", url_encoded(group)));
  if (!deploy) return complain(deploy.error().message);
  if (options.json) return print(*deploy), Exit::ok;
  const json told = json::parse(*deploy, nullptr, false);
  if (!told.is_object()) return complain(fmt::format("weir at {} answers no deploy", connection->url));
  const bool over = text_of(told, "end") != "none";
  print(over ? printable(fmt::format("{}: {}", group, ending(told, Follower::Verdict::as_ordered))) : progress_line(group, told));
  return Exit::ok;
}

}  // namespace

Exit command_deploy_status(const CommonOptions& options, const std::string& group) {
  if (!options.connection.url.empty()) return deploy_status_elsewhere(options, group);
  const auto config = load_for_questions(options);
  if (!config) return Exit::error;
  const auto reader = reader_for(*config, group);
  if (!reader && reader.error().kind != ErrorKind::not_found) return complain(reader.error().message);
  const auto configured = std::ranges::find(config->groups, group, &Group::name);
  if (configured == config->groups.end()) return complain(reader.error().message);
  const auto status = status_on_disk(reader ? reader->get() : nullptr, *configured);
  if (!status) return complain(status.error().message);
  if (!status->rollout) return complain(fmt::format("group {} has had no deploy", group));
  print(options.json ? deploy_json(*status) : deploy_status_text(*status, SystemClock().now()));
  return Exit::ok;
}

Exit command_deploy_plan(const CommonOptions& options, const OrderArguments& arguments) {
  const auto config = load_or_complain(options.config);
  if (!config) return Exit::error;
  const auto group = find_group(*config, arguments.group);
  if (!group) return complain(group.error().message);
  const auto order = order_of(arguments, SystemClock().now());
  if (!order) return complain(order.error().message);
  const auto memory_of = memory_on_disk(*config);
  const auto memory = memory_of(arguments.group);
  if (!memory) return complain(memory.error().message);
  // Before the world is asked: that takes a while, and most refusals need nothing of it.
  if (const auto possible = check_order(*order, **group, *memory); !possible) return complain(possible.error().message);
  Outside outside;
  auto assembly = assemble(*config, outside);
  if (!assembly) return complain(assembly.error().message);
  const std::vector<std::string> groups = {arguments.group};
  const auto looks = look(**assembly, outside, groups, memory_of);
  if (!looks) return complain(looks.error().message);
  const Look& now = looks->front();
  if (!now.plan.servers_detail.empty()) {
    return complain(fmt::format("the servers of group {} are not known, so nothing can be said of a deploy: {}", arguments.group,
                                now.plan.servers_detail));
  }
  if (const auto possible = check_order(*order, now.managed->group, now.turn.memory); !possible)
    return complain(possible.error().message);
  const DeployPlan plan = plan_deploy(now.managed->group, now.managed->policies, now.turn, *order);
  print(options.json ? deploy_plan_json(plan) : deploy_plan_text(plan, colour_for_output()));
  return Exit::ok;
}

}  // namespace weir
