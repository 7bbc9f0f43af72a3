#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <stop_token>

#include "balancers/haproxy/balancer.h"
#include "examples/load/load.h"
#include "platform/file.h"
#include "platform/http_client.h"
#include "tests/balancers/write_peers.h"
#include "tests/support/haproxy_program.h"
#include "tests/support/http_stub.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// App servers in this process: each counts its requests; `/slow` is answered when the test lets it.
class Apps {
 public:
  static constexpr std::size_t kCount = 4;
  Apps() {
    for (std::size_t index = 0; index < kCount; ++index)
      apps_.push_back(
          std::make_unique<HttpStub>([this, index](const HttpStub::Request& request) { return answer(index, request); }));
  }
  ~Apps() { release(); }
  [[nodiscard]] Peer peer(std::size_t index) const { return {"srv-" + std::to_string(index), apps_[index]->address(), 1}; }
  /// Some of them, sorted by address.
  [[nodiscard]] std::vector<Peer> peers(const std::vector<std::size_t>& indices) const {
    std::vector<Peer> peers;
    for (const std::size_t index : indices) peers.push_back(peer(index));
    std::ranges::sort(peers, {}, &Peer::address);
    return peers;
  }
  [[nodiscard]] int requests(std::size_t index) const { return requests_[index]; }
  [[nodiscard]] int slow(std::size_t index) const { return slow_[index]; }
  void release() { released_.request_stop(); }

 private:
  HttpStub::Answer answer(std::size_t index, const HttpStub::Request& request) {
    ++requests_[index];
    if (request.target == "/slow") {
      ++slow_[index];
      std::mutex mutex;
      std::condition_variable_any over;
      std::unique_lock lock(mutex);
      (void)over.wait(lock, released_.get_token(), [] { return false; });
    }
    return {.body = std::to_string(index)};
  }

  std::stop_source released_;
  std::array<std::atomic<int>, kCount> requests_{};
  std::array<std::atomic<int>, kCount> slow_{};
  std::vector<std::unique_ptr<HttpStub>> apps_;
};

class RealHaproxy : public ::testing::TestWithParam<HaproxyProgram::Mode> {
 protected:
  void SetUp() override {
    if (!HaproxyProgram::is_here()) GTEST_SKIP() << "there is no haproxy here; Debian's package haproxy has it";
  }
  enum class File { loaded, none };
  /// `loaded`: as the page says: weir first, which writes the file for a HAProxy that does not run yet.
  void begin(File file, const std::vector<Peer>& peers) {
    haproxy_ = std::make_unique<HaproxyProgram>(
        GetParam(), file == File::loaded ? HaproxyProgram::Backend::in_file : HaproxyProgram::Backend::in_configuration);
    HaproxyPlace place{.runtime = HaproxyRuntime(haproxy_->socket(), 20s, haproxy_->master_socket()),
                       .format = {.group = "app", .backend = "app", .options = {"pool-max-conn", "-1", "pool-purge-delay", "1s"}}};
    if (file == File::loaded) {
      place.file = haproxy_->backend_file();
      place.test = haproxy_->test_command();
      place.format.lines = {"option httpchk GET /health"};
    }
    balancer_ = std::make_unique<HaproxyBalancer>(std::move(place));
    if (file == File::loaded) {
      EXPECT_FALSE(write_peers(*balancer_, peers).has_value()) << "nobody is there to be told";
    }
    ASSERT_TRUE(haproxy_->start()) << haproxy_->log();
    if (file == File::none) {
      write(peers);
    }
    expect_in_force(peers);
  }
  void write(const std::vector<Peer>& peers) {
    const auto written = write_peers(*balancer_, peers);
    ASSERT_TRUE(written.has_value()) << written.error().message;
  }
  void expect_in_force(const std::vector<Peer>& peers) {
    const BalancerView view = balancer_->read({}, {});
    EXPECT_TRUE(view.in_force) << view.detail;
    EXPECT_EQ(view.peers, peers);
  }
  [[nodiscard]] int connections(const Peer& peer) {
    const auto counted = balancer_->read(std::vector<std::string>{peer.address}, {}).connections;
    return counted ? counted->front().count : -1;
  }
  [[nodiscard]] bool has_server(const std::string& name) {
    const auto servers = HaproxyRuntime(haproxy_->socket(), 20s).servers("app", {});
    return servers && std::ranges::find(*servers, name, &HaproxyServer::name) != servers->end();
  }
  Apps apps_;
  std::unique_ptr<HaproxyProgram> haproxy_;
  std::unique_ptr<HaproxyBalancer> balancer_;
};

INSTANTIATE_TEST_SUITE_P(, RealHaproxy, ::testing::Values(HaproxyProgram::Mode::plain, HaproxyProgram::Mode::master),
                         [](const auto& each) {
                           return each.param == HaproxyProgram::Mode::plain ? "plain" : "master_and_worker";
                         });

/// Only a master can be asked about workers that were replaced.
class RealHaproxyMaster : public RealHaproxy {};
INSTANTIATE_TEST_SUITE_P(, RealHaproxyMaster, ::testing::Values(HaproxyProgram::Mode::master),
                         [](const auto&) { return "master_and_worker"; });

