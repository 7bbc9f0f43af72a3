// What packaging/monitoring ships, against a real Prometheus that scrapes a real `weir run`, nginx and exporters.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "platform/command.h"
#include "platform/file.h"
#include "platform/http_client.h"
#include "tests/docs/documents.h"
#include "tests/e2e/site.h"
#include "tests/monitoring/shipped.h"
#include "tests/support/free_port.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Why panels may be without data after an ordinary run. None is: what happens rarely is made to happen.
const std::set<std::string> kWithoutData = {};

bool installed(const std::string& program) {
  const auto ran = run_command({"which", program}, 10s);
  return ran && ran->status == 0;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// Exporters that are not here, by the names of their jobs: tests/monitoring/recorded has what they would answer.
constexpr std::array kRecorded = {"cadvisor", "nginxlog", "postgres", "redis"};

/// What the cookbook's queries make of the recordings, where it does not depend on the time between two scrapes.
const std::map<std::string, double> kKnownAnswers = {
    {"slow", 0.75}, {"container-memory", 0.75}, {"container-throttled", 0.3}, {"postgres", 0.85}, {"redis", 0.025}};

/// A recorded answer as it is at the n-th scrape of an exporter under a steady load: counters and histograms are n times as large.
std::string at_scrape(int n, const std::string& recorded) {
  std::istringstream lines(recorded);
  std::string text;
  bool grows = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) grows = line.ends_with(" counter") || line.ends_with(" histogram");
    const std::size_t value = line.rfind(' ') + 1;
    if (grows && !line.starts_with('#')) line = line.substr(0, value) + fmt::format("{}", n * std::stod(line.substr(value)));
    text += line + "\n";
  }
  return text;
}

/// Stands for an exporter that is not here.
class Recording {
 public:
  explicit Recording(const std::string& job)
      : recorded_(docs::read_text(fs::path(WEIR_SOURCE_DIR) / "tests/monitoring/recorded" / (job + ".txt"))) {
    EXPECT_FALSE(recorded_.empty()) << job;
    stub_.answer([this](const HttpStub::Request&) {
      return HttpStub::Answer{.body = at_scrape(++scrapes_, recorded_), .content_type = "text/plain; version=0.0.4"};
    });
  }
  [[nodiscard]] std::string address() const { return stub_.address(); }

 private:
  const std::string recorded_;
  std::atomic<int> scrapes_ = 0;
  HttpStub stub_;
};

/// A site with all that operators watch it with.
class Watched {
 public:
  /// nullptr after a reported failure.
  [[nodiscard]] static std::unique_ptr<Watched> start() {
    auto watched = std::unique_ptr<Watched>(new Watched);
    return watched->prepare() && watched->site_->begin() && watched->start_exporters() ? std::move(watched) : nullptr;
  }

  [[nodiscard]] Site& site() { return *site_; }
  [[nodiscard]] Stand& stand() { return site_->stand(); }

  /// Grows, shrinks, is deployed and reloaded: what a day brings.
  void live() {
    // Prometheus begins to scrape some seconds after its start: only then there is a before and an after.
    ASSERT_TRUE(Stand::eventually([&] { return stand().query("weir_desired").value_or(0) == 2; }, 40s)) << site_->story();
    Traffic traffic(stand());
    site_->want(4);
    ASSERT_TRUE(site_->settles_at(4)) << site_->story();
    const CommandAnswer deployed = site_->deploy("v2", "rolling");
    ASSERT_EQ(deployed.status, 0) << deployed.output << site_->story();
    stand().weir().signal(SIGHUP);
    ASSERT_TRUE(site_->logs("reloaded")) << site_->story();
    site_->want(2);
    ASSERT_TRUE(site_->settles_at(2)) << site_->story();
    EXPECT_TRUE(traffic.all_answered()) << site_->story();
  }

  /// The receiver of notifications takes none any more.
  void refuse_messages() { chat_.answer(HttpStub::Answer{.status = 403}); }

  /// What Prometheus answers about the last five minutes, as to a panel; null after a reported failure.
  [[nodiscard]] Json ask_for_picture(const std::string& query) {
    const double now = stand().query("time()").value_or(0);
    return ask(fmt::format("/api/v1/query_range?query={}&start={}&end={}&step=0.5", url_encoded(query), now - 300, now));
  }

  /// Prometheus' answer; null after a reported failure.
  [[nodiscard]] Json ask(const std::string& path) {
    const auto answer = stand().get(stand().prometheus_url() + path);
    EXPECT_TRUE(answer) << path << ": " << answer.error().message;
    return answer ? Json::parse(*answer).at("data") : Json();
  }

