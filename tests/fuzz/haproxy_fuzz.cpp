#include <string_view>

#include "balancers/haproxy/runtime.h"
#include "tests/fuzz/answering.h"

/// What HAProxy's runtime API answers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto servers = parse_servers(text, "be_app")) {
    for (const HaproxyServer& server : *servers) check(!server.name.empty() && server.sessions >= 0);
  } else {
    check_message(servers.error().message);
  }
  if (const auto judged = judge_answer(text); !judged) check_message(judged.error().message);
  if (const auto workers = parse_old_workers(text)) {
    for (const int worker : *workers) check(worker > 0);
  } else {
    check_message(workers.error().message);
  }
  return 0;
}