TEST_P(RealHaproxy, no_request_fails_while_servers_come_and_go) {
  begin(File::none, apps_.peers({0}));
  Load load({.url = haproxy_->url() + "/", .clients = 8, .length = std::chrono::minutes(10)});
  const std::vector<std::vector<std::size_t>> steps = {{0, 1}, {1}, {1, 2, 3}, {2}, {0, 2}, {0, 1, 2, 3}, {3}, {0}};
  for (int round = 0; round < 4; ++round) {
    for (const auto& step : steps) {
      write(apps_.peers(step));
      expect_in_force(apps_.peers(step));
      const int before = apps_.requests(step.back());
      EXPECT_TRUE(wait_until(20s, [&] { return apps_.requests(step.back()) >= before + 10; }));
    }
  }
  load.stop();
  const LoadSummary summary = load.summary();
  EXPECT_EQ(summary.failures, 0U) << summary.first_failure;
  EXPECT_GT(summary.requests, 300U);
  EXPECT_TRUE(wait_until(20s, [&] { return !has_server("srv-1") && !has_server("srv-2") && !has_server("srv-3"); }));
}

TEST_P(RealHaproxy, a_server_with_a_slow_request_is_deleted_only_when_that_is_done) {
  begin(File::none, apps_.peers({0}));
  HttpClient client;
  auto slow = std::async(std::launch::async, [&] { return client.fetch({.url = haproxy_->url() + "/slow"}); });
  ASSERT_TRUE(wait_until(20s, [&] { return apps_.slow(0) == 1; }));
  write(apps_.peers({1}));
  expect_in_force(apps_.peers({1}));
  EXPECT_EQ(connections(apps_.peer(0)), 1);
  // New requests go elsewhere, and it is there still after the writer has looked at it again.
  ASSERT_TRUE(client.fetch({.url = haproxy_->url() + "/"}).has_value());
  EXPECT_EQ(apps_.requests(1), 1);
  EXPECT_TRUE(has_server("srv-0"));
  apps_.release();
  const auto answered = slow.get();
  ASSERT_TRUE(answered.has_value()) << answered.error().message;
  EXPECT_EQ(answered->status, 200);
  EXPECT_TRUE(wait_until(20s, [&] { return !has_server("srv-0"); }));
  EXPECT_EQ(connections(apps_.peer(0)), 0);
}

TEST_P(RealHaproxy, a_restart_comes_up_with_the_servers_of_the_file) {
  begin(File::loaded, apps_.peers({0, 1}));
  write(apps_.peers({0, 2, 3}));
  haproxy_->stop();
  EXPECT_FALSE(balancer_->read({}, {}).known);
  ASSERT_TRUE(haproxy_->start()) << haproxy_->log();
  expect_in_force(apps_.peers({0, 2, 3}));
}

TEST_P(RealHaproxy, no_request_fails_in_reloads_with_the_file) {
  begin(File::loaded, apps_.peers({0, 1}));
  Load load({.url = haproxy_->url() + "/", .clients = 4, .length = std::chrono::minutes(10)});
  for (const auto& step : std::vector<std::vector<std::size_t>>{{0, 2}, {1, 2, 3}, {0}}) {
    write(apps_.peers(step));
    ASSERT_TRUE(haproxy_->reload()) << haproxy_->log();
    expect_in_force(apps_.peers(step));
    const int before = apps_.requests(step.front());
    EXPECT_TRUE(wait_until(20s, [&] { return apps_.requests(step.front()) >= before + 10; }));
  }
  load.stop();
  EXPECT_EQ(load.summary().failures, 0U) << load.summary().first_failure;
}

TEST_P(RealHaproxy, a_reload_without_a_file_loses_the_servers_and_they_come_back) {
  begin(File::none, apps_.peers({0, 1}));
  ASSERT_TRUE(haproxy_->reload()) << haproxy_->log();
  EXPECT_TRUE(balancer_->read({}, {}).peers.empty());
  write(apps_.peers({0, 1}));
  expect_in_force(apps_.peers({0, 1}));
}

TEST_P(RealHaproxyMaster, a_request_in_a_worker_that_a_reload_replaced_still_counts) {
  begin(File::loaded, apps_.peers({0}));
  HttpClient client;
  auto slow = std::async(std::launch::async, [&] { return client.fetch({.url = haproxy_->url() + "/slow"}); });
  ASSERT_TRUE(wait_until(20s, [&] { return apps_.slow(0) == 1; }));
  ASSERT_TRUE(haproxy_->reload()) << haproxy_->log();
  write(apps_.peers({1}));
  EXPECT_EQ(connections(apps_.peer(0)), 1);
  apps_.release();
  EXPECT_EQ(slow.get().value_or(HttpResponse{}).status, 200);
  EXPECT_TRUE(wait_until(20s, [&] { return connections(apps_.peer(0)) == 0; }));
}

TEST_P(RealHaproxy, a_word_that_haproxy_does_not_know_reaches_neither_the_file_nor_the_backend) {
  begin(File::loaded, apps_.peers({0}));
  const auto before = read_file(haproxy_->backend_file());
  for (const bool tested : {true, false}) {
    HaproxyPlace place{.runtime = HaproxyRuntime(haproxy_->socket(), 20s),
                       .format = {.group = "app", .backend = "app", .options = {"foo"}},
                       .file = haproxy_->backend_file()};
    if (tested) place.test = haproxy_->test_command();
    HaproxyBalancer wrong(place);
    const auto written = write_peers(wrong, apps_.peers({0, 1}));
    ASSERT_FALSE(written.has_value());
    EXPECT_EQ(written.error().kind, ErrorKind::invalid);
    EXPECT_TRUE(written.error().message.contains("unknown keyword 'foo'")) << written.error().message;
    EXPECT_EQ(read_file(haproxy_->backend_file()), before);
  }
  expect_in_force(apps_.peers({0}));
}

}  // namespace
}  // namespace weir
