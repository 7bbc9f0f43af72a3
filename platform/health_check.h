#pragma once

#include <optional>
#include <string>

#include "model/error.h"
#include "model/group.h"
#include "platform/http_client.h"

namespace weir {

/// One check of the server at `address` (host:port): a TCP connection that stands, or an HTTP GET. Over a connection of its own,
/// which is closed afterwards.
[[nodiscard]] HttpRequest health_request(const std::string& address, const HealthCheck& check);

/// Whether a check's answer is good: a connection, or a status of 200 to 399. Absent: it says nothing about the server, since the
/// check never left this machine.
[[nodiscard]] std::optional<bool> is_good_answer(const Result<HttpResponse>& answer, const HealthCheck& check);

/// The path of an HTTP check as it is asked for.
[[nodiscard]] std::string health_path(const HealthCheck& check);

}  // namespace weir
