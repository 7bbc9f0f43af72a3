#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "controller/api/routes.h"
#include "controller/render/json.h"
#include "controller/render/series.h"
#include "tests/render/examples.h"

namespace weir {

/// Two groups: `app`, in which everything happened, and `fresh`, which had no turn yet.
class FakeApiData final : public ApiData {
 public:
  FakeApiData() {
    GroupStatus app;
    app.name = "app";
    app.provider = "icn";
    app.version = "v1";
    app.min = 2;
    app.max = 10;
    app.desired = 4;
    app.servers = full_record().servers;
    app.last_turn = full_record().at;
    app.last_change = full_record().at;
    app.manual.hold = Manual::Hold{4, full_record().at, "ops"};
    app.manual.pause = Manual::Pause{true, false, full_record().at, "ops"};
    app.rollout = full_rollout();
    app.spend = Spend{0.25, 12.5, 100, "EUR"};
    app.why = "votes: cpu-high wants 4";
    GroupStatus fresh;
    fresh.name = "fresh";
    statuses_ = {std::make_shared<GroupStatus>(app), std::make_shared<GroupStatus>(fresh)};
  }

  [[nodiscard]] std::vector<std::shared_ptr<const GroupStatus>> groups() const override { return statuses_; }
  [[nodiscard]] std::shared_ptr<const GroupStatus> group(const std::string& name) const override {
    for (const auto& status : statuses_) {
      if (status->name == name) return status;
    }
    return nullptr;
  }
  [[nodiscard]] Result<std::vector<std::string>> decisions(const std::string& group, const TurnsAsked& turns) const override {
    if (disk_trouble) return failure(ErrorKind::unavailable, "state /x: disk I/O error");
    asked = turns;
    if (group != "app") return std::vector<std::string>{};
    return std::vector{numbered_json(record_json(full_record()), 8), numbered_json(record_json(ordered_record()), 7)};
  }
  [[nodiscard]] Result<std::string> series(const std::string& group, TimePoint since) const override {
    if (disk_trouble) return failure(ErrorKind::unavailable, "state /x: disk I/O error");
    asked_since = since;
    Series series(group);
    if (group == "app") series.add(full_record(), Price{0.25, "EUR"});
    return series.json();
  }
  [[nodiscard]] std::optional<std::string> plan(const std::string& group) const override {
    GroupPlan plans[] = {full_plan()};
    plans[0].rollout = full_rollout();
    return group == "app" ? std::optional(plans_json(plans)) : std::nullopt;
  }
  [[nodiscard]] std::string metrics() const override { return "weir_min 2\n"; }
  [[nodiscard]] Result<void> alive() const override { return alive_state; }
  [[nodiscard]] Result<void> ready() const override { return ready_state; }

  bool disk_trouble = false;
  Result<void> alive_state;
  Result<void> ready_state;
  mutable TurnsAsked asked;
  mutable TimePoint asked_since;

 private:
  /// A turn that was given one order of each kind.
  static Record ordered_record() {
    Record record{.group = "app"};
    record.orders = {{.kind = Order::Kind::scale, .servers = 4, .until = full_record().at, .at = full_record().at, .by = "ops"},
                     {.kind = Order::Kind::pause, .at = full_record().at},
                     {.kind = Order::Kind::resume, .at = full_record().at},
                     {.kind = Order::Kind::deploy, .version = "v2", .strategy = Strategy::canary, .at = full_record().at},
                     {.kind = Order::Kind::promote, .at = full_record().at},
                     {.kind = Order::Kind::abort, .at = full_record().at}};
    record.rollout = full_rollout();
    return record;
  }
  std::vector<std::shared_ptr<const GroupStatus>> statuses_;
};

/// Takes orders for `app`, which has 2 to 10 servers of v1, and remembers what it was told.
class FakeControl final : public ApiControl {
 public:
  [[nodiscard]] std::shared_ptr<const ApiAccess> access() const override {
    auto access = std::make_shared<ApiAccess>();
    access->reading_is_open = reading_is_open;
    if (!secret.empty()) access->tokens.push_back({"token", ApiRole::operate, secret});
    if (!read_secret.empty()) access->tokens.push_back({"grafana", ApiRole::read, read_secret});
    return access;
  }
  [[nodiscard]] std::optional<Duration> admit(const std::string& /*remote*/) override { return ask_later; }
  [[nodiscard]] std::optional<Duration> wrong_token(const std::string& remote) override {
    const std::lock_guard lock(mutex_);
    wrong_tokens.push_back(remote);
    return guess_later;
  }
  [[nodiscard]] TimePoint now() const override { return full_record().at; }
  void order(const std::string& group, const Order& order, Ordered ordered) override { ordered(take(group, order)); }
  [[nodiscard]] Result<void> take(const std::string& group, const Order& order) {
    const std::lock_guard lock(mutex_);
    if (broken_disk) return failure(ErrorKind::unavailable, "the order was not accepted, because it cannot be saved: disk full");
    if (busy) return failure(ErrorKind::unavailable, "weir reads its configuration");
    if (group != "app") return failure(ErrorKind::not_found, "there is no group " + group);
    const bool fits = order.kind != Order::Kind::scale || (order.servers >= 2 && order.servers <= 10);
    if (!fits) return failure(ErrorKind::invalid, "group app has at least 2 and at most 10 servers");
    if (order.version == "v1") return failure(ErrorKind::invalid, "group app runs v1 already");
    if (deployless && order.kind != Order::Kind::deploy) return failure(ErrorKind::invalid, "no deploy is under way in group app");
    taken.push_back(order);
    return {};
  }
  void written(const ApiWrite& write) override {
    const std::lock_guard lock(mutex_);
    writes.push_back(write);
  }

  std::string secret = "hunter2-of-the-test";
  std::string read_secret;
  bool reading_is_open = true;
  std::optional<Duration> ask_later;
  std::optional<Duration> guess_later;
  std::vector<std::string> wrong_tokens;  ///< where they came from
  bool busy = false;
  bool broken_disk = false;
  bool deployless = false;  ///< promote and abort make no sense
  std::vector<Order> taken;
  std::vector<ApiWrite> writes;

 private:
  std::mutex mutex_;
};

/// The same as the route's answer(), for a control that answers at once.
inline ApiResponse answer(const ApiRequest& request, const ApiData& data, ApiControl& control) {
  ApiResponse given{.status = 0};
  answer(request, data, control, [&given](ApiResponse response) { given = std::move(response); });
  return given;
}

}  // namespace weir
