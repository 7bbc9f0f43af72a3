#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "platform/file.h"
#include "tests/contract/balancer_contract.h"

namespace weir {

/// The world of a balancer that owns a file.
class FileBalancerWorld : public BalancerWorld {
 public:
  /// The file the balancer owns; nothing else that it keeps lies in the same directory.
  [[nodiscard]] virtual std::filesystem::path file() const = 0;
  /// A text another hand could have put there.
  [[nodiscard]] virtual std::string foreign_text() const = 0;
  /// Changes with every replacement of the file.
  [[nodiscard]] std::string mark() override {
    struct stat status{};
    return ::stat(file().c_str(), &status) == 0 ? std::to_string(status.st_ino) : "(no file)";
  }
};

using FileBalancerWorldKind = BalancerWorldKindOf<FileBalancerWorld>;

/// The same worlds for the contract that every balancer keeps.
[[nodiscard]] inline std::vector<BalancerWorldKind> as_any_balancer(const std::vector<FileBalancerWorldKind>& kinds) {
  std::vector<BalancerWorldKind> any;
  for (const FileBalancerWorldKind& kind : kinds) any.push_back({kind.name, kind.make});
  return any;
}

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

class BalancerFileContract : public BalancerContractOf<FileBalancerWorld> {
 protected:
  std::string text() { return read_file(world_->file()).value_or("(no file)"); }
  std::set<std::string> beside() {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(world_->file().parent_path()))
      names.insert(entry.path().filename());
    return names;
  }
};

TEST_P(BalancerFileContract, before_the_first_write_it_is_known_that_nothing_is_in_force) {
  const BalancerView view = read();
  EXPECT_TRUE(view.known);
  EXPECT_FALSE(view.in_force);
  EXPECT_TRUE(view.peers.empty());
  EXPECT_FALSE(view.detail.empty());
}

TEST_P(BalancerFileContract, without_room_for_a_file_nothing_changes) {
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

TEST_P(BalancerFileContract, a_first_write_that_fails_leaves_nothing_behind) {
  const auto names_before = beside();
  {
    const NoRoomForFiles full;
    EXPECT_FALSE(write_peers(*balancer_, two()).has_value());
  }
  EXPECT_EQ(beside(), names_before);
}

TEST_P(BalancerFileContract, a_file_by_another_hand_is_left_alone) {
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

TEST_P(BalancerFileContract, a_deleted_file_is_written_again) {
  write_good(two());
  std::filesystem::remove(world_->file());
  EXPECT_FALSE(read().in_force);
  write_good(two());
  expect_in_force(two());
}

TEST_P(BalancerFileContract, an_edit_by_hand_is_seen_and_overwritten) {
  write_good(two());
  const std::string good = text();
  std::ofstream(world_->file(), std::ios::app) << "\n\n";
  EXPECT_FALSE(read().in_force);
  write_good(two());
  EXPECT_EQ(text(), good);
  expect_in_force(two());
}

TEST_P(BalancerFileContract, the_diff_is_of_the_file) {
  write_good(two());
  const std::string diff = balancer_->diff(three());
  EXPECT_TRUE(diff.starts_with("--- " + world_->file().string())) << diff;
}

}  // namespace weir
