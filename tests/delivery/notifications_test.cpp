#include "controller/delivery/notifications.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <mutex>
#include <nlohmann/json.hpp>

#include "controller/loop/loop.h"
#include "controller/notifications/news.h"
#include "providers/memory/memory.h"
#include "tests/fakes/ports.h"
#include "tests/receivers/support.h"
#include "tests/support/http_stub.h"
#include "tests/support/settings.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr auto kPatience = 60s;

class NotificationsTest : public testing::Test {
 protected:
  [[nodiscard]] NotificationRules rules(const HttpStub& stub, Duration group_wait = 0s, const std::string& more = "") const {
    return {.controller = "weir",
            .receivers = {receiver_spec("type: webhook, url: \"" + stub.url() + "\"" + more)},
            .routes = {{.receiver = "ops", .group_wait = group_wait}}};
  }
  /// The summaries that arrived, in order.
  static std::vector<std::string> heard(const HttpStub& stub) {
    std::vector<std::string> all;
    for (const HttpStub::Request& request : stub.requests()) {
      const auto message = nlohmann::json::parse(request.body);
      for (const auto& event : message["events"]) {
        all.push_back(event["stage"].get<std::string>() + " " + event["summary"].get<std::string>());
      }
    }
    return all;
  }
  static bool hears(const HttpStub& stub, std::size_t events) {
    return wait_until(kPatience, [&] { return heard(stub).size() >= events; });
  }
  void tell(const std::string& summary) {
    notifications_.tell(news_of_controller(EventKind::controller_started, summary, clock_.now()));
  }
  void balancers(const std::string& error) { notifications_.tell(news_of_balancers("app", error, clock_.now())); }

  const std::set<std::string> sources_ = sources_of(std::vector<std::string>{"app"}, std::vector<std::string>{"cloud"});
  FakeClock clock_;
  HttpClient http_;
  WaitingClock waiting_;
  TokenBuckets buckets_{waiting_};
  Network network_{.http = http_, .clock = waiting_, .buckets = buckets_};
  const Log log_{Log::Format::text};
  Notifications notifications_{{clock_, network_, waiting_, log_}};
};

TEST_F(NotificationsTest, news_reach_the_receiver) {
  HttpStub stub;
  notifications_.configure(rules(stub), sources_);
  tell("weir runs");
  ASSERT_TRUE(hears(stub, 1));
  EXPECT_THAT(heard(stub), ElementsAre("happened weir runs"));
}

TEST_F(NotificationsTest, a_condition_is_told_when_it_begins_and_ends) {
  HttpStub stub;
  notifications_.configure(rules(stub), sources_);
  balancers("refused");
  ASSERT_TRUE(hears(stub, 1));
  balancers("refused again");
  balancers("");
  ASSERT_TRUE(hears(stub, 2));
  EXPECT_THAT(heard(stub), ElementsAre(HasSubstr("began traffic does not follow"), HasSubstr("ended traffic does not follow")));
}

TEST_F(NotificationsTest, stopping_sends_what_waits_for_company) {
  HttpStub stub;
  notifications_.configure(rules(stub, 1h), sources_);
  tell("weir stops");
  notifications_.stop(kPatience);
  EXPECT_THAT(heard(stub), ElementsAre("happened weir stops"));
}

TEST_F(NotificationsTest, stopping_waits_for_nobody_who_never_answers) {
  HttpStub silent(HttpStub::Answer{.delay = 1h});
  notifications_.configure(rules(silent, 0s, ", timeout: 5m"), sources_);
  tell("weir stops");
  ASSERT_TRUE(wait_until(kPatience, [&] { return !silent.requests().empty(); }));
  notifications_.stop(0s);
  EXPECT_THAT(silent.requests(), SizeIs(1));
}

TEST_F(NotificationsTest, a_new_configuration_tells_new_receivers_what_holds_and_the_old_nothing_twice) {
  HttpStub kept;
  HttpStub added;
  NotificationRules first = rules(kept);
  notifications_.configure(first, sources_);
  balancers("refused");
  ASSERT_TRUE(hears(kept, 1));
  NotificationRules second = first;
  second.receivers.push_back(rules(added).receivers.front());
  second.receivers.back().name = "more";
  second.routes.push_back({.receiver = "more", .group_wait = 0s});
  notifications_.configure(second, sources_);
  ASSERT_TRUE(hears(added, 1));
  tell("weir runs");
  ASSERT_TRUE(hears(kept, 2));
  EXPECT_THAT(heard(kept), ElementsAre(HasSubstr("began"), "happened weir runs"));
}

TEST_F(NotificationsTest, what_a_group_suffered_ends_when_nobody_configures_it_any_more) {
  HttpStub stub;
  notifications_.configure(rules(stub), sources_);
  balancers("refused");
  ASSERT_TRUE(hears(stub, 1));
  notifications_.configure(rules(stub), {});
  ASSERT_TRUE(hears(stub, 2));
  EXPECT_THAT(heard(stub).back(), HasSubstr("ended"));
}

/// Knows when each turn began.
class TimedStore final : public Store {
 public:
  Result<Memory> load(const std::string& group) override { return store_.load(group); }
  Result<void> save(const std::string& group, const Memory& memory, const Record& record, Durability durability) override {
    {
      const std::lock_guard lock(mutex_);
      turns_.push_back(record.at);
    }
    return store_.save(group, memory, record, durability);
  }
  /// The largest time between two turns, or between one and either end of this time.
  [[nodiscard]] Duration largest_gap(TimePoint begin, TimePoint end) const {
    std::vector<TimePoint> times{begin, end};
    const std::lock_guard lock(mutex_);
    std::ranges::copy_if(turns_, std::back_inserter(times), [&](TimePoint at) { return at > begin && at < end; });
    std::ranges::sort(times);
    Duration largest{0};
    for (std::size_t turn = 1; turn < times.size(); ++turn) largest = std::max(largest, times[turn] - times[turn - 1]);
    return largest;
  }

