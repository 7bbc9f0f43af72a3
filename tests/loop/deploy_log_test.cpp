#include "controller/loop/deploy_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const TimePoint kNow{1'772'357'400'000ms};

std::string logged(const Memory& before, const Memory& after, std::vector<Order> orders = {}) {
  testing::internal::CaptureStderr();
  {
    const Log log(Log::Format::text);
    log_deploy(log, before, after, {.group = "app", .at = kNow, .orders = std::move(orders)});
  }
  return testing::internal::GetCapturedStderr();
}

/// Ordered 90 s ago; the last turn was a second ago.
Memory deploying() {
  Memory memory{.version = "v1", .turned_at = kNow - 1s};
  memory.rollout = Rollout{.version = "v2", .from = "v1", .replaced = {"v1.1", "v1.2"}, .by = "ann", .started_at = kNow - 90s};
  return memory;
}
Memory going_back() {
  Memory memory = deploying();
  memory.rollout->direction = Rollout::Direction::back;
  memory.rollout->why_back = "aborted by bob";
  return memory;
}
Memory ended(Memory memory, Rollout::End end) {
  memory.rollout->ended_at = kNow;
  memory.rollout->end = end;
  return memory;
}

TEST(DeployLog, tells_once_that_a_deploy_began) {
  const char* line = "event=deploy_started group=app strategy=rolling from=v1 version=v2 replaced=v1.1,v1.2 by=ann";
  EXPECT_THAT(logged({.turned_at = kNow - 1s}, deploying()), HasSubstr(line));
  EXPECT_EQ(logged(deploying(), deploying()), "");
  EXPECT_EQ(logged({}, {}), "");
  Memory next = deploying();
  next.rollout->version = "v3";
  next.rollout->started_at = kNow;
  EXPECT_THAT(logged(deploying(), next), HasSubstr("event=deploy_started group=app strategy=rolling from=v1 version=v3"));
  EXPECT_THAT(logged(ended(deploying(), Rollout::End::done), next), HasSubstr("event=deploy_started"));
}

TEST(DeployLog, tells_once_how_a_hook_ended) {
  Memory running = deploying();
  running.rollout->hooks = {{.point = HookPoint::before, .token = "before-1", .started_at = kNow - 9s}};
  EXPECT_EQ(logged(deploying(), running), "");
  Memory through = running;
  through.rollout->hooks[0].ended_at = kNow;
  through.rollout->hooks[0].said = "12 rows";
  EXPECT_THAT(logged(running, through), HasSubstr("event=hook_done group=app hook=before said=\"12 rows\""));
  EXPECT_EQ(logged(through, through), "");
  through.rollout->hooks[0].failed = true;
  EXPECT_THAT(logged(running, through), HasSubstr("event=hook_failed"));
}

TEST(DeployLog, tells_of_one_that_was_ordered_while_weir_did_not_run) {
  Memory before = deploying();
  before.deploy_untold = true;
  EXPECT_THAT(logged(before, deploying()), HasSubstr("event=deploy_started"));
}

// Found by review: one that was ordered after the turn it was saved beside was told again by the next.
TEST(DeployLog, tells_once_of_one_that_was_ordered_after_the_last_turn) {
  Memory before;
  before.turned_at = kNow - 91s;
  Memory saved = deploying();
  saved.turned_at = before.turned_at;
  EXPECT_THAT(logged(before, saved), HasSubstr("event=deploy_started"));
  EXPECT_EQ(logged(saved, deploying()), "");
}

TEST(DeployLog, tells_that_it_goes_back_and_why) {
  const std::string line = "event=deploy_goes_back group=app version=v2 to=v1 why=\"aborted by bob\"";
  EXPECT_THAT(logged(deploying(), going_back()), AllOf(HasSubstr(line), Not(HasSubstr("deploy_started"))));
  EXPECT_EQ(logged(going_back(), going_back()), "");
  EXPECT_THAT(logged({}, going_back()), AllOf(HasSubstr("deploy_started"), HasSubstr(line))) << "both in one turn";
}

TEST(DeployLog, tells_that_somebody_let_it_go_on) {
  const std::vector<Order> orders{{.kind = Order::Kind::promote, .by = "bob"}};
  EXPECT_THAT(logged(deploying(), deploying(), orders), HasSubstr("event=deploy_promoted group=app version=v2 by=bob"));
  const Memory done = ended(deploying(), Rollout::End::done);
  EXPECT_EQ(logged(done, done, orders), "") << "there was nothing to go on";
}

TEST(DeployLog, tells_once_how_it_ended) {
  const Memory done = ended(deploying(), Rollout::End::done);
  EXPECT_THAT(logged(deploying(), done), HasSubstr("event=deploy_ended group=app version=v2 end=done"));
  EXPECT_THAT(logged(deploying(), done), HasSubstr("took=1m30s"));
  EXPECT_EQ(logged(done, done), "");
  const Memory back = ended(going_back(), Rollout::End::went_back);
  EXPECT_THAT(logged(going_back(), back), HasSubstr("end=went_back why=\"aborted by bob\""));
  EXPECT_THAT(logged({}, done), AllOf(HasSubstr("deploy_started"), HasSubstr("deploy_ended"))) << "a group without servers";
}

}  // namespace
}  // namespace weir
