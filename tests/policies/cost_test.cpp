#include "policies/cost.h"

#include <gtest/gtest.h>

#include "tests/policies/local_times.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

const CostRule kByTheMoment{.per_hour = 2, .currency = "USD"};
const CostRule kByTheHour{.per_hour = 2, .currency = "USD", .billing_period = 1h};
const CostRule kVultr{.per_hour = 1, .currency = "USD", .billing_period = 1h, .monthly_hours = 672};

Server launched(std::string_view at, std::string id = "s1") {
  return {.id = std::move(id), .phase = Phase::in_service, .launched_at = utc(at)};
}

/// Counts in steps of that length; what the month has come to.
double spent(const CostRule& cost, const Server& server, std::string_view from, std::string_view to, Duration step) {
  Memory memory;
  for (TimePoint at = utc(from); at <= utc(to); at += step) count_spending(cost, {&server, 1}, {}, at, memory);
  return memory.spending->amount;
}

TEST(Cost, an_hour_costs_what_the_rule_says_or_else_every_server) {
  std::vector<Server> servers(3);
  servers[2].listed = false;
  EXPECT_FALSE(price_of(std::nullopt, servers)) << "nobody has said a price";
  EXPECT_EQ(price_of(CostRule{.per_hour = 0.5, .currency = "EUR"}, servers), (Price{1, "EUR"}));
  servers[0].price = Price{0.25, "USD"};
  EXPECT_FALSE(price_of(std::nullopt, servers)) << "part of a sum is no sum";
  servers[1].price = Price{0.5, "USD"};
  EXPECT_EQ(price_of(std::nullopt, servers), (Price{0.75, "USD"}));
  servers[1].price->currency = "EUR";
  EXPECT_FALSE(price_of(std::nullopt, servers));
}

TEST(Cost, by_the_moment_every_moment_costs) {
  EXPECT_DOUBLE_EQ(cost_between(kByTheMoment, utc("2026-03-10 10:00"), utc("2026-03-10 09:00"), utc("2026-03-10 10:30")), 1);
  EXPECT_DOUBLE_EQ(cost_between(kByTheMoment, utc("2026-03-10 10:00"), utc("2026-03-10 10:00"), utc("2026-03-10 10:00")), 0);
  EXPECT_NEAR(spent(kByTheMoment, launched("2026-03-10 10:00"), "2026-03-10 09:00", "2026-03-10 12:00", 7s), 4, 0.01);
}

TEST(Cost, whole_periods_are_paid_at_their_beginning) {
  struct Case {
    const char* to;
    double cost;
  };
  const Case cases[] = {{"2026-03-10 09:59:59", 0}, {"2026-03-10 10:15", 2},    {"2026-03-10 11:14:59", 2},
                        {"2026-03-10 11:15", 4},    {"2026-03-10 12:14:59", 4}, {"2026-03-10 12:15", 6}};
  for (const Case& test : cases) {
    const Server server = launched("2026-03-10 10:15");
    EXPECT_DOUBLE_EQ(cost_between(kByTheHour, server.launched_at, utc("2026-03-10 09:00"), utc(test.to)), test.cost) << test.to;
    EXPECT_DOUBLE_EQ(spent(kByTheHour, server, "2026-03-10 09:00", test.to, 1s), test.cost) << test.to;
  }
}

TEST(Cost, however_often_it_is_counted_the_sum_is_the_same) {
  const Server server = launched("2026-03-10 10:15:07");
  for (const CostRule& cost : {kByTheMoment, kByTheHour, kVultr}) {
    const double whole = cost_between(cost, server.launched_at, utc("2026-03-10 09:00"), utc("2026-03-12 09:00"));
    for (const Duration step : {Duration(1min), Duration(15min), Duration(6h)}) {
      EXPECT_NEAR(spent(cost, server, "2026-03-10 09:00", "2026-03-12 09:00", step), whole, 1e-6) << format_duration(step);
    }
  }
}

// Found by thinking it through: a server that its provider listed only after the next turn never paid for its first period, so a
// hard budget was overspent by an hour for every launch.
TEST(Cost, a_server_listed_long_after_its_launch_pays_for_its_first_period) {
  const Server server = launched("2026-03-10 10:00:01");
  const std::vector<std::string> met = {"s1"};
  Memory memory;
  count_spending(kByTheHour, {}, {}, utc("2026-03-10 10:00:05"), memory);
  count_spending(kByTheHour, {&server, 1}, met, utc("2026-03-10 10:00:30"), memory);
  EXPECT_DOUBLE_EQ(memory.spending->amount, 2);
  count_spending(kByTheHour, {&server, 1}, {}, utc("2026-03-10 10:01"), memory);
  EXPECT_DOUBLE_EQ(memory.spending->amount, 2);
}

