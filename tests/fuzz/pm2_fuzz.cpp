#include <nlohmann/json.hpp>
#include <string>

#include "providers/pm2/entry.h"
#include "tests/fuzz/answering.h"

/// What `pm2 jlist` prints, and what is made of it to start one more.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  const auto entries = pm2::parse_list({reinterpret_cast<const char*>(data), size});
  if (!entries) {
    check_message(entries.error().message);
    return 0;
  }
  for (const pm2::Entry& entry : *entries) {
    const auto copy = nlohmann::json::parse(pm2::copy_of(entry, "app-2", {{"PORT", "3001"}}), nullptr, false);
    check(copy.is_object());
  }
  return 0;
}
