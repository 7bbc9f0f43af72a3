#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/group.h"
#include "model/server.h"
#include "providers/provider.h"

namespace weir::protocol {

// How providers that are no part of weir, programs and plug-ins, are asked for servers: docs/providers/exec.md describes it.

inline constexpr int kVersion = 1;

/// The members of each request after its id, as one line of JSON, in the order the documentation promises.
[[nodiscard]] std::string hello_members(const ProviderContext& context, const Settings& provider);
[[nodiscard]] std::string list_members(std::span<const Group* const> groups);
[[nodiscard]] std::string launch_members(const LaunchRequest& request);
[[nodiscard]] std::string terminate_members(const Group& group, const std::string& server);

/// What an answer says. An answer that says neither what was asked for nor an error is `unavailable`: nobody knows.
[[nodiscard]] Result<std::vector<Server>> servers_from(const nlohmann::json& answer);
/// The server must be the one that was asked for; what it leaves out is taken from the request.
[[nodiscard]] Result<Server> launched_from(const nlohmann::json& answer, const LaunchRequest& request);
/// That a server is not there is success.
[[nodiscard]] Result<void> terminated_from(const nlohmann::json& answer);

}  // namespace weir::protocol
