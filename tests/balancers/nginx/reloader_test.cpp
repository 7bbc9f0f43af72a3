#include "balancers/nginx/reloader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <future>
#include <latch>

#include "balancers/nginx/balancer.h"
#include "platform/command.h"
#include "platform/file.h"
#include "tests/balancers/write_peers.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// Commands that are scripts instead of an nginx, so that every outcome can be had at will. No pid file: exit statuses count.
class NginxReloaderTest : public ::testing::TestWithParam<NginxStaging> {
 protected:
  /// Both commands note that they ran. The test fails while `broken` exists or any upstream file says so.
  std::unique_ptr<NginxReloader> reloader(NginxTiming timing = {.between_reloads = Duration{0}}) {
    const std::string dir = directory_.path();
    const std::string test = fmt::format(
        "echo test >> {0}/log; cat {0}/*.conf | grep -q 'emerg\\|:99999 ' && {{ echo 'nginx: [emerg] bad'; exit 1; }}; test ! -e "
        "{0}/broken",
        dir);
    const std::string reload = fmt::format("echo reload >> {0}/log; cat {0}/*.conf > {0}/loaded; {1}", dir, after_reload_);
    return std::make_unique<NginxReloader>(NginxControl{.test = {"sh", "-c", test}, .reload = {"sh", "-c", reload}, .pid_file = {}},
                                           timing, GetParam());
  }
  NginxFile file(const std::string& group = "app") {
    return {.path = directory_.path() / (group + ".conf"), .format = {.group = group}};
  }
  std::string text(const std::string& name) { return read_file(directory_.path() / name).value_or("(no file)"); }
  int count(const std::string& word) {
    const std::string log = text("log");
    int found = 0;
    for (std::size_t at = log.find(word); at != std::string::npos; at = log.find(word, at + 1)) ++found;
    return found;
  }
  static std::vector<Peer> peers(int port) { return {{"srv-" + std::to_string(port), "127.0.0.1:" + std::to_string(port), 1}}; }

  TempDirectory directory_;
  std::string after_reload_ = "true";
};

TEST_P(NginxReloaderTest, one_change_is_tested_and_reloaded_once) {
  const auto reloader_ = reloader();
  NginxBalancer balancer(file(), *reloader_);
  ASSERT_TRUE(write_peers(balancer, peers(1)).has_value());
  EXPECT_EQ(text("log"), "test\nreload\n");
  ASSERT_TRUE(write_peers(balancer, peers(2)).has_value());
  ASSERT_TRUE(write_peers(balancer, peers(2)).has_value());
  EXPECT_EQ(text("log"), "test\nreload\ntest\nreload\n");
  EXPECT_EQ(text("loaded"), text("app.conf"));
}

TEST_P(NginxReloaderTest, a_text_the_test_rejects_never_stays) {
  const auto reloader_ = reloader();
  NginxBalancer balancer(file(), *reloader_);
  ASSERT_TRUE(write_peers(balancer, peers(1)).has_value());
  const std::string before = text("app.conf");
  const auto written = write_peers(balancer, peers(99999));
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorKind::invalid);
  EXPECT_TRUE(written.error().message.contains("app.conf is left as it was: sh -c")) << written.error().message;
  EXPECT_TRUE(written.error().message.contains("[emerg] bad")) << written.error().message;
  EXPECT_EQ(text("app.conf"), before);
  EXPECT_EQ(count("reload"), 1);
  EXPECT_TRUE(balancer.read({}, {}).in_force);
}

TEST_P(NginxReloaderTest, a_first_text_the_test_rejects_leaves_no_file) {
  const auto reloader_ = reloader();
  NginxBalancer balancer(file(), *reloader_);
  EXPECT_FALSE(write_peers(balancer, peers(99999)).has_value());
  EXPECT_EQ(text("app.conf"), "(no file)");
  EXPECT_EQ(text(".app.conf.weir-pending"), "(no file)");
}

