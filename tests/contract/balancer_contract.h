#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "balancers/balancer.h"
#include "tests/balancers/write_peers.h"

namespace weir {

/// One kind of balancer and the outside it acts on, for the contract every balancer keeps. Starts with nothing written. A balancer
/// that owns a file besides is held to balancer_file_contract.h too.
class BalancerWorld {
 public:
  BalancerWorld() = default;
  BalancerWorld(const BalancerWorld&) = delete;
  BalancerWorld& operator=(const BalancerWorld&) = delete;
  virtual ~BalancerWorld() = default;
  /// Another one for the same group and the same place each time.
  [[nodiscard]] virtual std::unique_ptr<Balancer> make() = 0;
  /// Differs after everything that a balancer changed outside.
  [[nodiscard]] virtual std::string mark() = 0;
  /// What can be read back of what was written: a balancer may have no place for the ids of servers, or for weights.
  [[nodiscard]] virtual std::vector<Peer> as_kept(std::vector<Peer> peers) const { return peers; }
};

/// How a world of one kind is made, and what that kind is called.
template <typename World>
struct BalancerWorldKindOf {
  std::string name;
  std::function<std::unique_ptr<World>()> make;
};
using BalancerWorldKind = BalancerWorldKindOf<BalancerWorld>;

/// What the tests of balancers are written with.
template <typename World>
class BalancerContractOf : public ::testing::TestWithParam<BalancerWorldKindOf<World>> {
 protected:
  static std::vector<Peer> two() { return {{"srv-1", "127.0.0.1:3001", 1}, {"srv-2", "127.0.0.1:3002", 1}}; }
  static std::vector<Peer> three() {
    return {{"srv-1", "127.0.0.1:3001", 1}, {"srv-2", "127.0.0.1:3002", 1}, {"srv-3", "127.0.0.1:3003", 1}};
  }

  void write_good(std::vector<Peer> peers) {
    const auto written = write_peers(*balancer_, std::move(peers));
    ASSERT_TRUE(written.has_value()) << written.error().message;
  }
  BalancerView read() { return balancer_->read({}, {}); }
  void expect_in_force(const std::vector<Peer>& peers) {
    const BalancerView view = read();
    EXPECT_TRUE(view.known) << view.detail;
    EXPECT_TRUE(view.in_force) << view.detail;
    EXPECT_EQ(view.peers, world_->as_kept(peers));
  }

  std::unique_ptr<World> world_ = this->GetParam().make();
  std::unique_ptr<Balancer> balancer_ = world_->make();
};

using BalancerContract = BalancerContractOf<BalancerWorld>;

TEST_P(BalancerContract, before_the_first_write_nobody_gets_traffic) {
  const BalancerView view = read();
  EXPECT_TRUE(view.known) << view.detail;
  EXPECT_TRUE(view.peers.empty());
}

TEST_P(BalancerContract, what_was_written_is_read_back_in_force) {
  write_good(two());
  expect_in_force(two());
  write_good(three());
  expect_in_force(three());
}

TEST_P(BalancerContract, another_balancer_for_the_same_place_reads_the_same) {
  write_good(two());
  balancer_ = world_->make();
  expect_in_force(two());
}

TEST_P(BalancerContract, weights_and_unusual_ids_survive) {
  const std::vector<Peer> peers{
      {"i-0abc", "10.0.0.1:80", 3}, {"tasks \"x\"; # é }", "10.0.0.2:80", 1}, {"z{}", "10.0.0.3:80", 256}};
  write_good(peers);
  expect_in_force(peers);
}

TEST_P(BalancerContract, writing_what_is_in_force_changes_nothing) {
  write_good(two());
  const std::string before = world_->mark();
  write_good(two());
  EXPECT_EQ(world_->mark(), before);
}

TEST_P(BalancerContract, no_servers_can_be_written_where_nothing_was) {
  write_good({});
  expect_in_force({});
  write_good(two());
  expect_in_force(two());
}

TEST_P(BalancerContract, a_balancer_that_serves_is_never_emptied) {
  write_good(two());
  const auto written = write_peers(*balancer_, {});
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorKind::invalid);
  EXPECT_EQ(balancer_->diff({}), "");
  expect_in_force(two());
}

TEST_P(BalancerContract, the_diff_is_the_change_that_a_write_makes) {
  EXPECT_TRUE(balancer_->diff(two()).contains("127.0.0.1:3001"));
  write_good(two());
  EXPECT_EQ(balancer_->diff(two()), "");
  const std::string diff = balancer_->diff(three());
  EXPECT_TRUE(diff.contains("127.0.0.1:3003")) << diff;
  EXPECT_EQ(read().peers, world_->as_kept(two()));
}

TEST_P(BalancerContract, every_write_of_many_threads_is_answered_once) {
  constexpr int kThreads = 8;
  std::vector<std::atomic<int>> answers(kThreads);
  std::latch all(kThreads);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        balancer_->write(i % 2 == 0 ? two() : three(), [&, i](const Result<void>& result) {
          EXPECT_TRUE(result.has_value()) << result.error().message;
          if (answers[i]++ == 0) all.count_down();
        });
        (void)read();
      });
    }
  }
  all.wait();
  for (const auto& count : answers) EXPECT_EQ(count, 1);
  const BalancerView view = read();
  EXPECT_TRUE(view.in_force) << view.detail;
  EXPECT_TRUE(view.peers == world_->as_kept(two()) || view.peers == world_->as_kept(three()));
}

TEST_P(BalancerContract, destroyed_with_writes_pending_it_answers_each_once) {
  std::vector<int> answers(5);  // not atomic: nothing may come after the destructor
  std::mutex mutex;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    balancer_->write(i % 2 == 0 ? two() : three(), [&, i](const Result<void>& result) {
      const std::lock_guard lock(mutex);
      ++answers[i];
      if (!result) {
        EXPECT_EQ(result.error().kind, ErrorKind::cancelled) << result.error().message;
      }
    });
  }
  balancer_.reset();
  EXPECT_EQ(answers, std::vector<int>(5, 1));
}

}  // namespace weir
