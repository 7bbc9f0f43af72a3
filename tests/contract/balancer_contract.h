#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "balancers/balancer.h"
#include "platform/file.h"
#include "tests/balancers/write_peers.h"

namespace weir {

/// One kind of balancer and the outside it acts on, for the contract every balancer keeps. Starts with nothing written.
class BalancerWorld {
 public:
  BalancerWorld() = default;
  BalancerWorld(const BalancerWorld&) = delete;
  BalancerWorld& operator=(const BalancerWorld&) = delete;
  virtual ~BalancerWorld() = default;
  /// Another one for the same group and the same place each time.
  [[nodiscard]] virtual std::unique_ptr<Balancer> make() = 0;
  /// The file the balancer owns; nothing else that it keeps lies in the same directory.
  [[nodiscard]] virtual std::filesystem::path file() const = 0;
  /// A text another hand could have put there.
  [[nodiscard]] virtual std::string foreign_text() const = 0;
};

/// How a world of one kind is made, and what that kind is called.
struct BalancerWorldKind {
  std::string name;
  std::function<std::unique_ptr<BalancerWorld>()> make;
};

/// As long as it lives, this process cannot write a byte to any file, root or not; as if every disk were full.
class NoRoomForFiles {
 public:
  NoRoomForFiles() : old_handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    rlimit none = old_;
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_FSIZE, &none);
  }
  ~NoRoomForFiles() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, old_handler_);
  }
  NoRoomForFiles(const NoRoomForFiles&) = delete;
  NoRoomForFiles& operator=(const NoRoomForFiles&) = delete;

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

class BalancerContract : public ::testing::TestWithParam<BalancerWorldKind> {
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
    EXPECT_EQ(view.peers, peers);
  }
  std::string text() { return read_file(world_->file()).value_or("(no file)"); }
  std::set<std::string> beside() {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(world_->file().parent_path()))
      names.insert(entry.path().filename());
    return names;
  }
  /// Changes with every replacement of the file.
  ino_t inode() {
    struct stat status{};
    return ::stat(world_->file().c_str(), &status) == 0 ? status.st_ino : 0;
  }

  std::unique_ptr<BalancerWorld> world_ = GetParam().make();
  std::unique_ptr<Balancer> balancer_ = world_->make();
};

TEST_P(BalancerContract, before_the_first_write_it_is_known_that_nothing_is_in_force) {
  const BalancerView view = read();
  EXPECT_TRUE(view.known);
  EXPECT_FALSE(view.in_force);
  EXPECT_TRUE(view.peers.empty());
  EXPECT_FALSE(view.detail.empty());
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
  const ino_t before = inode();
  write_good(two());
  EXPECT_EQ(inode(), before);
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

TEST_P(BalancerContract, without_room_for_a_file_nothing_changes) {
  write_good(two());
  const std::string text_before = text();
  const auto names_before = beside();
  Result<void> written;
  {
    const NoRoomForFiles full;
    written = write_peers(*balancer_, three());
  }
  ASSERT_FALSE(written.has_value());
  EXPECT_TRUE(written.error().message.contains(world_->file().parent_path().string())) << written.error().message;
  EXPECT_EQ(text(), text_before);
  EXPECT_EQ(beside(), names_before);
  expect_in_force(two());
  write_good(three());
}

TEST_P(BalancerContract, a_first_write_that_fails_leaves_nothing_behind) {
  const auto names_before = beside();
  {
    const NoRoomForFiles full;
    EXPECT_FALSE(write_peers(*balancer_, two()).has_value());
  }
  EXPECT_EQ(beside(), names_before);
}

TEST_P(BalancerContract, a_file_by_another_hand_is_left_alone) {
  std::ofstream(world_->file()) << world_->foreign_text();
  const auto written = write_peers(*balancer_, two());
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorKind::invalid);
  EXPECT_TRUE(written.error().message.contains(world_->file().string())) << written.error().message;
  EXPECT_EQ(text(), world_->foreign_text());
  EXPECT_EQ(balancer_->diff(two()), "");
  const BalancerView view = read();
  EXPECT_FALSE(view.known);
  EXPECT_FALSE(view.in_force);
  EXPECT_FALSE(view.detail.empty());
}

TEST_P(BalancerContract, a_deleted_file_is_written_again) {
  write_good(two());
  std::filesystem::remove(world_->file());
  EXPECT_FALSE(read().in_force);
  write_good(two());
  expect_in_force(two());
}

TEST_P(BalancerContract, an_edit_by_hand_is_seen_and_overwritten) {
  write_good(two());
  const std::string good = text();
  std::ofstream(world_->file(), std::ios::app) << "\n\n";
  EXPECT_FALSE(read().in_force);
  write_good(two());
  EXPECT_EQ(text(), good);
  expect_in_force(two());
}

TEST_P(BalancerContract, the_diff_is_the_change_that_a_write_makes) {
  EXPECT_TRUE(balancer_->diff(two()).contains("127.0.0.1:3001"));
  write_good(two());
  EXPECT_EQ(balancer_->diff(two()), "");
  const std::string diff = balancer_->diff(three());
  EXPECT_TRUE(diff.starts_with("--- " + world_->file().string())) << diff;
  EXPECT_TRUE(diff.contains("127.0.0.1:3003"));
  EXPECT_EQ(read().peers, two());
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
  EXPECT_TRUE(view.peers == two() || view.peers == three());
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