TEST(Cost, a_server_met_after_the_turn_of_the_month_pays_nothing_for_the_month_before) {
  const Server server = launched("2026-03-31 23:50");
  const std::vector<std::string> met = {"s1"};
  Memory memory{.spending = Spending{.amount = 100, .counted_to = utc("2026-03-31 23:55")}};
  count_spending(kByTheHour, {&server, 1}, met, utc("2026-04-01 00:30"), memory);
  EXPECT_DOUBLE_EQ(memory.spending->amount, 0) << "its first hour was March's";
  count_spending(kByTheHour, {&server, 1}, {}, utc("2026-04-01 00:50"), memory);
  EXPECT_DOUBLE_EQ(memory.spending->amount, 2);
}

TEST(Cost, a_month_costs_no_more_than_its_cap) {
  const TimePoint march = utc("2026-03-01 00:00");
  EXPECT_NEAR(cost_between(kVultr, march, march - 1ms, utc("2026-03-29 00:00") - 1s), 672, 1e-9);
  EXPECT_NEAR(cost_between(kVultr, march, march - 1ms, utc("2026-03-31 23:59")), 673, 1) << "744 hours";
  EXPECT_NEAR(cost_between(kVultr, march, march - 1ms, utc("2026-04-10 00:00")), 673 + 216, 1);
  CostRule moment = kVultr;
  moment.billing_period = 0s;
  EXPECT_NEAR(cost_between(moment, march, march, utc("2026-03-31 23:59")), 672, 1e-9);
  EXPECT_NEAR(cost_between(moment, utc("2026-03-20 00:00"), march, utc("2026-03-31 00:00")), 264, 1e-9);
  EXPECT_NEAR(cost_between(moment, utc("2026-02-01 00:00"), utc("2026-02-01 00:00"), utc("2026-03-01 00:00")), 672, 1e-3);
}

TEST(Cost, every_month_begins_at_nothing) {
  Memory memory;
  const Server server = launched("2026-03-01 12:00");
  for (TimePoint at = utc("2026-03-31 22:00"); at <= utc("2026-04-01 02:00"); at += 1min) {
    count_spending(kByTheMoment, {&server, 1}, {}, at, memory);
    const TimePoint since = utc(at < utc("2026-04-01 00:00") ? "2026-03-31 22:00" : "2026-04-01 00:00");
    const double expected = 2 * std::chrono::duration<double, std::ratio<3600>>(at - since).count();
    EXPECT_NEAR(memory.spending->amount, expected, 1e-9) << format_time(at);
  }
  EXPECT_NEAR(memory.spending->amount, 4, 1e-9);
}

TEST(Cost, after_a_long_sleep_only_the_new_month_counts) {
  Memory memory{.spending = Spending{.amount = 500, .counted_to = utc("2026-01-15 00:00")}};
  const Server server = launched("2026-01-01 00:00");
  count_spending(kByTheMoment, {&server, 1}, {}, utc("2026-04-01 03:00"), memory);
  EXPECT_NEAR(memory.spending->amount, 6, 1e-9);
}

TEST(Cost, what_ran_before_it_was_first_counted_is_not_known) {
  Memory memory;
  const Server server = launched("2026-03-01 12:00");
  count_spending(kByTheHour, {&server, 1}, {}, utc("2026-03-05 12:30"), memory);
  EXPECT_EQ(memory.spending->amount, 0);
}

TEST(Cost, a_server_that_is_not_listed_costs_nothing) {
  Memory memory{.spending = Spending{.amount = 0, .counted_to = utc("2026-03-05 12:00")}};
  Server server = launched("2026-03-01 12:00");
  server.listed = false;
  count_spending(kByTheMoment, {&server, 1}, {}, utc("2026-03-05 13:00"), memory);
  EXPECT_EQ(memory.spending->amount, 0);
}

TEST(Cost, a_clock_set_back_takes_nothing_away_and_goes_on_counting) {
  Memory memory{.spending = Spending{.amount = 7, .counted_to = utc("2026-03-05 12:00")}};
  const Server server = launched("2026-03-01 12:00");
  count_spending(kByTheMoment, {&server, 1}, {}, utc("2026-03-05 11:00"), memory);
  EXPECT_EQ(memory.spending->amount, 7);
  count_spending(kByTheMoment, {&server, 1}, {}, utc("2026-03-05 11:30"), memory);
  EXPECT_DOUBLE_EQ(memory.spending->amount, 8);
}