 private:
  bool prepare() {
    site_ = Site::create({.min = 2, .deploy = "{soak: 500ms}"});
    if (!site_) return false;
    site_->rewrite_config("controller:\n", "controller:\n  log_format: json\n");
    site_->rewrite_config(
        "  local: {type: process}\n",
        fmt::format("  local: {{type: process}}\n  cloud: {{type: vultr, api_key: key, api_url: '{}'}}\n", cloud_.url()));
    site_->rewrite_config("groups:\n", fmt::format("notifications:\n"
                                                   "  receivers: [{{name: chat, type: webhook, url: '{}'}}]\n"
                                                   "  routes: [{{receiver: chat, group_wait: 0s}}]\n"
                                                   "groups:\n",
                                                   chat_.url()));
    site_->rewrite_config("    min: 2\n", "    cost: {per_hour: 0.02, currency: USD}\n    min: 2\n");
    change(stand().directory() / "nginx/nginx.conf", "    location = /stand/alive",
           "    location = /stub_status { access_log off; stub_status; }\n    location = /stand/alive");
    const fs::path prometheus = stand().directory() / "prometheus/prometheus.yml";
    change(prometheus, "global: {", "rule_files: [rules/*.yml]\nglobal: {evaluation_interval: 1s, ");
    add_job(prometheus, "app-node", machine_, ", labels: {weir_server: one}");
    add_job(prometheus, "nginx", nginx_, "");
    for (const char* job : kRecorded) {
      recordings_.push_back(std::make_unique<Recording>(job));
      add_job(prometheus, job, recordings_.back()->address(), "");
    }
    return copy_rules() && !testing::Test::HasFailure();
  }

  static void change(const fs::path& file, const std::string& what, const std::string& by) {
    std::string text = read_file(file).value_or("");
    ASSERT_TRUE(text.contains(what)) << text;
    replace_all(text, what, by);
    ASSERT_TRUE(replace_file(file, text));
  }

  static void add_job(const fs::path& file, const std::string& name, const std::string& address, const std::string& more) {
    const std::string job = fmt::format("  - job_name: {}\n    static_configs: [{{targets: ['{}']{}}}]\n", name, address, more);
    ASSERT_TRUE(replace_file(file, read_file(file).value_or("") + job));
  }

  /// Evaluated each second, so that the test need not wait for them.
  bool copy_rules() {
    const fs::path folder = stand().directory() / "prometheus/rules";
    std::error_code failed;
    fs::copy(monitoring::shipped() / "prometheus/rules", folder, failed);
    EXPECT_FALSE(failed) << failed.message();
    change(folder / "site.yml", "interval: 1m", "interval: 1s");
    return !failed;
  }

  bool run(const std::string& name, std::vector<std::string> command, const std::string& address) {
    exporters_.push_back(std::make_unique<Piece>(
        name,
        ProgramOptions{
            .command = std::move(command), .directory = stand().directory(), .log = stand().directory() / "logs" / (name + ".log")},
        [this, address]() -> Result<void> {
          const auto answer = stand().get("http://" + address + "/metrics");
          if (!answer) return std::unexpected(answer.error());
          return {};
        }));
    const auto started = exporters_.back()->start();
    EXPECT_TRUE(started) << started.error().message;
    return started.has_value();
  }

  /// nginx's own needs one that runs.
  bool start_exporters() {
    return run("node_exporter", {"prometheus-node-exporter", "--web.listen-address=" + machine_}, machine_) &&
           run("nginx_exporter",
               {"prometheus-nginx-exporter", "-web.listen-address=" + nginx_, "-nginx.scrape-uri=" + stand().url() + "stub_status"},
               nginx_);
  }

  const std::string machine_ = fmt::format("127.0.0.1:{}", free_port());
  const std::string nginx_ = fmt::format("127.0.0.1:{}", free_port());
  HttpStub chat_;
  HttpStub cloud_{HttpStub::Answer{.body = R"({"instances":[],"meta":{"total":0,"links":{"next":"","prev":""}}})",
                                   .content_type = "application/json"}};
  std::vector<std::unique_ptr<Recording>> recordings_;
  std::unique_ptr<Site> site_;
  std::vector<std::unique_ptr<Piece>> exporters_;
};

class Monitoring : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* program : {"prometheus-node-exporter", "prometheus-nginx-exporter"}) {
      if (!installed(program)) GTEST_SKIP() << "no " << program << ": needs the package of that name";
    }
    watched_ = Watched::start();
    ASSERT_TRUE(watched_);
  }

  [[nodiscard]] Site& site() { return watched_->site(); }

  std::unique_ptr<Watched> watched_;
};

/// Whether a result has a number in it.
bool has_numbers(const Json& data) {
  for (const Json& series : data.at("result")) {
    const Json values = series.contains("values") ? series.at("values") : Json::array({series.at("value")});
    for (const Json& value : values) {
      if (std::isfinite(std::strtod(value.at(1).get<std::string>().c_str(), nullptr))) return true;
    }
  }
  return false;
}

