#include "controller/cli/live.h"

#include <fmt/format.h>

#include <algorithm>

#include "controller/reconcile/orders.h"
#include "controller/render/json.h"
#include "controller/render/series.h"
#include "policies/cost.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// A scheduler that has not come round for this long is taken for dead.
constexpr Duration kLongestSilence = 10s;

/// More points than this no screen of a chart shows.
constexpr int kSeriesSlices = 300;
/// However often somebody without a token causes it, the log has one line of a kind so often.
constexpr Duration kBetweenLines = 10s;

/// Of what a client sent, in a line of the log.
constexpr std::size_t kLongestField = 200;

std::optional<Spend> spend_of(const Group& group, const Snapshot& last) {
  const std::optional<Price> price = price_of(group.cost, last.record.servers);
  if (!price) return std::nullopt;
  Spend spend{.per_hour = price->per_hour, .month_to_date = {}, .month_end = {}, .currency = price->currency};
  const Memory& memory = last.memory;
  if (!group.cost || !memory.spending) return spend;
  spend.month_to_date = memory.spending->amount;
  if (memory.desired) spend.month_end = forecast_spending(*group.cost, memory, *memory.desired, last.record.at);
  return spend;
}

GroupStatus status_of(const Group& group, const Loop& loop) {
  GroupStatus status{.name = group.name, .provider = group.provider, .version = group.version, .min = group.min, .max = group.max};
  // What was ordered is told from the moment on in which it was answered, however long the turn takes that is under way.
  if (const auto saved = loop.saved_memory(group.name)) {
    status.manual = saved->manual;
    status.rollout = saved->rollout;
  }
  const auto last = loop.snapshot(group.name);
  if (last == nullptr) {
    status.why = "no turn yet";
    return status;
  }
  status.version = last->memory.version;
  status.desired = last->memory.desired;
  status.servers = last->record.servers;
  status.last_turn = last->record.at;
  const Memory& memory = last->memory;
  status.last_change = std::max(memory.scaled_out_at, memory.scaled_in_at);
  status.spend = spend_of(group, *last);
  status.why = turn_reason(last->record.plan);
  return status;
}

/// Errors: not_found, or what check_order() says.
Result<void> check_possible(const Loop& loop, const std::string& group, const Order& order) {
  const auto groups = loop.groups();
  const auto found = std::ranges::find(groups, group, [](const Group* one) { return one->name; });
  if (found == groups.end()) {
    return failure(ErrorKind::not_found, fmt::format("there is no group {}; GET /v1/groups lists them", group));
  }
  return check_order(order, **found, loop.memory(group).value_or(Memory{}));
}

}  // namespace

void LiveData::follow(std::shared_ptr<const Loop> loop) {
  std::shared_ptr<const Loop> old;
  const std::lock_guard lock(mutex_);
  old = std::exchange(loop_, std::move(loop));
}

std::shared_ptr<const Loop> LiveData::loop() const {
  const std::lock_guard lock(mutex_);
  return loop_;
}

std::vector<std::shared_ptr<const GroupStatus>> LiveData::groups() const {
  const auto loop = this->loop();
  std::vector<std::shared_ptr<const GroupStatus>> all;
  if (!loop) return all;
  for (const Group* group : loop->groups()) {
    all.push_back(std::make_shared<const GroupStatus>(status_of(*group, *loop)));
  }
  std::ranges::sort(all, {}, [](const auto& status) { return status->name; });
  return all;
}

std::shared_ptr<const GroupStatus> LiveData::group(const std::string& name) const {
  const auto loop = this->loop();
  if (!loop) return nullptr;
  const auto groups = loop->groups();
  const auto found = std::ranges::find(groups, name, [](const Group* group) { return group->name; });
  if (found == groups.end()) return nullptr;
  return std::make_shared<const GroupStatus>(status_of(**found, *loop));
}

Result<std::vector<std::string>> LiveData::decisions(const std::string& group, const TurnsAsked& asked) const {
  auto kept = reader_.history(group, asked.limit, asked.before,
                              asked.changes ? StateReader::Which::changes : StateReader::Which::every_turn);
  if (!kept) return std::unexpected(kept.error());
  std::vector<std::string> records;
  for (KeptRecord& one : *kept) records.push_back(numbered_json(std::move(one.json), one.number));
  return records;
}

