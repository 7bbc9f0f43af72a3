#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "receivers/receiver.h"

namespace weir {

/// What stands in front of an event's sentence: "critical", "warning", "info", or "over" where a condition has ended.
[[nodiscard]] std::string_view state_of(const Event& event);

/// The event in one line, without its state: `app: scaled out from 2 to 4: cpu-high wants 4`.
[[nodiscard]] std::string line_of(const Event& event);

/// The whole message in one line, for subjects and previews: state and event, or how many there are.
[[nodiscard]] std::string heading_of(const Message& message);

/// One line for each event, and one more if some are left out.
[[nodiscard]] std::vector<std::string> lines_of(const Message& message);

/// The gravest of what holds or happened; info if all of it is over.
[[nodiscard]] Severity severity_of(const Message& message);

/// "problem" while something of it is warning or critical and not over, "over" if all are ends of conditions, else "info".
[[nodiscard]] std::string_view status_of(const Message& message);

/// At most so many bytes of it, cut between characters and with an ellipsis.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t most);

}  // namespace weir
