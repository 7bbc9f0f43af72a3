#pragma once

#include <map>
#include <set>
#include <stop_token>
#include <string>

#include "model/group.h"
#include "platform/http_client.h"

namespace weir {

/// The instances whose app answers the health check well now, of those with these addresses. Asks all at once, so it takes no
/// longer than the check's timeout.
[[nodiscard]] std::set<std::string> who_answers(HttpClient& http, const std::map<std::string, std::string>& addresses,
                                                const HealthCheck& check, const std::stop_token& stop);

}  // namespace weir
