// docs/reference/metrics.md is what the code says of its metrics.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "controller/api/metrics.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

const std::filesystem::path kRoot = WEIR_SOURCE_DIR;

/// A metric as the text format shows it.
struct Shown {
  std::string type;
  std::string help;
  std::set<std::string> labels;
};

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Record full_record() {
  Record record;
  record.group = "app";
  record.at = TimePoint{1'772'357'400'000ms};
  record.plan.decision = {.previous = 2,
                          .desired = 3,
                          .votes = {{.policy = "cpu", .stance = Vote::Stance::wants, .wants = 3, .value = 80}},
                          .steps = {{.stage = "votes", .from = 2, .to = 3}}};
  record.servers.resize(1);
  record.rollout = Rollout{.version = "v2", .from = "v1"};
  return record;
}

/// Metrics of which each has been recorded.
std::string everything() {
  Metrics metrics("0.1.0");
  Group group;
  group.name = "app";
  group.policies = {{"cpu", "threshold", {}}};
  group.cost = CostRule{.per_hour = 1, .currency = "USD"};
  metrics.group(group);
  metrics.turn(full_record(), 1ms);
  metrics.sample("app", "cpu", Sample::Status::nan);
  metrics.lost("app", 1);
  metrics.unowned("cloud", 1);
  metrics.notification("chat", "delivered");
  metrics.notifications_queued("chat", 1);
  metrics.api_call({.api = "cloud", .operation = "list", .outcome = "ok", .elapsed = 5ms});
  return metrics.text();
}

std::map<std::string, Shown> shown() {
  std::map<std::string, Shown> metrics;
  std::istringstream text(everything());
  std::string name;
  const std::regex comment(R"(# (HELP|TYPE) (\w+) (.*))");
  const std::regex label(R"((\w+)=")");
  for (std::string line; std::getline(text, line);) {
    std::smatch found;
    if (std::regex_match(line, found, comment)) {
      name = found[2];
      (found[1] == "HELP" ? metrics[name].help : metrics[name].type) = found[3];
      continue;
    }
    for (auto at = std::sregex_iterator(line.begin(), line.end(), label); at != std::sregex_iterator(); ++at) {
      if ((*at)[1] != "le") metrics[name].labels.insert((*at)[1]);
    }
  }
  return metrics;
}

std::string reference() {
  std::string page = R"(# Metrics

What weir says about itself at `/metrics` of `controller.listen`. This page is made from the code; after a change:
`WEIR_UPDATE_GOLDEN=1 build/check/tests/api/api_test --gtest_filter='MetricsReference.*'`. What to make of them:
[monitoring](../monitoring.md).

A metric whose meaning begins with "1 while" is 0 otherwise, those of deploys are missing. Of a histogram there are `_bucket`, `_sum` and `_count`. Series of a group end
when it is no longer configured. A counter that has counted nothing may be missing: ask for it with `or vector(0)` where that matters.

| metric | type | labels | meaning |
|---|---|---|---|
)";
  for (const auto& [name, metric] : shown()) {
    page += fmt::format("| `{}` | {} | {} | {} |\n", name, metric.type, fmt::join(metric.labels, ", "), metric.help);
  }
  return page;
}

/// WEIR_UPDATE_GOLDEN=1 writes the page of today; read the diff before you commit it.
TEST(MetricsReference, is_what_the_code_says) {
  const std::filesystem::path page = kRoot / "docs/reference/metrics.md";
  if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr) std::ofstream(page, std::ios::binary) << reference();
  EXPECT_EQ(read(page), reference());
}

TEST(MetricsReference, has_every_metric_that_the_code_names) {
  const std::string code = read(kRoot / "controller/api/metrics.cpp");
  const std::regex name(R"re("(weir_\w+)")re");
  const auto metrics = shown();
  int named = 0;
  for (auto at = std::sregex_iterator(code.begin(), code.end(), name); at != std::sregex_iterator(); ++at, ++named) {
    EXPECT_TRUE(metrics.contains((*at)[1])) << (*at)[1] << " is not recorded by this test";
  }
  EXPECT_GE(named, 30);
}

TEST(MetricsReference, every_metric_has_a_help_and_a_type) {
  for (const auto& [name, metric] : shown()) {
    EXPECT_TRUE(metric.help.ends_with(".")) << name;
    EXPECT_THAT(metric.type, testing::AnyOf("counter", "gauge", "histogram")) << name;
    EXPECT_EQ(name.ends_with("_total"), metric.type == "counter") << name;
  }
}

}  // namespace
}  // namespace weir
