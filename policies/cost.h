#pragma once

#include <optional>
#include <span>
#include <string>

#include "model/group.h"
#include "model/memory.h"
#include "model/server.h"

namespace weir {

/// What the servers that are listed cost in an hour: by the group's own rule, without one as the provider says. Absent if that is
/// not known of every one of them, in one currency.
[[nodiscard]] std::optional<Price> price_of(const std::optional<CostRule>& cost, std::span<const Server> servers);

/// End of the time that is paid for a server launched at `launched_at`: of the billing period that `at` lies in, or of the calendar
/// month once its cap is reached. Absent if servers are paid by the moment.
[[nodiscard]] std::optional<TimePoint> paid_until(const CostRule& cost, TimePoint launched_at, TimePoint at);

/// What one server costs of the time in (from, to], over any number of months.
[[nodiscard]] double cost_between(const CostRule& cost, TimePoint launched_at, TimePoint from, TimePoint to);

/// Adds to `memory.spending` what `servers` have come to cost since it was last counted: every billing period at its beginning.
/// Those whose ids are in `met` are counted from their launch on, for a provider may list them long after it. At the turn of a
/// month it starts again at nothing.
void count_spending(const CostRule& cost, std::span<const Server> servers, std::span<const std::string> met, TimePoint at,
                    Memory& memory);

/// How long the calendar month (UTC) of `at` still lasts.
[[nodiscard]] Duration rest_of_month(TimePoint at);

/// What the month will have cost at its end if this many servers run until then.
[[nodiscard]] double forecast_spending(const CostRule& cost, const Memory& memory, int servers, TimePoint at);

/// The most servers that what is left of `budget` pays for during one more billing period (at least an hour) when `min` servers
/// run to the end of the month; never less than min.
[[nodiscard]] int affordable_servers(const CostRule& cost, double budget, const Memory& memory, int min, TimePoint at);

}  // namespace weir
