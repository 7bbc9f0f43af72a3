// The API attacked from all sides at once: what becomes of each attack, what an honest client notices, and that no turn comes late.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "controller/state/state_reader.h"
#include "examples/stand/process.h"
#include "platform/file.h"
#include "tests/e2e/site.h"
#include "tests/e2e/turns.h"
#include "tests/support/free_port.h"
#include "tests/support/raw_client.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using Steady = std::chrono::steady_clock;

constexpr Duration kInterval{500};
constexpr std::size_t kCrowd = 1000;
constexpr std::size_t kStayOpen = 64;  ///< docs/api.md
constexpr std::array kGroups{"app", "jobs", "web"};

// Each side has an address of its own: one that asks too much answers for itself.
constexpr const char* kHonest = "127.0.0.1";
constexpr const char* kCrowdFrom = "127.0.0.2";
constexpr const char* kDripsFrom = "127.0.0.3";
constexpr const char* kLargeFrom = "127.0.0.4";
constexpr const char* kMalformedFrom = "127.0.0.5";
constexpr const char* kGuessesFrom = "127.0.0.6";
constexpr const char* kFloodFrom = "127.0.0.7";

Duration how_long() { return soaking() ? Duration(10min) : Duration(8s); }

TimePoint now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

/// Until it is over, or somebody ends it.
void pause_for(Duration duration, const std::stop_token& stop) {
  (void)wait_until(duration, [&stop] { return stop.stop_requested(); });
}

/// "413", or "closed" where the connection ended without an answer.
std::string outcome_of(const std::string& text) { return text.starts_with("HTTP/1.1 ") ? text.substr(9, 3) : "closed"; }

/// How often what came of what. Thread-safe.
class Outcomes {
 public:
  void count(const std::string& attack, const std::string& outcome) {
    const std::lock_guard lock(mutex_);
    ++counts_[attack][outcome];
  }
  [[nodiscard]] int of(const std::string& attack, const std::string& outcome) const {
    const std::lock_guard lock(mutex_);
    const auto found = counts_.find(attack);
    if (found == counts_.end()) return 0;
    const auto count = found->second.find(outcome);
    return count == found->second.end() ? 0 : count->second;
  }
  [[nodiscard]] std::set<std::string> all(const std::string& attack) const {
    const std::lock_guard lock(mutex_);
    std::set<std::string> names;
    if (const auto found = counts_.find(attack); found != counts_.end()) {
      for (const auto& [name, count] : found->second) names.insert(name);
    }
    return names;
  }
  [[nodiscard]] std::string text() const {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const auto& [attack, outcomes] : counts_) {
      text += fmt::format("{}{}:", text.empty() ? "" : "; ", attack);
      for (const auto& [outcome, count] : outcomes) text += fmt::format(" {} x {}", count, outcome);
    }
    return text;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::map<std::string, int>> counts_;
};

/// A request with one documented outcome, besides that its connection may be closed for others that come.
struct Attack {
  std::string name;
  std::string request;
  std::string outcome;
};