/// As Grafana puts its variables in.
std::string with_variables(std::string query) {
  replace_all(query, "$group", "app");
  replace_all(query, "$__rate_interval", "5s");
  EXPECT_FALSE(query.contains('$')) << "a variable this test does not know: " << query;
  return query;
}

TEST_F(Monitoring, every_query_of_the_dashboard_has_data) {
  ASSERT_NO_FATAL_FAILURE(watched_->live());
  site().lose_the_gauge();
  ASSERT_TRUE(Stand::eventually(
      [&] { return watched_->stand().query("sum(weir_sample_failures_total) * max(weir_policy_abstains)").value_or(0) > 0; }, 40s))
      << site().story();

  for (const auto& [panel, expression] : monitoring::panel_queries()) {
    const std::string query = with_variables(expression);
    const Json data = watched_->ask_for_picture(query);
    ASSERT_TRUE(data.is_object()) << panel << ": " << query;
    EXPECT_NE(has_numbers(data), kWithoutData.contains(panel)) << panel << ": " << query << "\n" << data.dump().substr(0, 500);
  }
}

TEST_F(Monitoring, the_dashboard_offers_the_groups_that_there_are) {
  const auto variables = monitoring::variables();
  ASSERT_FALSE(variables.empty());
  for (const auto& variable : variables) {
    ASSERT_FALSE(variable.label.empty()) << variable.name << " is filled in a way that this test does not know";
    // As Grafana asks for label_values().
    const std::string path = "/api/v1/label/" + variable.label + "/values?match%5B%5D=" + url_encoded(variable.series);
    EXPECT_TRUE(Stand::eventually([&] { return watched_->ask(path) == Json::array({"app"}); }, 40s))
        << variable.name << ": " << watched_->ask(path);
  }
}

/// Its first failure is the beginning of its series, so nothing increases.
TEST_F(Monitoring, a_receiver_that_refuses_its_first_message_is_told_of_and_marked_in_the_dashboard) {
  watched_->refuse_messages();
  site().want(3);
  const std::string fires = R"(ALERTS{alertname="WeirNotificationsFail",alertstate="firing",receiver="chat"})";
  ASSERT_TRUE(Stand::eventually([&] { return watched_->stand().query(fires).value_or(0) == 1; }, 60s)) << site().story();

  const auto marks = monitoring::annotation_queries();
  ASSERT_FALSE(marks.empty());
  for (const auto& [name, query] : marks) {
    const Json data = watched_->ask_for_picture(with_variables(query));
    ASSERT_TRUE(data.is_object()) << name << ": " << query;
    std::set<std::string> alerts;
    for (const Json& series : data.at("result")) alerts.insert(series.at("metric").at("alertname").get<std::string>());
    EXPECT_THAT(alerts, testing::Contains("WeirNotificationsFail")) << name << ": " << query;
  }
}

TEST_F(Monitoring, every_rule_can_be_evaluated_and_the_alert_on_missing_data_is_on_its_way) {
  ASSERT_NO_FATAL_FAILURE(watched_->live());
  site().lose_the_gauge();
  Json groups;
  const auto state_of = [&](const std::string& name) {
    for (const Json& group : groups) {
      for (const Json& rule : group.at("rules")) {
        if (rule.at("name") == name) return rule.value("state", "");
      }
    }
    return std::string();
  };
  ASSERT_TRUE(Stand::eventually(
      [&] {
        groups = watched_->ask("/api/v1/rules").at("groups");
        return state_of("WeirMetricsMissing") == "pending";
      },
      60s))
      << groups.dump(1);
  for (const Json& group : groups) {
    for (const Json& rule : group.at("rules")) EXPECT_EQ(rule.at("health"), "ok") << rule.dump();
  }
  EXPECT_EQ(state_of("WeirAbsent"), "inactive");
  EXPECT_EQ(state_of("WeirBalancerWritesFail"), "inactive");
}

