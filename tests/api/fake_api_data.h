#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/api/routes.h"
#include "controller/render/json.h"
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
  [[nodiscard]] Result<std::vector<std::string>> decisions(const std::string& group, int limit,
                                                           std::optional<TimePoint> before) const override {
    if (disk_trouble) return failure(ErrorKind::unavailable, "state /x: disk I/O error");
    asked_limit = limit;
    asked_before = before;
    return group == "app" ? std::vector<std::string>{record_json(full_record()), record_json({.group = "app"})}
                          : std::vector<std::string>{};
  }
  [[nodiscard]] std::optional<std::string> plan(const std::string& group) const override {
    const GroupPlan plans[] = {full_plan()};
    return group == "app" ? std::optional(plans_json(plans)) : std::nullopt;
  }
  [[nodiscard]] std::string metrics() const override { return "weir_min 2\n"; }
  [[nodiscard]] Result<void> alive() const override { return alive_state; }
  [[nodiscard]] Result<void> ready() const override { return ready_state; }

  bool disk_trouble = false;
  Result<void> alive_state;
  Result<void> ready_state;
  mutable int asked_limit = 0;
  mutable std::optional<TimePoint> asked_before;

 private:
  std::vector<std::shared_ptr<const GroupStatus>> statuses_;
};

}  // namespace weir