TEST(Cost, paid_until_is_the_end_of_the_period_or_of_a_month_that_is_paid_up) {
  struct Case {
    CostRule cost;
    const char* launched;
    const char* at;
    const char* until;
  };
  const Case cases[] = {
      {kByTheHour, "2026-03-10 10:15", "2026-03-10 10:15", "2026-03-10 11:15"},
      {kByTheHour, "2026-03-10 10:15", "2026-03-10 11:14:59", "2026-03-10 11:15"},
      {kByTheHour, "2026-03-10 10:15", "2026-03-10 11:15", "2026-03-10 12:15"},
      {kByTheHour, "2026-03-10 10:15", "2026-03-10 10:00", "2026-03-10 11:15"},
      {kVultr, "2026-02-10 10:15", "2026-03-28 23:59", "2026-03-29 00:15"},
      {kVultr, "2026-02-10 10:15", "2026-03-29 00:00", "2026-04-01 00:00"},
      {kVultr, "2026-02-10 10:15", "2026-04-01 00:00", "2026-04-01 00:15"},
      {kVultr, "2026-03-03 00:00", "2026-03-30 23:59", "2026-03-31 00:00"},
      {kVultr, "2026-03-03 00:00", "2026-03-31 00:00", "2026-04-01 00:00"},
      {kVultr, "2026-12-01 00:00", "2026-12-30 00:00", "2027-01-01 00:00"},
  };
  for (const Case& test : cases) EXPECT_EQ(paid_until(test.cost, utc(test.launched), utc(test.at)), utc(test.until)) << test.at;
  EXPECT_FALSE(paid_until(kByTheMoment, utc("2026-03-10 10:15"), utc("2026-03-10 10:30")));
}

TEST(Cost, the_rest_of_a_month) {
  EXPECT_EQ(rest_of_month(utc("2026-03-01 00:00")), 31 * 24h);
  EXPECT_EQ(rest_of_month(utc("2026-02-28 23:00")), 1h);
  EXPECT_EQ(rest_of_month(utc("2028-02-28 23:00")), 25h);
  EXPECT_EQ(rest_of_month(utc("2026-12-31 23:59")), 1min);
}

TEST(Cost, a_budget_pays_for_what_is_left_after_min) {
  struct Case {
    double budget;
    double spent;
    int min;
    const char* at;
    int servers;
  };
  // 2 an hour, 24 hours left: min costs 48 each.
  const Case cases[] = {
      {100, 0, 1, "2026-03-31 00:00", 27},   // 52 left: 26 server-hours
      {100, 40, 1, "2026-03-31 00:00", 7},   // 12
      {100, 51, 1, "2026-03-31 00:00", 1},   // 1: not one hour of one more
      {100, 50, 1, "2026-03-31 00:00", 2},   // exactly one
      {100, 500, 1, "2026-03-31 00:00", 1},  // overspent: min is kept
      {10, 0, 3, "2026-03-31 00:00", 3},     // min alone is too much
      {100, 0, 0, "2026-03-31 00:00", 50},  {0, 0, 0, "2026-03-31 00:00", 0}, {100, 0, 1, "2026-03-31 23:00", 50},
  };
  for (const Case& test : cases) {
    const Memory memory{.spending = Spending{.amount = test.spent, .counted_to = utc(test.at)}};
    EXPECT_EQ(affordable_servers(kByTheHour, test.budget, memory, test.min, utc(test.at)), test.servers)
        << test.budget << " of which spent " << test.spent;
  }
  const CostRule free{.per_hour = 0, .currency = "USD"};
  EXPECT_EQ(affordable_servers(free, 0, {}, 1, utc("2026-03-31 00:00")), 1'000'000);
  EXPECT_EQ(affordable_servers(kByTheHour, 1e300, {}, 1, utc("2026-03-31 00:00")), 1'000'001);
}

TEST(Cost, the_forecast_is_what_is_spent_and_what_these_servers_cost_to_the_end_of_the_month) {
  const Memory memory{.spending = Spending{.amount = 10, .counted_to = utc("2026-03-31 12:00")}};
  EXPECT_DOUBLE_EQ(forecast_spending(kByTheHour, memory, 3, utc("2026-03-31 12:00")), 10 + 72);
  EXPECT_DOUBLE_EQ(forecast_spending(kByTheHour, {}, 3, utc("2026-03-31 12:00")), 72);
}

}  // namespace
}  // namespace weir
