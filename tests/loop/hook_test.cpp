#include "controller/loop/hook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class HookTest : public testing::Test {
 protected:
  Outcome run(std::vector<std::string> command, Duration timeout = 60s, const std::stop_token& stop = {}) {
    Group group{.name = "app"};
    group.deploy.hooks.before = Hook{.command = std::move(command), .timeout = timeout};
    const Rollout rollout{.version = "v2", .from = "v1", .strategy = Strategy::canary};
    return run_hook(group, rollout, {.point = HookPoint::before, .token = "before-1"}, stop);
  }
};

TEST_F(HookTest, knows_what_is_deployed) {
  const Outcome outcome =
      run({"/bin/sh", "-c", "echo $1 $2 $3 $WEIR_GROUP $WEIR_VERSION $WEIR_OLD_VERSION $WEIR_STRATEGY $WEIR_HOOK", "sh",
           "{version}", "{from}", "{group}"});
  EXPECT_EQ(outcome.kind, Outcome::Kind::hook);
  EXPECT_EQ(outcome.subject, "before-1");
  EXPECT_FALSE(outcome.error);
  EXPECT_EQ(outcome.detail, "v2 v1 app app v2 v1 canary before");
}

TEST_F(HookTest, that_fails_says_with_what_and_what_it_printed_last) {
  const Outcome outcome = run({"/bin/sh", "-c", "seq 1000; echo no such table >&2; exit 3"});
  ASSERT_TRUE(outcome.error);
  EXPECT_THAT(outcome.error->message, HasSubstr("/bin/sh ended with status 3: "));
  EXPECT_THAT(outcome.error->message, testing::EndsWith("1000 no such table"));
  EXPECT_LT(outcome.error->message.size(), 400U);
}

TEST_F(HookTest, that_does_not_end_is_killed_and_has_failed) {
  const Outcome outcome = run({"/bin/sh", "-c", "sleep 1000"}, 10ms);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->kind, ErrorKind::unavailable);
}

TEST_F(HookTest, that_does_not_exist_has_failed) { EXPECT_EQ(run({"/no/such/program"}).error->kind, ErrorKind::not_found); }

TEST_F(HookTest, ends_with_the_controller) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(run({"/bin/sh", "-c", "sleep 1000"}, 60s, stop.get_token()).error->kind, ErrorKind::cancelled);
}

TEST_F(HookTest, that_the_configuration_has_no_more_is_through) {
  EXPECT_FALSE(run_hook({.name = "app"}, {.version = "v2"}, {.point = HookPoint::after, .token = "after-1"}, {}).error);
}

}  // namespace
}  // namespace weir
