#include <algorithm>
#include <nlohmann/json.hpp>

#include "providers/protocol.h"
#include "tests/fuzz/answering.h"

/// What programs and plug-ins answer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  const nlohmann::json answer = nlohmann::json::parse(data, data + size, nullptr, false);
  if (!answer.is_object()) return 0;
  const auto check_server = [](const Server& server) {
    check(!server.id.empty() && !server.group.empty());
    for (const std::string& text : {server.id, server.address, server.version, server.token, server.failure, server.protection}) {
      (void)nlohmann::json(text).dump();
    }
  };
  if (const auto servers = protocol::servers_from(answer)) {
    check(std::ranges::is_sorted(*servers, {}, &Server::id));
    check(std::ranges::adjacent_find(*servers, {}, &Server::id) == servers->end());
    std::ranges::for_each(*servers, check_server);
  } else {
    check_message(servers.error().message);
  }
  Group group;
  group.name = "app";
  if (const auto launched = protocol::launched_from(answer, {group, "tok-1", "v1"})) {
    check_server(*launched);
    check(launched->token == "tok-1" && launched->group == "app");
  } else {
    check_message(launched.error().message);
  }
  if (const auto gone = protocol::terminated_from(answer); !gone) check_message(gone.error().message);
  return 0;
}
