// The fake is held to the documented shape, and notices who is not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/providers/vultr/world.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

HttpStub::Request request(const std::string& method, const std::string& target, const std::string& body = {}) {
  return {.method = method, .target = target, .headers = {{"authorization", "Bearer key"}}, .body = body};
}

TEST(FakeVultr, every_kind_of_answer_is_as_documented) {
  VultrWorld world([](FakeVultr::Options& options) { options.page = 2; });
  world.fake.add_foreign(3);
  const std::string order = R"({"region":"icn","plan":"vc2-1c-2gb","os_id":1,"tags":["weir:token=t"]})";
  EXPECT_EQ(world.fake.answer(request("POST", "/instances", order)).status, 202);
  const std::string id = world.fake.alive().front().id;
  EXPECT_EQ(world.fake.answer(request("GET", "/instances/" + id)).status, 200);
  EXPECT_EQ(world.fake.answer(request("GET", "/instances?per_page=500")).status, 200);
  EXPECT_EQ(world.fake.answer(request("GET", "/plans")).status, 200);
  EXPECT_EQ(world.fake.answer(request("DELETE", "/instances/" + id)).status, 204);
  EXPECT_EQ(world.fake.answer(request("DELETE", "/instances/" + id)).status, 404);
  EXPECT_EQ(world.fake.answer(request("GET", "/instances/" + id)).status, 404);
  EXPECT_EQ(world.fake.answer(request("POST", "/instances", "{}")).status, 400);
  world.fake.refuse_key(403);
  EXPECT_EQ(world.fake.answer(request("GET", "/plans")).status, 403);
  EXPECT_THAT(world.fake.violations(), testing::ElementsAre(HasSubstr("order: : lacks")));
}

TEST(FakeVultr, a_late_create_is_carried_out_when_it_is_due_whenever_somebody_asks_next) {
  VultrWorld world([](FakeVultr::Options& options) { options.late_by = Duration{3000}; });
  world.fake.fail("instances.create", {FakeVultr::Fault::late});
  const FakeVultr::Moment asked = world.clock.now();
  (void)world.fake.answer(
      request("POST", "/instances", R"({"region":"icn","plan":"vc2-1c-2gb","os_id":1,"tags":["weir:token=t"]})"));
  world.clock.pass(Duration{60'000});
  (void)world.fake.answer(request("GET", "/instances"));
  ASSERT_EQ(world.fake.all().size(), 1U);
  EXPECT_EQ(world.fake.all().front().made, asked + Duration{3000});
}

TEST(FakeVultr, a_cursor_that_is_not_encoded_is_refused) {
  VultrWorld world([](FakeVultr::Options& options) { options.page = 2; });
  world.fake.add_foreign(3);
  EXPECT_EQ(world.fake.answer(request("GET", "/instances?cursor=bmV4dA==/+2")).status, 400);
  EXPECT_EQ(world.fake.answer(request("GET", "/instances?cursor=bmV4dA%3D%3D%2F%2B2")).status, 200);
}

TEST(FakeVultr, an_order_with_a_field_nobody_knows_is_noticed) {
  VultrWorld world;
  (void)world.fake.answer(request("POST", "/instances", R"({"region":"icn","plan":"vc2-1c-2gb","os_id":1,"plann":1})"));
  EXPECT_THAT(world.fake.violations(), testing::ElementsAre(HasSubstr("plann")));
}

TEST(FakeVultr, more_than_thirty_calls_in_a_second_are_throttled) {
  VultrWorld world;
  for (int call = 0; call < 30; ++call) EXPECT_EQ(world.fake.answer(request("GET", "/plans")).status, 200);
  EXPECT_EQ(world.fake.answer(request("GET", "/plans")).status, 429);
  world.clock.pass(std::chrono::seconds(1));
  EXPECT_EQ(world.fake.answer(request("GET", "/plans")).status, 200);
  EXPECT_THAT(world.fake.violations(), IsEmpty());
  EXPECT_EQ(world.fake.busiest_second(), 31U);
}

}  // namespace
}  // namespace weir