Result<std::string> LiveData::series(const std::string& group, TimePoint since) const {
  const auto kept = reader_.spread(group, since, kSeriesSlices);
  if (!kept) return std::unexpected(kept.error());
  std::optional<CostRule> cost;
  if (const auto loop = this->loop()) {
    const auto groups = loop->groups();
    const auto found = std::ranges::find(groups, group, [](const Group* one) { return one->name; });
    if (found != groups.end()) cost = (*found)->cost;
  }
  Series series(group);
  for (const KeptRecord& one : *kept) {
    const Result<StoredRecord> stored = parse_record(one.json);
    if (!stored) return std::unexpected(stored.error());
    series.add(stored->record, price_of(cost, stored->record.servers));
  }
  return series.json();
}

std::optional<std::string> LiveData::plan(const std::string& group) const {
  const auto loop = this->loop();
  const auto last = loop ? loop->snapshot(group) : nullptr;
  if (!last) return std::nullopt;
  const auto groups = loop->groups();
  const auto found = std::ranges::find(groups, group, [](const Group* one) { return one->name; });
  GroupPlan plan{.group = group, .provider = found == groups.end() ? "" : (*found)->provider, .at = last->record.at};
  plan.plan = last->record.plan;
  plan.servers = last->record.servers;
  plan.servers_detail = last->record.servers_detail;
  plan.rollout = last->record.rollout;
  plan.current = count_phase(plan.servers, Phase::in_service);
  return plans_json({&plan, 1});
}

Result<void> LiveData::alive() const {
  const auto loop = this->loop();
  // While a new configuration takes over there is no loop for a moment.
  if (!loop || loop->silence() < kLongestSilence) return {};
  return failure(ErrorKind::unavailable, fmt::format("the scheduler has not come round for {}", format_duration(loop->silence())));
}

Result<void> LiveData::ready() const {
  const auto loop = this->loop();
  if (loop && loop->ready()) return {};
  return failure(ErrorKind::unavailable, "not every group has had its first turn");
}

void LiveControl::follow(std::shared_ptr<Loop> loop) {
  std::shared_ptr<Loop> old;  // ends, if it does, when nobody waits for the mutex
  const std::lock_guard lock(mutex_);
  old = std::exchange(loop_, std::move(loop));
}

void LiveControl::admit(ApiAccess access, const ApiRates& rates) {
  rates_.limit(rates);
  const std::lock_guard lock(mutex_);
  access_ = std::make_shared<const ApiAccess>(std::move(access));
}

std::shared_ptr<const ApiAccess> LiveControl::access() const {
  const std::lock_guard lock(mutex_);
  return access_;
}

std::optional<Duration> LiveControl::admit(const std::string& remote) {
  const auto wait = rates_.request(remote, clock_.steady());
  if (wait) metrics_.request_limited();
  return wait;
}

std::optional<int> SeldomLogged::happened(std::chrono::steady_clock::time_point now) {
  ++count_;
  if (logged_ && now - *logged_ < kBetweenLines) return std::nullopt;
  logged_ = now;
  return std::exchange(count_, 0);
}

std::optional<Duration> LiveControl::wrong_token(const std::string& remote) {
  metrics_.wrong_token();
  const auto now = clock_.steady();
  const auto wait = rates_.wrong_token(remote, now);
  if (wait) metrics_.request_limited();
  const std::lock_guard lock(mutex_);
  if (const auto count = wrong_tokens_.happened(now)) {
    log_.warning("wrong_token", {{"from", remote}, {"count", std::to_string(*count)}});
  }
  return wait;
}

void LiveControl::order(const std::string& group, const Order& order, Ordered ordered) {
  std::shared_ptr<Loop> loop;
  {
    const std::lock_guard lock(mutex_);
    loop = loop_;
  }
  if (!loop) return ordered(failure(ErrorKind::unavailable, "weir is starting or reads its configuration; ask again in a moment"));
  if (auto possible = check_possible(*loop, group, order); !possible) return ordered(possible);
  if (loop->order(group, order, ordered)) return;
  ordered(failure(ErrorKind::unavailable, "weir is stopping or reads its configuration; ask again in a moment"));
}

void LiveControl::written(const ApiWrite& write) {
  const std::string group = write.group.substr(0, kLongestField);
  const std::string status = std::to_string(write.status);
  if (write.refusal.empty()) {
    return log_.info("order",
                     {{"group", group}, {"order", write.order}, {"by", write.by}, {"token", write.token}, {"from", write.remote}});
  }
  int count = 1;
  if (write.token.empty()) {
    const std::lock_guard lock(mutex_);
    const auto due = strangers_.happened(clock_.steady());
    if (!due) return;
    count = *due;
  }
  log_.warning("order_refused", {{"group", group},
                                 {"order", write.order.empty() ? write.what : write.order},
                                 {"by", write.by},
                                 {"token", write.token},
                                 {"from", write.remote},
                                 {"status", status},
                                 {"count", std::to_string(count)},
                                 {"error", write.refusal}});
}

}  // namespace weir
