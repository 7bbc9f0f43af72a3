#include "controller/cli/live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

class SteadyClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return {}; }
  [[nodiscard]] std::chrono::steady_clock::time_point steady() const override { return at; }
  std::chrono::steady_clock::time_point at;
};

std::string logged(LiveControl& control, const ApiWrite& write) {
  testing::internal::CaptureStderr();
  control.written(write);
  return testing::internal::GetCapturedStderr();
}

TEST(LiveControl, who_has_no_token_cannot_flood_the_log) {
  SteadyClock clock;
  const Log log(Log::Format::text);
  Metrics metrics("1");
  LiveControl control(clock, log, metrics);
  const ApiWrite stranger{.what = "scale", .group = "app", .remote = "127.0.0.1", .status = 401, .refusal = "no token"};
  EXPECT_THAT(logged(control, stranger), HasSubstr("count=1"));
  for (int more = 0; more < 5; ++more) EXPECT_THAT(logged(control, stranger), IsEmpty());
  ApiWrite known = stranger;
  known.token = "deployer";
  EXPECT_THAT(logged(control, known), HasSubstr("token=deployer")) << "each of those who are known is told";
  EXPECT_THAT(logged(control, known), HasSubstr("token=deployer"));
  clock.at += 10s;
  EXPECT_THAT(logged(control, stranger), HasSubstr("count=6"));
}

}  // namespace
}  // namespace weir