TEST_P(NginxReloaderTest, a_configuration_broken_by_others_is_not_blamed_on_the_change) {
  const auto reloader_ = reloader();
  NginxBalancer balancer(file(), *reloader_);
  ASSERT_TRUE(write_peers(balancer, peers(1)).has_value());
  const std::string before = text("app.conf");
  std::ofstream(directory_.path() / "broken") << "x";
  const auto written = write_peers(balancer, peers(2));
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(written.error().message.starts_with("nginx's configuration is broken already")) << written.error().message;
  EXPECT_EQ(text("app.conf"), before);
  EXPECT_TRUE(balancer.read({}, {}).in_force);
}

TEST_P(NginxReloaderTest, of_many_changes_only_the_guilty_one_fails) {
  const auto reloader_ = reloader({.between_reloads = Duration{0}});
  std::vector<std::unique_ptr<NginxBalancer>> balancers;
  for (const std::string group : {"a", "b", "c", "d"})
    balancers.push_back(std::make_unique<NginxBalancer>(file(group), *reloader_));
  for (const auto& each : balancers) ASSERT_TRUE(write_peers(*each, peers(1)).has_value());

  std::vector<std::promise<Result<void>>> results(4);
  for (std::size_t i = 0; i < 4; ++i) {
    balancers[i]->write(peers(i == 2 ? 99999 : 7), [&, i](Result<void> result) { results[i].set_value(std::move(result)); });
  }
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(results[i].get_future().get().has_value(), i != 2) << i;
  for (const std::string name : {"a.conf", "b.conf", "d.conf"}) EXPECT_TRUE(text(name).contains("127.0.0.1:7")) << name;
  EXPECT_TRUE(text("c.conf").contains("127.0.0.1:1 "));
  EXPECT_FALSE(text("loaded").contains("99999"));
  for (const auto& each : balancers) EXPECT_TRUE(each->read({}, {}).in_force);
}

TEST_P(NginxReloaderTest, a_reload_that_fails_brings_the_old_text_back) {
  after_reload_ = fmt::format("! grep -q '127.0.0.1:2 ' {}/loaded", directory_.path().string());
  const auto reloader_ = reloader();
  NginxBalancer balancer(file(), *reloader_);
  ASSERT_TRUE(write_peers(balancer, peers(1)).has_value());
  const std::string before = text("app.conf");
  const auto written = write_peers(balancer, peers(2));
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(written.error().message.ends_with("; the old text is back and loaded")) << written.error().message;
  EXPECT_EQ(text("app.conf"), before);
  EXPECT_EQ(text("loaded"), before);
  EXPECT_TRUE(balancer.read({}, {}).in_force);
}

TEST_P(NginxReloaderTest, when_no_reload_works_nothing_is_claimed_until_one_does) {
  after_reload_ = fmt::format("test ! -e {}/stuck", directory_.path().string());
  const auto reloader_ = reloader();
  NginxBalancer balancer(file(), *reloader_);
  ASSERT_TRUE(write_peers(balancer, peers(1)).has_value());
  const std::string before = text("app.conf");
  std::ofstream(directory_.path() / "stuck") << "x";
  const auto written = write_peers(balancer, peers(2));
  ASSERT_FALSE(written.has_value());
  EXPECT_TRUE(written.error().message.contains("not known to be loaded")) << written.error().message;
  EXPECT_EQ(text("app.conf"), before);
  EXPECT_FALSE(balancer.read({}, {}).in_force);

  std::filesystem::remove(directory_.path() / "stuck");
  ASSERT_TRUE(write_peers(balancer, peers(1)).has_value());
  EXPECT_TRUE(balancer.read({}, {}).in_force);
}

