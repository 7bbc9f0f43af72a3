// docs/logs.md has every event that the code logs; that the lines of a real run have these keys is tested with one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "tests/docs/documents.h"
#include "tests/monitoring/shipped.h"

namespace weir::monitoring {
namespace {

const std::filesystem::path kRoot = WEIR_SOURCE_DIR;

/// Events whose names stand in calls of the log, below controller/.
std::set<std::string> events_of_the_code() {
  std::set<std::string> events;
  const std::regex call(R"re(\blog_?\.(?:info|warning|error)\(\s*"(\w+)")re");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot / "controller")) {
    if (entry.path().extension() != ".cpp") continue;
    const std::string code = docs::read_text(entry.path());
    for (auto at = std::sregex_iterator(code.begin(), code.end(), call); at != std::sregex_iterator(); ++at) {
      events.insert((*at)[1]);
    }
  }
  return events;
}

std::set<std::string> documented_names() {
  std::set<std::string> names;
  for (const DocumentedEvent& event : documented_events()) names.insert(event.names.begin(), event.names.end());
  return names;
}

TEST(Logs, every_event_of_the_code_is_documented) {
  const auto events = events_of_the_code();
  EXPECT_GE(events.size(), 20U);
  EXPECT_THAT(documented_names(), testing::IsSupersetOf(events));
}

/// What the code has no literal name for: it takes them from actions and directions.
TEST(Logs, no_other_is) {
  auto expected = events_of_the_code();
  expected.insert({"scale_out", "scale_in", "launch", "admit", "drain", "readmit", "terminate", "set_weight", "run_hook",
                   "launch_failed", "terminate_failed"});
  EXPECT_EQ(documented_names(), expected);
}

}  // namespace
}  // namespace weir::monitoring