std::vector<Attack> oversized() {
  const std::string post = "POST /v1/groups/app/scale HTTP/1.1\r\nHost: x\r\n";
  std::string many;
  for (int header = 0; header < 101; ++header) many += fmt::format("X-{}: a\r\n", header);
  return {
      {"long head", "GET / HTTP/1.1\r\nConnection: close\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n", "431"},
      {"many headers", "GET / HTTP/1.1\r\nConnection: close\r\n" + many + "\r\n", "431"},
      {"long path", "GET /" + std::string(9'000, 'a') + " HTTP/1.1\r\nConnection: close\r\n\r\n", "414"},
      {"long body", post + "Content-Length: 65537\r\n\r\n", "413"},
      {"body of a GET", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "413"},
      {"endless head", "GET / HTTP/1.1\r\nX: " + std::string(200'000, 'a'), "closed"},
  };
}

std::vector<Attack> malformed() {
  const std::string host = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
  const std::string post = "POST /v1/groups/app/scale" + host;
  return {
      {"unknown method", "BREW /v1/groups" + host + "\r\n", "405"},
      {"broken path", "GET /v1/groups/%zz" + host + "\r\n", "400"},
      {"ambiguous body", post + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "400"},
      {"body of no length", post + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "411"},
      {"TLS where there is none", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), "400"},
  };
}

std::string order(const std::string& secret) {
  const std::string token = secret.empty() ? "" : "Authorization: Bearer " + secret + "\r\n";
  constexpr const char* body = R"({"servers": 6, "by": "mallory"})";
  return fmt::format("POST /v1/groups/app/scale HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}Content-Length: {}\r\n\r\n{}", token,
                     std::string_view(body).size(), body);
}

/// Everybody who means harm. Goes on until it goes.
class Attackers {
 public:
  explicit Attackers(int port) : port_(port) {
    start([this](const std::stop_token& stop) { crowd(stop); });
    start([this](const std::stop_token& stop) { drip(stop); });
    start([this](const std::stop_token& stop) { ask(oversized(), kLargeFrom, stop); });
    start([this](const std::stop_token& stop) { ask(malformed(), kMalformedFrom, stop); });
    start([this](const std::stop_token& stop) { guess(stop); });
    start([this](const std::stop_token& stop) { flood(stop); });
  }
  /// All thousand have come, and as many as may stay are left of them.
  [[nodiscard]] bool are_all_there() const { return few_left_; }
  void stop() {
    for (std::jthread& thread : threads_) thread.request_stop();
    threads_.clear();
  }
  [[nodiscard]] const Outcomes& outcomes() const { return outcomes_; }

 private:
  using Crowd = std::vector<std::unique_ptr<RawClient>>;

  template <typename Work>
  void start(Work work) {
    threads_.emplace_back(work);
  }

  [[nodiscard]] std::unique_ptr<RawClient> connect(const char* from) const { return std::make_unique<RawClient>(port_, from); }

  /// A thousand connections, opened and held; those that were closed are opened again, at most 100 at once.
  void crowd(const std::stop_token& stop) {
    constexpr std::array<const char*, 3> kBeginnings{
        "", "GET / HTTP/1.1\r\nX: ", "POST /v1/groups/app/pause HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"};
    const auto open = [&](std::size_t number) {
      auto client = connect(kCrowdFrom);
      client->send(kBeginnings[number % kBeginnings.size()]);
      outcomes_.count("crowd", client->connected() ? "opened" : "not opened");
      return client;
    };
    Crowd crowd;
    for (std::size_t number = 0; number < kCrowd && !stop.stop_requested(); ++number) crowd.push_back(open(number));
    const auto silent = [](const auto& client) { return client->silent(); };
    while (!stop.stop_requested() && static_cast<std::size_t>(std::ranges::count_if(crowd, silent)) > kStayOpen) {
      pause_for(20ms, stop);
    }
    few_left_ = true;
    while (!stop.stop_requested()) {
      int reopened = 0;
      for (std::size_t number = 0; number < crowd.size() && reopened < 100 && !stop.stop_requested(); ++number) {
        if (crowd[number]->silent()) continue;
        outcomes_.count("crowd", "closed");
        crowd[number] = open(number);
        ++reopened;
      }
      pause_for(250ms, stop);
    }
  }

  /// Slow loris: a byte now and then, so that a request never ends.
  void drip(const std::stop_token& stop) {
    constexpr std::size_t kDrips = 20;
    constexpr std::array<const char*, 2> kBeginnings{
        "GET / HTTP/1.1\r\nX: ", "POST /v1/groups/app/scale HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{"};
    Crowd drips(kDrips);
    for (std::size_t number = 0; !stop.stop_requested(); number = (number + 1) % kDrips) {
      auto& client = drips[number];
      if (client && !client->send("a")) {
        outcomes_.count("drips", "closed");
        client = nullptr;
      }
      if (!client) {
        client = connect(kDripsFrom);
        client->send(kBeginnings[number % kBeginnings.size()]);
      }
      pause_for(10ms, stop);
    }
  }

  void ask(const std::vector<Attack>& attacks, const char* from, const std::stop_token& stop) {
    for (std::size_t number = 0; !stop.stop_requested(); number = (number + 1) % attacks.size()) {
      const Attack& attack = attacks[number];
      RawClient client(port_, from);
      client.send(attack.request);
      client.send_no_more();
      outcomes_.count(attack.name, outcome_of(client.read_all()));
      pause_for(20ms, stop);
    }
  }

  void guess(const std::stop_token& stop) {
    for (int number = 0; !stop.stop_requested(); ++number) {
      const bool wrong = number % 4 != 0;
      RawClient client(port_, kGuessesFrom);
      client.send(order(wrong ? fmt::format("guess-{}", number) : ""));
      const std::string answer = client.read_all();
      const std::string outcome = outcome_of(answer);
      outcomes_.count(wrong ? "wrong token" : "no token", outcome);
      if (outcome == "429" && !answer.contains("\r\nRetry-After: ")) outcomes_.count("wrong token", "429 without Retry-After");
      pause_for(50ms, stop);
    }
  }

  /// Whatever costs most, as fast as it is answered.
  void flood(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      RawClient client(port_, kFloodFrom);
      client.send("GET /v1/groups/web/decisions?limit=1000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      outcomes_.count("flood", outcome_of(client.read_all()));
    }
  }

  int port_;
  std::atomic<bool> few_left_ = false;
  Outcomes outcomes_;
  std::vector<std::jthread> threads_;
};

/// A controller of imaginary servers, and somebody who asks it at a normal rate and has its token.
class ApiLoad : public testing::Test {
 protected:
  void SetUp() override {
    std::string groups;
    for (const char* group : kGroups) {
      groups += fmt::format("  - {{name: {}, provider: cloud, version: v1, server: {{}}, min: 2, max: 6}}\n", group);
    }
    std::ofstream(directory_.path() / "weir.yaml")
        << fmt::format("controller: {{state: ./state.db, interval: {}ms, listen: \"127.0.0.1:{}\", token: {}}}\n",
                       kInterval.count(), port_, kSecret)
        << "providers: {cloud: {type: memory}}\ngroups:\n"
        << groups;
    auto started = Program::start({.command = {WEIR_PROGRAM, "run", "-c", (directory_.path() / "weir.yaml").string()},
                                   .directory = directory_.path(),
                                   .log = directory_.path() / "weir.log"});
    ASSERT_TRUE(started) << started.error().message;
    weir_.emplace(std::move(*started));
    ASSERT_TRUE(wait_until(60s, [this] { return group()["servers"].size() == 2; })) << log();
  }

  [[nodiscard]] std::string log() const { return read_file(directory_.path() / "weir.log").value_or(""); }
  [[nodiscard]] std::unique_ptr<StateReader> state() const {
    auto opened = StateReader::open(directory_.path() / "state.db");
    return opened ? std::move(*opened) : nullptr;
  }

  /// The whole answer. One whose connection was closed for others asks again, as a client does; empty if that was in vain.
  std::string ask(const std::string& head, const std::string& body = "") {
    const auto begin = Steady::now();
    std::string answer;
    for (int tried = 0; tried < 50 && answer.empty(); ++tried) {
      asked_again_ += tried > 0 ? 1 : 0;
      RawClient client(port_, kHonest);
      client.send(fmt::format(
          "{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n{}", head,
          body.empty() ? "" : fmt::format("Authorization: Bearer {}\r\nContent-Length: {}\r\n", kSecret, body.size()), body));
      answer = client.read_all();
    }
    ++asked_;
    slowest_ = std::max(slowest_, std::chrono::duration_cast<Duration>(Steady::now() - begin));
    return answer;
  }
  json group() {
    const std::string answer = ask("GET /v1/groups/app");
    const json parsed = json::parse(answer.substr(std::min(answer.size(), answer.find("\r\n\r\n"))), nullptr, false);
    return parsed.is_object() ? parsed : json::object();
  }

  static constexpr const char* kSecret = "secret-of-the-test";
  TempDirectory directory_;
  int port_ = free_port();
  std::optional<Program> weir_;
  int asked_ = 0;
  int asked_again_ = 0;
  Duration slowest_{0};
};

/// For a thousand connections and more. weir itself, which runs by then, keeps what it has.
bool may_open_many_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  limit.rlim_cur = std::min<rlim_t>(4096, limit.rlim_max);
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= 2048;
}

void expect_outcomes(const Outcomes& outcomes) {
  EXPECT_GE(outcomes.of("crowd", "opened"), static_cast<int>(kCrowd));
  EXPECT_EQ(outcomes.of("crowd", "not opened"), 0);
  EXPECT_GE(outcomes.of("crowd", "closed"), static_cast<int>(kCrowd - kStayOpen)) << "more than may stay open";
  EXPECT_GT(outcomes.of("drips", "closed"), 0);
  for (const std::vector<Attack>& attacks : {oversized(), malformed()}) {
    for (const Attack& attack : attacks) {
      EXPECT_GT(outcomes.of(attack.name, attack.outcome), 0) << attack.name;
      std::set<std::string> others = outcomes.all(attack.name);
      others.erase(attack.outcome);
      others.erase("closed");
      EXPECT_TRUE(others.empty()) << attack.name << ": " << testing::PrintToString(others);
    }
  }
  const std::pair<const char*, std::set<std::string>> rest[] = {
      {"no token", {"401", "closed"}}, {"wrong token", {"401", "429", "closed"}}, {"flood", {"200", "429", "closed"}}};
  for (const auto& [attack, allowed] : rest) {
    for (const std::string& outcome : outcomes.all(attack)) EXPECT_TRUE(allowed.contains(outcome)) << attack << ": " << outcome;
  }
  EXPECT_GT(outcomes.of("no token", "401"), 0);
  EXPECT_GT(outcomes.of("wrong token", "401"), 0);
  EXPECT_GT(outcomes.of("wrong token", "429"), 0) << "after ten";
  EXPECT_GT(outcomes.of("flood", "200"), 0);
}

TEST_F(ApiLoad, whoever_attacks_gets_what_is_documented_while_an_honest_client_is_served_and_no_turn_is_late) {
  ASSERT_TRUE(may_open_many_files());
  const TimePoint calm = now();
  const json before = group()["last_turn"];
  ASSERT_TRUE(wait_until(60s, [&] { return now() - calm > 5 * kInterval && group()["last_turn"] != before; })) << log();

  const TimePoint begin = now();
  Attackers attackers(port_);
  ASSERT_TRUE(wait_until(60s, [&] { return attackers.are_all_there(); })) << attackers.outcomes().text();
  asked_ = asked_again_ = 0;
  slowest_ = Duration{0};
  const std::string taken = ask("POST /v1/groups/app/scale", R"({"servers": 5, "by": "ann"})");
  EXPECT_EQ(outcome_of(taken), "202") << taken;
  const auto until = Steady::now() + how_long();
  int obeyed = 0;
  for (int question = 0; Steady::now() < until; ++question) {
    constexpr std::array kQuestions{"GET /healthz", "GET /v1/groups", "GET /v1/groups/app", "GET /v1/groups/app/decisions?limit=3",
                                    "GET /metrics"};
    const char* asked = kQuestions[static_cast<std::size_t>(question) % kQuestions.size()];
    const std::string answer = ask(asked);
    ASSERT_EQ(outcome_of(answer), "200") << asked << "\n" << answer << log();
    obeyed += question % 5 == 2 && answer.contains("\"desired\":5,") ? 1 : 0;
    pause_for(200ms, {});
  }
  const TimePoint end = now();
  attackers.stop();
  EXPECT_GT(obeyed, 0) << "the order was obeyed while they attacked";
  expect_outcomes(attackers.outcomes());

  ASSERT_TRUE(weir_->stop(20s));
  EXPECT_EQ(weir_->status(), 0) << log();
  const auto reader = state();
  ASSERT_TRUE(reader);
  EXPECT_EQ((*reader).load("app")->manual.hold.value_or(Manual::Hold{}).servers, 5) << "the honest order, and no other";
  std::string story;
  for (const char* name : kGroups) {
    const Turns quiet = turns_between(*reader, name, calm, begin);
    const Turns attacked = turns_between(*reader, name, begin, end);
    EXPECT_GT(quiet.count, 0U) << name;
    EXPECT_LE(attacked.largest, kInterval + kLateAtMost) << name << " had a late turn";
    story +=
        fmt::format("; {}: {} turns, largest gap {} ms, median {} ms (in peace {} turns, {} ms, {} ms)", name, attacked.count,
                    attacked.largest.count(), attacked.median.count(), quiet.count, quiet.largest.count(), quiet.median.count());
  }
  std::printf("attacked for %lld ms, interval %lld ms%s; honest: %d questions, %d asked again, slowest %lld ms; %s\n",
              static_cast<long long>((end - begin).count()), static_cast<long long>(kInterval.count()), story.c_str(), asked_,
              asked_again_, static_cast<long long>(slowest_.count()), attackers.outcomes().text().c_str());
}

}  // namespace
}  // namespace weir