TEST_F(Monitoring, every_query_of_the_cookbook_has_an_answer) {
  Traffic traffic(watched_->stand());
  std::map<std::string, int> answered;
  std::set<std::string> known;
  for (const auto& policy : monitoring::shown_policies()) {
    SCOPED_TRACE(policy.section + ": " + policy.name + ": " + policy.query);
    const std::string path = "/api/v1/query?query=" + url_encoded(policy.query);
    ASSERT_TRUE(watched_->ask(path).is_object());
    EXPECT_TRUE(Stand::eventually([&] { return has_numbers(watched_->ask(path)); }, 30s)) << site().story();
    ++answered[policy.section];
    const auto expected = kKnownAnswers.find(policy.name);
    if (expected == kKnownAnswers.end()) continue;
    EXPECT_NEAR(watched_->stand().query(policy.query).value_or(-1), expected->second, 1e-6);
    known.insert(policy.name);
  }
  EXPECT_EQ(known.size(), kKnownAnswers.size());
  EXPECT_GE(answered["node_exporter"], 9);
  EXPECT_EQ(answered["nginx"], 3);
  EXPECT_EQ(answered["nginx's access log"], 2);
  EXPECT_EQ(answered["The app itself"], 4);
  EXPECT_EQ(answered["cAdvisor"], 4);
  EXPECT_EQ(answered["Databases, as guards"], 2);
}

/// What docs/logs.md says of the event; nullptr if it says nothing.
const monitoring::DocumentedEvent* documented(const std::vector<monitoring::DocumentedEvent>& events, const std::string& name) {
  const auto found = std::ranges::find_if(events, [&](const auto& event) { return event.names.contains(name); });
  return found == events.end() ? nullptr : &*found;
}

void check_line(const std::vector<monitoring::DocumentedEvent>& events, const std::string& line) {
  SCOPED_TRACE(line);
  const Json entry = Json::parse(line, nullptr, false);
  ASSERT_TRUE(entry.is_object());
  std::vector<std::string> keys;
  for (const auto& [key, value] : entry.items()) {
    EXPECT_TRUE(value.is_string()) << key;
    keys.push_back(key);
  }
  ASSERT_GE(keys.size(), 3U);
  EXPECT_EQ(std::vector<std::string>(keys.begin(), keys.begin() + 3), (std::vector<std::string>{"time", "level", "event"}));
  EXPECT_TRUE(std::regex_match(entry["time"].get<std::string>(), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
  const auto* event = documented(events, entry["event"]);
  ASSERT_NE(event, nullptr) << "not in docs/logs.md";
  EXPECT_EQ(entry["level"], event->level);
  std::set<std::string> further(keys.begin() + 3, keys.end());
  for (const std::string& key : event->optional) further.erase(key);
  EXPECT_EQ(further, event->keys);
}

TEST_F(Monitoring, each_line_of_the_json_log_has_the_documented_keys) {
  ASSERT_NO_FATAL_FAILURE(watched_->live());
  ASSERT_EQ(site().command({"pause", "app", "--in", "--for", "1m"}).status, 0) << site().story();
  ASSERT_NE(site().command({"scale", "app", "99"}).status, 0);
  site().lose_the_gauge();
  ASSERT_TRUE(site().logs("no_data")) << site().story();
  site().rewrite_config("    max: 8", "    maxx: 8");
  watched_->stand().weir().signal(SIGHUP);
  ASSERT_TRUE(site().logs("reload_refused")) << site().story();
  ASSERT_TRUE(watched_->stand().weir().stop());

  const auto events = monitoring::documented_events();
  std::istringstream log(site().weir_log());
  std::set<std::string> seen;
  for (std::string line; std::getline(log, line);) {
    ASSERT_NO_FATAL_FAILURE(check_line(events, line));
    seen.insert(Json::parse(line).at("event").get<std::string>());
  }
  EXPECT_THAT(seen, testing::IsSupersetOf({"started", "launch", "admit", "peers", "scale_out", "scale_in", "drain", "terminate",
                                           "deploy_started", "deploy_ended", "order", "no_data", "reloaded", "reload_refused",
                                           "stopping"}));
}

/// `weir …` of the shell blocks: what one is told to look at.
std::set<std::string> shown_commands() {
  std::set<std::string> commands;
  for (const char* page : {"docs/runbook.md", "docs/monitoring.md", "docs/logs.md"}) {
    for (const docs::Block& block : docs::fenced_blocks(page, docs::read_text(fs::path(WEIR_SOURCE_DIR) / page))) {
      if (block.language != "sh") continue;
      std::istringstream lines(block.text);
      for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("weir ")) commands.insert(line.substr(5));
      }
    }
  }
  return commands;
}

TEST_F(Monitoring, the_commands_of_the_runbook_work_and_change_nothing) {
  ASSERT_EQ(site().deploy("v2", "rolling").status, 0) << site().story();
  const auto apps = site().apps();
  const auto commands = shown_commands();
  EXPECT_GE(commands.size(), 6U);
  for (const std::string& command : commands) {
    std::istringstream words(command);
    const CommandAnswer answer = site().command({std::istream_iterator<std::string>(words), {}});
    EXPECT_EQ(answer.status, 0) << "weir " << command << "\n" << answer.output;
  }
  EXPECT_TRUE(site().takes_turns(2));
  EXPECT_EQ(site().apps(), apps);
}

}  // namespace
}  // namespace weir
