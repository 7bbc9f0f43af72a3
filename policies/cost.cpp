#include "policies/cost.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace weir {
namespace {

using namespace std::chrono_literals;

double hours(Duration duration) { return std::chrono::duration<double, std::ratio<3600>>(duration).count(); }

TimePoint month_start(TimePoint at) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(at));
  return std::chrono::sys_days(day.year() / day.month() / 1);
}

TimePoint month_end(TimePoint at) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(at));
  return std::chrono::sys_days((day.year() / day.month() + std::chrono::months(1)) / 1);
}

/// From when on the server costs nothing more in the month of `at`.
TimePoint free_from(const CostRule& cost, TimePoint launched_at, TimePoint at) {
  if (cost.monthly_hours == 0) return month_end(at);
  return std::min(month_end(at), std::max(launched_at, month_start(at)) + cost.monthly_hours * 1h);
}

/// Time of one server that falls due for payment in (from, to].
Duration falls_due(const CostRule& cost, TimePoint launched_at, TimePoint from, TimePoint to) {
  const TimePoint end = std::min(to, free_from(cost, launched_at, to));
  const TimePoint begin = std::max(from, launched_at);
  if (cost.billing_period == Duration{0}) return std::max(Duration{0}, end - begin);
  // Periods begin at launched_at + n * period; the first at the launch itself, which `from` may coincide with.
  const auto begun = [&](TimePoint until) -> std::int64_t {
    return until < launched_at ? 0 : (until - launched_at) / cost.billing_period + 1;
  };
  const std::int64_t before = launched_at > from ? 0 : begun(from);
  return std::max<std::int64_t>(0, begun(end) - before) * cost.billing_period;
}

/// What the provider says of each listed server; nothing unless all have a price.
std::optional<Price> reported_price(std::span<const Server> servers) {
  std::optional<Price> sum;
  for (const Server& server : servers) {
    if (!server.listed) continue;
    if (!server.price || (sum && server.price->currency != sum->currency)) return std::nullopt;
    if (!sum) sum = Price{.per_hour = 0, .currency = server.price->currency};
    sum->per_hour += server.price->per_hour;
  }
  return sum;
}

}  // namespace

std::optional<Price> price_of(const std::optional<CostRule>& cost, std::span<const Server> servers) {
  if (!cost) return reported_price(servers);
  const auto there = std::ranges::count_if(servers, &Server::listed);
  return Price{.per_hour = cost->per_hour * static_cast<double>(there), .currency = cost->currency};
}

std::optional<TimePoint> paid_until(const CostRule& cost, TimePoint launched_at, TimePoint at) {
  if (cost.billing_period == Duration{0}) return std::nullopt;
  if (at >= free_from(cost, launched_at, at)) return month_end(at);
  const Duration age = std::max(Duration{0}, at - launched_at);
  return launched_at + (age / cost.billing_period + 1) * cost.billing_period;
}

double cost_between(const CostRule& cost, TimePoint launched_at, TimePoint from, TimePoint to) {
  double sum = 0;
  for (TimePoint counted = from; counted < to;) {
    // A month's cap holds up to the moment before the next month.
    const TimePoint last = month_end(counted) - 1ms;
    const TimePoint until = counted < last ? std::min(to, last) : std::min(to, counted + 1ms);
    sum += cost.per_hour * hours(falls_due(cost, launched_at, counted, until));
    counted = until;
  }
  return sum;
}

void count_spending(const CostRule& cost, std::span<const Server> servers, std::span<const std::string> met, TimePoint at,
                    Memory& memory) {
  if (!memory.spending) memory.spending = Spending{.amount = 0, .counted_to = at};
  Spending& spending = *memory.spending;
  spending.counted_to = std::min(spending.counted_to, at);  // the clock may be set back
  if (spending.counted_to < month_start(at)) spending = {.amount = 0, .counted_to = month_start(at)};
  for (const Server& server : servers) {
    if (!server.listed) continue;
    TimePoint from = spending.counted_to;
    if (std::ranges::find(met, server.id) != met.end()) {
      from = std::min(from, std::max(server.launched_at, month_start(at)) - 1ms);
    }
    spending.amount += cost.per_hour * hours(falls_due(cost, server.launched_at, from, at));
  }
  spending.counted_to = at;
}

Duration rest_of_month(TimePoint at) { return month_end(at) - at; }

double forecast_spending(const CostRule& cost, const Memory& memory, int servers, TimePoint at) {
  const double spent = memory.spending ? memory.spending->amount : 0;
  return spent + cost.per_hour * servers * hours(rest_of_month(at));
}

int affordable_servers(const CostRule& cost, double budget, const Memory& memory, int min, TimePoint at) {
  if (cost.per_hour <= 0) return static_cast<int>(1e6);
  const double left = budget - forecast_spending(cost, memory, min, at);
  const double one_more = cost.per_hour * hours(std::max<Duration>(cost.billing_period, 1h));
  return min + static_cast<int>(std::clamp(std::floor(left / one_more + 1e-9), 0.0, 1e6));
}

}  // namespace weir
