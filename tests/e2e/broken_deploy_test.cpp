// Versions that are no good, each in its own way, under traffic and before a judge that asks a real Prometheus.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <string>

#include "tests/e2e/site.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr double kShare = 0.10;  ///< of the traffic, in the first step of the canary
constexpr int kServers = 4;
constexpr double kRequestsPerSecond = 120;

/// Steps are longer than the ranges of the queries, so that none is judged by what was before it.
constexpr const char* kDeploy = R"(
  strategy: canary
  max_surge: 1
  failure_limit: 1
  steps: [{weight: 10%, soak: FIRST_SOAK}, {weight: 50%, soak: 5s}]
  judge:
    interval: 1s
    samples: 'sum(increase(app_requests_total{version="{version}"}[4s]))'
    min_samples: 20
    checks:
      - name: error ratio
        query: 'sum(rate(app_requests_total{version="{version}",code=~"5.."}[4s])) / sum(rate(app_requests_total{version="{version}"}[4s]))'
        below: 0.01
      - name: p95 seconds
        query: 'histogram_quantile(0.95, sum by (le) (rate(app_request_duration_seconds_bucket{version="{version}"}[4s])))'
        below_old: 2.5
)";
constexpr const char* kGood = "service-time=40ms\n";

/// `short_one` in every run, `long_one` in a soak: what shows only after a while has to show within the first step.
std::string with_time(std::string text, const std::string& name, const char* short_one, const char* long_one) {
  const std::size_t at = text.find(name);
  return at == std::string::npos ? text : text.replace(at, name.size(), soaking() ? long_one : short_one);
}
std::string rule() { return with_time(kDeploy, "FIRST_SOAK", "8s", "30s"); }

struct Broken {
  const char* name;
  const char* options;  ///< of v2's servers; null: they do not start
  const char* cause;    ///< what the reason has to name
  enum class Users { see_nothing, see_failures } users;
};

std::ostream& operator<<(std::ostream& out, const Broken& broken) { return out << broken.name; }

std::string deploy_of(Site& site) { return site.stand().weir_get("/v1/groups/app/deploys/current").value_or("{}"); }

class BrokenDeploy : public testing::TestWithParam<Broken> {};

TEST_P(BrokenDeploy, goes_back_by_itself_and_users_see_at_most_the_share_of_the_canary) {
  std::map<std::string, std::string> versions{{"v1", kGood}};
  if (GetParam().options != nullptr) versions["v2"] = with_time(GetParam().options, "WHILE", "5s", "20s");
  const auto site = Site::start({.min = kServers, .app_options = {}, .deploy = rule(), .versions = versions});
  ASSERT_TRUE(site);
  Traffic traffic(site->stand(), kRequestsPerSecond / 2);

  const auto start = std::chrono::steady_clock::now();
  const CommandAnswer answer = site->deploy("v2", "canary");
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const std::size_t requests = traffic.requests();
  const std::size_t failures = traffic.failures();
  const std::size_t by_new = traffic.answered_by("v2") + failures;
  const json deploy = json::parse(deploy_of(*site), nullptr, false);
  EXPECT_EQ(answer.status, 1) << answer.output << site->story();
  EXPECT_TRUE(site->settles_at(kServers)) << site->story();
  EXPECT_EQ(site->versions(), std::set<std::string>{"v1"}) << site->story();
  ASSERT_EQ(deploy.value("end", ""), "went_back") << deploy.dump() << site->story();
  EXPECT_NE(deploy.value("why_back", "").find(GetParam().cause), std::string::npos) << deploy.dump();

  const auto share_of_all = [requests](std::size_t count) { return static_cast<double>(count) / static_cast<double>(requests); };
  fmt::print(
      "{}: back after {:.1f} s; {} requests, {} failed ({:.2f} %), {} met the new version ({:.2f} %) of at most {:.0f} %; {}\n",
      GetParam().name, took.count(), requests, failures, 100 * share_of_all(failures), by_new, 100 * share_of_all(by_new),
      100 * kShare, deploy.value("why_back", ""));
  EXPECT_LE(share_of_all(by_new), kShare);
  EXPECT_LE(share_of_all(failures), kShare);
  if (GetParam().users == Broken::Users::see_nothing) {
    EXPECT_EQ(failures, 0U) << site->story();
  }
  EXPECT_EQ(site->metric("weir_orphans") + site->metric("weir_unowned_servers"), 0);
}

constexpr Broken kBroken[] = {
    {"does_not_start", nullptr, "exited", Broken::Users::see_nothing},
    {"sickens_after_a_while", "service-time=40ms\nunhealthy-after=WHILE\n", "GET /health: 503", Broken::Users::see_nothing},
    {"makes_errors", "service-time=40ms\nerror-rate=0.05\n", "error ratio", Broken::Users::see_failures},
    {"is_three_times_slower", "service-time=120ms\n", "p95 seconds", Broken::Users::see_nothing},
    {"dies_after_a_while", "service-time=40ms\ncrash-after-requests=40\n", "exited", Broken::Users::see_failures},
};

INSTANTIATE_TEST_SUITE_P(Versions, BrokenDeploy, testing::ValuesIn(kBroken),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(GoodDeploy, passes_the_judge_that_sends_broken_ones_back) {
  const auto site = Site::start({.min = kServers, .app_options = {}, .deploy = rule(), .versions = {{"v1", kGood}, {"v2", kGood}}});
  ASSERT_TRUE(site);
  Traffic traffic(site->stand(), kRequestsPerSecond / 2);
  const CommandAnswer answer = site->deploy("v2", "canary");
  EXPECT_EQ(answer.status, 0) << answer.output << site->story();
  EXPECT_TRUE(site->settles_at(kServers)) << site->story();
  EXPECT_EQ(site->versions(), std::set<std::string>{"v2"});
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

}  // namespace
}  // namespace weir
