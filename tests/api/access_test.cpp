#include "controller/api/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "controller/api/rates.h"
#include "tests/api/fake_api_data.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// Two tokens: one that operates, one that reads.
class AccessTest : public testing::Test {
 protected:
  AccessTest() { control_.read_secret = "only-to-read-of-the-test"; }

  ApiResponse ask(const std::string& method, const std::string& path, const std::string& token) {
    std::map<std::string, std::string> headers;
    if (!token.empty()) headers["authorization"] = "Bearer " + token;
    return answer({method, path, {}, headers, "", "10.0.0.9"}, data_, control_);
  }
  ApiResponse get(const std::string& token) { return ask("GET", "/v1/groups", token); }
  ApiResponse pause(const std::string& token) { return ask("POST", "/v1/groups/app/pause", token); }
  static std::string detail(const ApiResponse& response) { return nlohmann::json::parse(response.body).at("detail"); }
  static std::string header(const ApiResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }

  FakeApiData data_;
  FakeControl control_;
};

TEST_F(AccessTest, whoever_reaches_it_may_read_where_reading_is_open) {
  for (const std::string& token : {std::string(), std::string("guess"), control_.read_secret}) EXPECT_EQ(get(token).status, 200);
  EXPECT_THAT(control_.wrong_tokens, IsEmpty()) << "nobody looked at it";
}

TEST_F(AccessTest, a_closed_api_is_read_with_either_role_and_tells_nothing_without) {
  control_.reading_is_open = false;
  EXPECT_EQ(get(control_.secret).status, 200);
  EXPECT_EQ(get(control_.read_secret).status, 200);
  for (const char* path : {"/v1/groups", "/v1/groups/app", "/v1/groups/nobody", "/v1/groups/app/plan", "/v1/groups/app/decisions",
                           "/v1/groups/app/deploys/current", "/metrics", "/nothing"}) {
    const ApiResponse refused = ask("GET", path, "");
    EXPECT_EQ(refused.status, 401) << path;
    EXPECT_EQ(header(refused, "WWW-Authenticate"), R"(Bearer realm="weir")");
    EXPECT_THAT(refused.body, Not(HasSubstr("icn"))) << path;
    EXPECT_EQ(ask("GET", path, "guess").status, 401) << path;
  }
  for (const char* path : {"/", "/healthz", "/readyz"}) EXPECT_EQ(ask("GET", path, "").status, 200) << path;
}

TEST_F(AccessTest, a_closed_api_without_a_token_is_closed) {
  control_.reading_is_open = false;
  control_.secret.clear();
  control_.read_secret.clear();
  EXPECT_EQ(get("anything").status, 403);
  EXPECT_EQ(get("").status, 403);
}

TEST_F(AccessTest, a_token_that_may_only_read_orders_nothing) {
  const ApiResponse refused = pause(control_.read_secret);
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(detail(refused), HasSubstr("token grafana has the role read"));
  EXPECT_THAT(refused.body, Not(HasSubstr(control_.read_secret)));
  EXPECT_THAT(control_.taken, IsEmpty());
  EXPECT_THAT(control_.wrong_tokens, IsEmpty()) << "it is not wrong";
  control_.secret.clear();
  EXPECT_THAT(detail(pause(control_.read_secret)), HasSubstr("no token is configured"));
}

TEST_F(AccessTest, wrong_tokens_are_told_of_and_at_some_point_turned_away) {
  const ApiResponse wrong = pause("guess");
  EXPECT_EQ(wrong.status, 401);
  EXPECT_THAT(detail(wrong), HasSubstr("the token is wrong"));
  EXPECT_EQ(pause("").status, 401);
  EXPECT_THAT(control_.wrong_tokens, ElementsAre("10.0.0.9")) << "none is not a wrong one";
  control_.guess_later = 6500ms;
  const ApiResponse late = pause("guess");
  EXPECT_EQ(late.status, 429);
  EXPECT_EQ(header(late, "Retry-After"), "7");
  EXPECT_EQ(control_.writes.back().status, 429);
  EXPECT_EQ(pause(control_.secret).status, 202) << "whoever has the secret is not locked out by those who guess";
}

TEST_F(AccessTest, a_peer_that_asks_too_often_is_told_when_to_come_back) {
  control_.ask_later = 1ms;
  for (const ApiResponse& limited : {get(""), pause(control_.secret), ask("GET", "/healthz", ""), ask("BREW", "/", "")}) {
    EXPECT_EQ(limited.status, 429);
    EXPECT_EQ(header(limited, "Retry-After"), "1");
  }
  EXPECT_THAT(control_.taken, IsEmpty());
}

TEST_F(AccessTest, an_order_remembers_by_which_token_and_from_where_it_came) {
  EXPECT_EQ(pause(control_.secret).status, 202);
  ASSERT_EQ(control_.taken.size(), 1U);
  EXPECT_EQ(control_.taken[0].token, "token");
  EXPECT_EQ(control_.taken[0].from, "10.0.0.9");
  EXPECT_EQ(control_.writes.back().token, "token");
}

// ---- how often -----------------------------------------------------------------------------------------------------------

class PeerRatesTest : public testing::Test {
 protected:
  PeerRatesTest() { rates_.limit({.requests_per_second = 10, .burst = 3, .wrong_tokens_per_minute = 2}); }
  /// How many of so many requests pass now.
  int passing(const std::string& peer, int count) {
    int passed = 0;
    for (int request = 0; request < count; ++request) passed += rates_.request(peer, now_) ? 0 : 1;
    return passed;
  }

  PeerRates rates_;
  PeerRates::Moment now_ = PeerRates::Moment(1h);
};

TEST_F(PeerRatesTest, a_burst_passes_and_then_so_many_a_second) {
  EXPECT_EQ(passing("a", 5), 3);
  EXPECT_EQ(rates_.request("a", now_), Duration(100));
  now_ += 100ms;
  EXPECT_EQ(passing("a", 5), 1);
  now_ += 1h;
  EXPECT_EQ(passing("a", 5), 3) << "a long rest makes no larger burst";
}

TEST_F(PeerRatesTest, peers_have_buckets_of_their_own) {
  EXPECT_EQ(passing("a", 5), 3);
  EXPECT_EQ(passing("b", 5), 3);
}

TEST_F(PeerRatesTest, wrong_tokens_have_a_stricter_one) {
  EXPECT_FALSE(rates_.wrong_token("a", now_));
  EXPECT_FALSE(rates_.wrong_token("a", now_));
  EXPECT_EQ(rates_.wrong_token("a", now_), Duration(30'000));
  EXPECT_FALSE(rates_.wrong_token("b", now_));
  EXPECT_FALSE(rates_.request("a", now_)) << "which holds up nothing else";
  now_ += 30s;
  EXPECT_FALSE(rates_.wrong_token("a", now_));
}

TEST_F(PeerRatesTest, new_limits_count_from_the_next_request_on) {
  EXPECT_EQ(passing("a", 5), 3);
  rates_.limit({.requests_per_second = 10, .burst = 5, .wrong_tokens_per_minute = 2});
  EXPECT_EQ(passing("a", 5), 2);
}

TEST_F(PeerRatesTest, any_number_of_peers_is_borne) {
  for (int peer = 0; peer < 20'000; ++peer) EXPECT_FALSE(rates_.request(std::to_string(peer), now_));
}

}  // namespace
}  // namespace weir