TEST_P(NginxReloaderTest, the_users_file_is_adopted_only_when_told_to) {
  std::ofstream(directory_.path() / "app.conf") << "server 10.0.0.1:80;\n";
  const auto reloader_ = reloader();
  NginxFile adopted = file();
  adopted.adopt = true;
  NginxBalancer balancer(adopted, *reloader_);
  const BalancerView view = balancer.read({}, {});
  EXPECT_TRUE(view.known);
  EXPECT_FALSE(view.in_force);
  EXPECT_EQ(view.peers, (std::vector<Peer>{{"", "10.0.0.1:80", 1}}));
  EXPECT_FALSE(write_peers(balancer, {}).has_value());
  ASSERT_TRUE(write_peers(balancer, peers(1)).has_value());
  EXPECT_TRUE(balancer.read({}, {}).in_force);
}

TEST_P(NginxReloaderTest, nobody_claims_to_know_a_users_file_without_a_recognizable_server) {
  std::ofstream(directory_.path() / "app.conf") << "server 127.0.0.1:9 down;\n";
  const auto reloader_ = reloader();
  NginxFile adopted = file();
  adopted.adopt = true;
  NginxBalancer balancer(adopted, *reloader_);
  const BalancerView view = balancer.read({}, {});
  EXPECT_FALSE(view.known) << "known and empty would ask for a write of nothing, which is refused";
  EXPECT_TRUE(view.detail.contains("recognizes no server")) << view.detail;
  ASSERT_TRUE(write_peers(balancer, peers(1)).has_value());
  EXPECT_TRUE(balancer.read({}, {}).in_force);
}

TEST_P(NginxReloaderTest, two_groups_do_not_fight_over_one_file) {
  const auto reloader_ = reloader();
  NginxBalancer first(file(), *reloader_);
  NginxFile same = file();
  same.format.group = "web";
  NginxBalancer second(same, *reloader_);
  ASSERT_TRUE(write_peers(first, peers(1)).has_value());
  const auto written = write_peers(second, peers(2));
  ASSERT_FALSE(written.has_value());
  EXPECT_TRUE(written.error().message.contains("is managed by weir for another group than web")) << written.error().message;
  EXPECT_FALSE(second.read({}, {}).known);
}

TEST_P(NginxReloaderTest, an_empty_file_may_be_written) {
  std::ofstream(directory_.path() / "app.conf") << "\n";
  const auto reloader_ = reloader();
  NginxBalancer balancer(file(), *reloader_);
  EXPECT_TRUE(write_peers(balancer, peers(1)).has_value());
}

TEST_P(NginxReloaderTest, a_symbolic_link_stays_one) {
  std::filesystem::create_directory(directory_.path() / "real");
  std::filesystem::create_symlink("real/app.conf", directory_.path() / "app.conf");
  const auto reloader_ = reloader();
  NginxBalancer balancer(file(), *reloader_);
  for (const int port : {1, 2}) ASSERT_TRUE(write_peers(balancer, peers(port)).has_value());
  EXPECT_TRUE(std::filesystem::is_symlink(directory_.path() / "app.conf"));
  EXPECT_TRUE(text("real/app.conf").contains("127.0.0.1:2"));
  EXPECT_TRUE(balancer.read({}, {}).in_force);
}

