#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>

#include "model/settings.h"
#include "platform/http_client.h"
#include "receivers/receiver.h"

namespace weir {

struct Network;

/// Makes one exchange and says what it means for the message: any 2xx is success; 408, 429, 5xx and no answer may pass by
/// themselves. The URL counts as a secret: of it only the host is ever told; of the credentials in `request.access` and of
/// `secret`, which it may have in a header, nothing is, though the answer repeats them. `who` begins the error.
[[nodiscard]] Attempt post(Network& network, HttpRequest request, const std::string& who, const std::stop_token& stop,
                           const std::string& secret = {});

/// A POST of a JSON document with the receiver's timeout, to `url`.
[[nodiscard]] HttpRequest json_request(const Settings& settings, std::string url, const nlohmann::ordered_json& document);

/// Why `url` (of this key) cannot be posted to; absent if it can.
[[nodiscard]] std::optional<SettingsError> check_url(const Settings& settings, std::string_view key);

}  // namespace weir
