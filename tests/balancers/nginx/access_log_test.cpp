#include "balancers/nginx/access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(FailedUpstreams, are_those_of_requests_nginx_gave_up) {
  EXPECT_THAT(failed_upstreams(R"(1.2.3.4 "GET / HTTP/1.1" status=502 upstream="10.0.0.1:80")"), ElementsAre("10.0.0.1:80"));
  EXPECT_THAT(failed_upstreams(R"(status=504 upstream="10.0.0.1:80, [::1]:81" 3.2)"), ElementsAre("10.0.0.1:80", "[::1]:81"));
  EXPECT_THAT(failed_upstreams(R"(status=502 upstream="10.0.0.1:80, 10.0.0.2:80 : 10.0.0.3:80")"),
              ElementsAre("10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"));
}

TEST(FailedUpstreams, are_none_for_what_a_server_answered_itself) {
  for (const char* status : {"200", "304", "404", "499", "500", "503"}) {
    EXPECT_THAT(failed_upstreams(std::string("status=") + status + R"( upstream="10.0.0.1:80, 10.0.0.2:80")"), IsEmpty());
  }
}

TEST(FailedUpstreams, are_none_for_what_a_client_made_up) {
  // What nginx writes of a request that holds the pair: its quotes are escaped.
  EXPECT_THAT(failed_upstreams(R"("GET /?status=502 upstream=\x2210.0.0.1:80\x22 HTTP/1.1" status=200 upstream="10.0.0.2:80")"),
              IsEmpty());
}

TEST(FailedUpstreams, are_none_in_a_line_of_another_format) {
  for (const char* line : {"", "502", R"(1.2.3.4 - - "GET / HTTP/1.1" 502 157)", R"(upstream="10.0.0.1:80")", R"(status=502)",
                           R"(status=502 upstream=")", R"(status=502 upstream="-)"}) {
    EXPECT_THAT(failed_upstreams(line), ::testing::AnyOf(IsEmpty(), ElementsAre("-"))) << line;
  }
}

class AccessLogTest : public ::testing::Test {
 protected:
  void SetUp() override { std::ofstream(path_) << ""; }
  void lose(const std::string& address) const {
    std::ofstream(path_, std::ios::app) << "status=502 upstream=\"" << address << "\"\n";
  }
  int lost(const std::vector<std::string>& leaving, const std::vector<Peer>& peers = {}) {
    const auto count = log_.lost(leaving, peers, now_);
    EXPECT_TRUE(count) << count.error().message;
    return count.value_or(-1);
  }

  TempDirectory directory_;
  const std::filesystem::path path_ = directory_.path() / "access.log";
  AccessLog log_{path_};
  AccessLog::Steady::time_point now_;
};

TEST_F(AccessLogTest, blames_who_is_leaving_and_nobody_else) {
  EXPECT_EQ(lost({"10.0.0.1:80"}), 0);
  lose("10.0.0.1:80");
  lose("10.0.0.2:80");
  lose("10.0.0.2:80, 10.0.0.1:80");
  EXPECT_EQ(lost({"10.0.0.1:80"}), 2);
  EXPECT_EQ(lost({"10.0.0.1:80"}), 0);
}

TEST_F(AccessLogTest, a_server_that_has_gone_is_blamed_for_a_while) {
  EXPECT_EQ(lost({"10.0.0.1:80"}), 0);
  lose("10.0.0.1:80");
  now_ += AccessLog::kAfterlife;
  EXPECT_EQ(lost({}), 1);
  lose("10.0.0.1:80");
  EXPECT_EQ(lost({}), 0);
}

TEST_F(AccessLogTest, the_next_server_at_the_address_is_not_blamed) {
  EXPECT_EQ(lost({"10.0.0.1:80"}), 0);
  lose("10.0.0.1:80");
  EXPECT_EQ(lost({}, {{"new", "10.0.0.1:80", 1}}), 0);
}

TEST_F(AccessLogTest, a_server_still_in_the_file_that_is_leaving_is_blamed) {
  EXPECT_EQ(lost({"10.0.0.1:80"}, {{"old", "10.0.0.1:80", 1}}), 0);
  lose("10.0.0.1:80");
  EXPECT_EQ(lost({"10.0.0.1:80"}, {{"old", "10.0.0.1:80", 1}}), 1);
}

TEST_F(AccessLogTest, a_log_that_cannot_be_read_is_an_error_not_zero) {
  std::filesystem::remove(path_);
  EXPECT_FALSE(log_.lost({}, {}, now_));
}

}  // namespace
}  // namespace weir