TEST_P(NginxReloaderTest, the_file_keeps_its_mode) {
  const auto reloader_ = reloader();
  NginxBalancer balancer(file(), *reloader_);
  ASSERT_TRUE(write_peers(balancer, peers(1)).has_value());
  ASSERT_EQ(::chmod(file().path.c_str(), 0640), 0);
  ASSERT_TRUE(write_peers(balancer, peers(2)).has_value());
  struct stat status{};
  ASSERT_EQ(::stat(file().path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
}

TEST_P(NginxReloaderTest, a_command_that_does_not_exist_changes_nothing) {
  NginxReloader reloader_({.test = {"weir-has-no-nginx"}, .reload = {"true"}, .pid_file = {}}, {}, GetParam());
  NginxBalancer balancer(file(), reloader_);
  const auto written = write_peers(balancer, peers(1));
  ASSERT_FALSE(written.has_value());
  EXPECT_TRUE(written.error().message.contains("weir-has-no-nginx")) << written.error().message;
  EXPECT_EQ(text("app.conf"), "(no file)");
}

TEST_P(NginxReloaderTest, later_wishes_for_a_file_replace_those_that_wait) {
  // The first reload waits at the gate; meanwhile three wishes come in.
  ASSERT_EQ(::mkfifo((directory_.path() / "gate").c_str(), 0600), 0);
  after_reload_ = fmt::format("cd {}; test -e passed || {{ cat gate; touch passed; }}", directory_.path().string());
  const auto reloader_ = reloader();
  NginxBalancer balancer(file(), *reloader_);
  std::vector<std::promise<Result<void>>> results(4);
  const auto write = [&](std::size_t i) {
    balancer.write(peers(static_cast<int>(i) + 1), [&, i](Result<void> result) { results[i].set_value(std::move(result)); });
  };
  write(0);
  ASSERT_TRUE(wait_until(20s, [&] { return count("reload") == 1; }));
  EXPECT_FALSE(balancer.read({}, {}).in_force);
  for (const std::size_t i : {1u, 2u, 3u}) write(i);
  std::ofstream(directory_.path() / "gate") << "go\n";
  for (auto& result : results) EXPECT_TRUE(result.get_future().get().has_value());
  EXPECT_EQ(count("reload"), 2);
  EXPECT_TRUE(text("app.conf").contains("srv-4"));
}

TEST_P(NginxReloaderTest, a_balancer_destroyed_during_its_change_does_not_wait_for_it) {
  ASSERT_EQ(::mkfifo((directory_.path() / "gate").c_str(), 0600), 0);
  after_reload_ = fmt::format("cat {}/gate", directory_.path().string());
  const auto reloader_ = reloader();
  auto balancer = std::make_unique<NginxBalancer>(file(), *reloader_);
  std::vector<Result<void>> results;
  balancer->write(peers(1), [&](Result<void> result) { results.push_back(std::move(result)); });
  ASSERT_TRUE(wait_until(20s, [&] { return count("reload") == 1; }));
  balancer.reset();
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results.front().error().kind, ErrorKind::cancelled);
  std::ofstream(directory_.path() / "gate") << "go\n";

  NginxBalancer next(file(), *reloader_);
  after_reload_ = "true";
  ASSERT_TRUE(wait_until(20s, [&] { return next.read({}, {}).in_force; }));
  EXPECT_EQ(results.size(), 1u);
}

TEST_P(NginxReloaderTest, a_done_may_destroy_its_balancer) {
  const auto reloader_ = reloader();
  auto balancer = std::make_unique<NginxBalancer>(file(), *reloader_);
  std::promise<void> destroyed;
  balancer->write(peers(1), [&](const Result<void>& result) {
    EXPECT_TRUE(result.has_value());
    balancer.reset();
    destroyed.set_value();
  });
  destroyed.get_future().get();
}

TEST_P(NginxReloaderTest, the_first_reload_comes_at_once_and_the_next_keeps_its_distance) {
  const auto reloader_ = reloader({.between_reloads = 700ms, .burst = 1});
  NginxBalancer balancer(file(), *reloader_);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(write_peers(balancer, peers(1)).has_value());
  // What needs no reload does not wait for one.
  ASSERT_TRUE(write_peers(balancer, peers(1)).has_value());
  ASSERT_TRUE(write_peers(balancer, peers(2)).has_value());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 700ms);
}

TEST_P(NginxReloaderTest, a_few_reloads_follow_each_other_at_once_before_the_distance_counts) {
  auto reloader_ = reloader({.between_reloads = 10min, .burst = 3});
  {
    NginxBalancer balancer(file(), *reloader_);
    for (int i = 1; i <= 3; ++i) ASSERT_TRUE(write_peers(balancer, peers(i)).has_value());
  }
  Result<void> fourth;
  reloader_->submit(this, file(), peers(4), [&](Result<void> result) { fourth = std::move(result); });
  reloader_.reset();
  ASSERT_FALSE(fourth.has_value());
  EXPECT_EQ(fourth.error().kind, ErrorKind::cancelled);
  EXPECT_EQ(count("reload"), 3);
}

