// What the answers of the API mean.
#include <gtest/gtest.h>

#include "providers/vultr/instance.h"
#include "tests/fakes/vultr.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

std::string page(const std::string& instances, const std::string& meta) {
  return R"({"instances":[)" + instances + R"(],"meta":)" + meta + "}";
}

constexpr const char* kInstance =
    R"({"id":"cb676a46","status":"active","power_status":"running","server_status":"ok","main_ip":"192.0.2.1","internal_ip":"",)"
    R"("plan":"vc2-1c-2gb","region":"icn","date_created":"2020-10-10T01:56:20+00:00","tags":["weir:group=app","other"]})";
constexpr const char* kMeta = R"({"total":1,"links":{"next":"","prev":""}})";

TEST(VultrAnswers, an_instance_is_read_with_its_tags) {
  const auto read = read_instance_page(page(kInstance, kMeta));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->instances.size(), 1U);
  EXPECT_EQ(read->instances[0].tag(vultr_tag::kGroup), "app");
  EXPECT_EQ(read->instances[0].tag(vultr_tag::kToken), "");
  EXPECT_EQ(read->total, 1U);
}

TEST(VultrAnswers, what_is_not_a_list_is_never_an_empty_one) {
  const std::string broken[] = {
      "",
      "<html></html>",
      "null",
      "[]",
      "{}",
      R"({"instances":[]})",
      R"({"instances":null,"meta":{"total":0,"links":{"next":"","prev":""}}})",
      R"({"instances":{},"meta":{"total":0,"links":{"next":"","prev":""}}})",
      R"({"meta":{"total":0,"links":{"next":"","prev":""}}})",
      page("", R"({"links":{"next":"","prev":""}})"),
      page("", R"({"total":-1,"links":{"next":"","prev":""}})"),
      page("", R"({"total":"0","links":{"next":"","prev":""}})"),
      page("", R"({"total":0})"),
      page("", R"({"total":0,"links":{"next":null}})"),
      page("null", kMeta),
      page(R"({"id":"x"})", kMeta),
      page(R"({"id":7,"status":"active","date_created":"2020-10-10T01:56:20+00:00","tags":[]})", kMeta),
      page(R"({"id":"x","status":"active","date_created":"yesterday","tags":[]})", kMeta),
      page(R"({"id":"x","status":"active","date_created":"2020-10-10T01:56:20+00:00","tags":null})", kMeta),
      page(R"({"id":"x","status":"active","date_created":"2020-10-10T01:56:20+00:00","tags":[1]})", kMeta),
      page(kInstance, kMeta).substr(0, 200),
  };
  for (const std::string& body : broken) {
    const auto read = read_instance_page(body);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().kind, ErrorKind::unavailable);
  }
}

TEST(VultrAnswers, times_have_an_offset) {
  using std::chrono::sys_days;
  const TimePoint at = sys_days(std::chrono::year(2020) / 10 / 10) + 1h + 56min + 20s;
  EXPECT_EQ(parse_vultr_time("2020-10-10T01:56:20+00:00"), at);
  EXPECT_EQ(parse_vultr_time("2020-10-10T01:56:20Z"), at);
  EXPECT_EQ(parse_vultr_time("2020-10-10T10:56:20+09:00"), at);
  EXPECT_EQ(parse_vultr_time("2020-10-09T22:26:20-03:30"), at);
  for (const char* text : {"", "2020-10-10", "2020-10-10T01:56:20", "2020-13-10T01:56:20Z", "2020-02-30T01:56:20Z",
                           "2020-10-10T25:56:20Z", "2020-10-10 01:56:20+00:00"}) {
    EXPECT_FALSE(parse_vultr_time(text)) << text;
  }
}

TEST(VultrAnswers, limits_are_known_by_their_text) {
  for (const char* text :
       {"Server add failed: You have reached the maximum number of active virtual machines for this account.",
        "Server add failed: You have reached the maximum monthly fee limit for this account. To deploy additional services, please "
        "request a limit increase.",
        "Server add failed: Plan is not available in the selected datacenter.  This could mean you have chosen the wrong plan"}) {
    EXPECT_TRUE(says_no_capacity(text)) << text;
  }
  EXPECT_FALSE(says_no_capacity("Invalid plan chosen."));
}

TEST(VultrAnswers, a_removal_that_is_done_or_going_on_is_known_by_status_or_text) {
  EXPECT_TRUE(says_gone_or_going(404, "instance not found"));
  EXPECT_TRUE(says_gone_or_going(400, "invalid instance ID"));
  EXPECT_TRUE(says_gone_or_going(500, "Unable to destroy server: Server is already pending destruction."));
  EXPECT_FALSE(says_gone_or_going(500, "Unable to destroy server: Unable to remove VM: Server is currently locked"));
}

TEST(VultrAnswers, a_plan_has_a_price_by_the_hour_and_other_regions_may_have_another) {
  const auto read = read_plan_page(
      R"({"plans":[{"id":"a","monthly_cost":6.72,"hourly_cost":0.009,"location_cost":{"nrt":{"monthly_cost":13.44},"x":3}},)"
      R"({"id":"no-price"},7],"meta":{"total":3,"links":{"next":"c","prev":""}}})");
  ASSERT_TRUE(read);
  ASSERT_EQ(read->first.size(), 1U);
  EXPECT_DOUBLE_EQ(read->first[0].per_hour, 0.01) << "the real bill ends at 672 hours";
  ASSERT_EQ(read->first[0].per_hour_in.size(), 1U);
  EXPECT_DOUBLE_EQ(read->first[0].per_hour_in[0].second, 0.02);
  EXPECT_EQ(read->second, "c");
}

TEST(VultrAnswers, an_error_that_is_a_page_of_html_has_no_text) {
  EXPECT_EQ(error_text({.status = 500, .body = "<html>"}), "");
  EXPECT_EQ(error_text({.status = 500, .body = R"({"error":7})"}), "");
  EXPECT_EQ(error_text({.status = 400, .body = R"({"error":"no","status":400})"}), "no");
}

}  // namespace
}  // namespace weir