 private:
  FakeStore store_;
  mutable std::mutex mutex_;
  std::vector<TimePoint> turns_;
};

constexpr Duration kInterval{20};
constexpr Duration kLateAtMost{2'000};  ///< beyond the interval, on a machine of two cores that compiles meanwhile

/// A loop over a cloud in memory, with notifications.
class NotifiedLoop : public NotificationsTest {
 protected:
  ~NotifiedLoop() override {
    if (loop_) loop_->stop();
  }
  void start() {
    Managed managed;
    managed.group = {.name = "app", .provider = "cloud", .version = "v1", .min = 2, .max = 5, .interval = kInterval};
    managed.group.server = with_defaults(memory_provider_type().server_keys);
    managed.policies = make_policies(managed.group);
    managed.provider = std::make_shared<GatedProvider>(make_memory_provider(std::make_shared<MemoryCloud>()));
    managed.balancers.push_back(std::make_unique<FakeBalancer>(std::make_shared<BalancerWatch>()));
    const Providers providers{{"cloud", managed.provider}};
    std::vector<Managed> groups;
    groups.push_back(std::move(managed));
    auto started =
        Loop::start({clock_, nullptr, probe_, store_, log_, nullptr, &notifications_}, {}, {}, std::move(groups), providers);
    ASSERT_TRUE(started) << started.error().message;
    loop_ = std::move(*started);
  }
  bool goes_on(std::size_t turns) {
    const std::size_t until = loop_->turns() + turns;
    return wait_until(kPatience, [&] { return loop_->turns() >= until; });
  }
  /// By the last turn; -1 before the first.
  int desired() {
    const auto last = loop_->snapshot("app");
    return last ? last->memory.desired.value_or(-1) : -1;
  }
  bool order(int servers) {
    return loop_->order("app", {.kind = Order::Kind::scale, .servers = servers, .at = clock_.now(), .by = "ann"}, {});
  }

  /// Since then no turn was late.
  void expect_no_late_turn(TimePoint begin, std::size_t turns) const {
    const Duration largest = store_.largest_gap(begin, clock_.now());
    std::printf("%zu turns: interval %lld ms, largest gap %lld ms\n", loop_->turns() - turns,
                static_cast<long long>(kInterval.count()), static_cast<long long>(largest.count()));
    EXPECT_LE(largest, kInterval + kLateAtMost);
  }

  FakeProbe probe_;
  TimedStore store_;
  std::unique_ptr<Loop> loop_;
};

TEST_F(NotifiedLoop, tells_of_what_a_person_did_and_what_came_of_it) {
  HttpStub stub;
  notifications_.configure(rules(stub), sources_);
  start();
  ASSERT_TRUE(order(4));
  ASSERT_TRUE(wait_until(kPatience, [&] {
    const auto all = heard(stub);
    const auto has = [&](const std::string& text) {
      return std::ranges::any_of(all, [&](const std::string& one) { return one.contains(text); });
    };
    return has("held at 4 servers by ann") && has("scaled out from 2 to 4");
  })) << testing::PrintToString(heard(stub));
}

TEST_F(NotifiedLoop, turns_go_on_while_a_receiver_accepts_and_never_answers) {
  HttpStub silent(HttpStub::Answer{.delay = 1h});
  NotificationRules never = rules(silent, 0s, ", timeout: 5m");
  never.routes.front().group_by = Route::GroupBy::nothing;
  notifications_.configure(never, sources_);
  start();
  ASSERT_TRUE(order(3));
  ASSERT_TRUE(wait_until(kPatience, [&] { return !silent.requests().empty(); })) << "it has been told and says nothing";
  // The first request is still open: every turn from here on is taken while the receiver hangs.
  const TimePoint begin = clock_.now();
  const std::size_t turns = loop_->turns();
  for (int servers : {4, 5, 2, 3, 4, 5}) {
    ASSERT_TRUE(order(servers));
    ASSERT_TRUE(wait_until(kPatience, [&] { return desired() == servers; })) << servers;
  }
  EXPECT_TRUE(goes_on(50));
  expect_no_late_turn(begin, turns);
  EXPECT_THAT(silent.requests(), SizeIs(1)) << "still the first one";
  EXPECT_EQ(silent.open_connections(), 1);
}

TEST_F(NotifiedLoop, turns_go_on_when_no_more_messages_can_be_kept) {
  HttpStub silent(HttpStub::Answer{.delay = 1h});
  NotificationRules never = rules(silent, 0s, ", timeout: 5m");
  never.routes.front().group_by = Route::GroupBy::nothing;
  notifications_.configure(never, sources_);
  start();
  const TimePoint begin = clock_.now();
  const std::size_t turns = loop_->turns();
  for (int i = 0; i < 400; ++i) ASSERT_TRUE(order(2 + i % 4));
  EXPECT_TRUE(goes_on(50));
  expect_no_late_turn(begin, turns);
  EXPECT_THAT(silent.requests(), SizeIs(testing::Le(1U)));
}

}  // namespace
}  // namespace weir