TEST_P(NginxReloaderTest, many_groups_share_few_reloads) {
  constexpr int kGroups = 50;
  const auto reloader_ = reloader({.between_reloads = 400ms, .burst = 1});
  std::vector<std::unique_ptr<NginxBalancer>> balancers;
  std::latch done(kGroups);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kGroups; ++i) {
    balancers.push_back(std::make_unique<NginxBalancer>(file("group" + std::to_string(i)), *reloader_));
    balancers.back()->write(peers(i + 1), [&](const Result<void>& result) {
      EXPECT_TRUE(result.has_value()) << result.error().message;
      done.count_down();
    });
  }
  done.wait();
  // However slow this machine is, no more reloads than their distance allows.
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_LE(count("reload"), 1 + took / 400ms);
  EXPECT_LT(count("reload"), kGroups / 2);
}

TEST_P(NginxReloaderTest, what_waits_is_cancelled_when_the_reloader_goes) {
  auto reloader_ = reloader({.between_reloads = 10min, .burst = 1});
  std::promise<Result<void>> first;
  Result<void> second;
  reloader_->submit(this, file(), peers(1), [&](Result<void> result) { first.set_value(std::move(result)); });
  ASSERT_TRUE(first.get_future().get().has_value());
  reloader_->submit(this, file(), peers(2), [&](Result<void> result) { second = std::move(result); });
  reloader_.reset();
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::cancelled);
  EXPECT_TRUE(text("app.conf").contains("srv-1"));
}

/// What a crash between two steps leaves on the disk, made by hand.
class NginxCrashTest : public NginxReloaderTest {
 protected:
  void SetUp() override {
    const auto reloader_ = reloader();
    NginxBalancer balancer(file(), *reloader_);
    ASSERT_TRUE(write_peers(balancer, peers(1)).has_value());
    old_ = text("app.conf");
  }
  void expect_repaired_by_writing(int port) {
    const auto reloader_ = reloader();
    NginxBalancer balancer(file(), *reloader_);
    EXPECT_FALSE(balancer.read({}, {}).in_force);
    const int reloads = count("reload");
    const auto written = write_peers(balancer, peers(port));
    ASSERT_TRUE(written.has_value()) << written.error().message;
    EXPECT_EQ(count("reload"), reloads + 1);
    EXPECT_EQ(text("loaded"), text("app.conf"));
    EXPECT_TRUE(balancer.read({}, {}).in_force);
    EXPECT_EQ(balancer.read({}, {}).peers, peers(port));
  }
  std::string rendered(int port) { return *render(file().format, peers(port)); }

  std::string old_;
};

TEST_P(NginxCrashTest, after_the_marker_was_made) {
  std::filesystem::create_hard_link(file().path, directory_.path() / ".app.conf.weir-pending");
  expect_repaired_by_writing(1);
}

TEST_P(NginxCrashTest, after_the_new_text_came_into_place) {
  ASSERT_TRUE(ManagedFile(file().path).put(rendered(2)).has_value());
  expect_repaired_by_writing(2);
}

TEST_P(NginxCrashTest, after_the_reload_but_before_the_proof_was_noted) {
  ASSERT_TRUE(ManagedFile(file().path).put(rendered(2)).has_value());
  std::ofstream(directory_.path() / "loaded") << rendered(2);
  expect_repaired_by_writing(3);
}

TEST_P(NginxCrashTest, with_an_untested_text_in_place_the_last_loaded_one_comes_back) {
  ASSERT_TRUE(ManagedFile(file().path).put(rendered(99999)).has_value());
  const auto reloader_ = reloader();
  NginxBalancer balancer(file(), *reloader_);
  EXPECT_FALSE(write_peers(balancer, peers(99999)).has_value());
  EXPECT_EQ(text("app.conf"), old_);
  expect_repaired_by_writing(1);
}

TEST_P(NginxCrashTest, while_a_copy_was_staged_or_half_written) {
  std::ofstream(directory_.path() / ".app.conf.weir-staged") << "emerg";
  std::ofstream(directory_.path() / ".app.conf.weir-tmp") << "server 10.0.";
  std::ofstream(directory_.path() / ".app.conf.weir-link") << "x";
  const auto reloader_ = reloader();
  NginxBalancer balancer(file(), *reloader_);
  EXPECT_TRUE(balancer.read({}, {}).in_force);
  ASSERT_TRUE(write_peers(balancer, peers(2)).has_value());
  EXPECT_TRUE(balancer.read({}, {}).in_force);
}

TEST_P(NginxCrashTest, of_the_very_first_write) {
  std::filesystem::remove(file().path);
  ASSERT_TRUE(ManagedFile(file().path).put(rendered(99999)).has_value());
  const auto reloader_ = reloader();
  NginxBalancer balancer(file(), *reloader_);
  EXPECT_FALSE(write_peers(balancer, peers(99999)).has_value());
  EXPECT_EQ(text("app.conf"), "(no file)");
  expect_repaired_by_writing(1);
}

const auto kBothWays = ::testing::Values(NginxStaging::private_mount, NginxStaging::in_place);
const auto kName = [](const auto& each) { return each.param == NginxStaging::private_mount ? "private_mount" : "in_place"; };
INSTANTIATE_TEST_SUITE_P(, NginxReloaderTest, kBothWays, kName);
INSTANTIATE_TEST_SUITE_P(, NginxCrashTest, kBothWays, kName);

/// Looks at the file from inside and from outside of where the test command runs.
class NginxStagingTest : public ::testing::Test {
 protected:
  void write_twice() {
    const std::string dir = directory_.path();
    const std::string test =
        fmt::format("cat {0}/app.conf > {0}/inside; cat /proc/{1}/root{0}/app.conf > {0}/outside", dir, ::getpid());
    NginxReloader reloader({.test = {"sh", "-c", test}, .reload = {"true"}, .pid_file = {}}, {.between_reloads = Duration{0}});
    NginxBalancer balancer({.path = directory_.path() / "app.conf", .format = {.group = "app"}}, reloader);
    for (const std::string id : {"old", "new"}) {
      const auto written = write_peers(balancer, {{id, "127.0.0.1:1", 1}});
      ASSERT_TRUE(written.has_value()) << written.error().message;
    }
  }
  std::string text(const std::string& name) { return read_file(directory_.path() / name).value_or("(no file)"); }

  TempDirectory directory_;
};

TEST_F(NginxStagingTest, in_a_private_mount_only_the_test_sees_the_new_text) {
  if (run_command({"unshare", "--mount", "true"}, 20s).value_or(CommandResult{.status = 1, .output = {}}).status != 0) {
    GTEST_SKIP() << "no permission to make a mount namespace";
  }
  write_twice();
  EXPECT_TRUE(text("inside").contains("# new"));
  EXPECT_TRUE(text("outside").contains("# old"));
}

TEST_F(NginxStagingTest, where_mounts_are_not_permitted_the_text_is_tested_in_place) {
  const auto denied = directory_.path() / "unshare";
  std::ofstream(denied) << "#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted'\nexit 1\n";
  std::filesystem::permissions(denied, std::filesystem::perms::owner_all);
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", (directory_.path().string() + ":" + path).c_str(), 1);
  write_twice();
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_TRUE(text("inside").contains("# new"));
  EXPECT_TRUE(text("outside").contains("# new"));
}

TEST(NginxReloaders, one_for_each_nginx) {
  NginxReloaders reloaders;
  const NginxControl control{.test = {"true"}, .reload = {"true"}, .pid_file = {}};
  NginxControl other = control;
  other.pid_file = "/run/other.pid";
  EXPECT_EQ(&reloaders.reloader(control), &reloaders.reloader(control));
  EXPECT_NE(&reloaders.reloader(control), &reloaders.reloader(other));
}

}  // namespace
}  // namespace weir
