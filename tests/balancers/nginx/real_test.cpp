#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <future>
#include <latch>
#include <thread>

#include "balancers/nginx/balancer.h"
#include "platform/descriptor.h"
#include "platform/file.h"
#include "tests/balancers/write_peers.h"
#include "tests/support/free_port.h"
#include "tests/support/http_stub.h"
#include "tests/support/nginx_server.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// A real nginx whose upstream `app` is the file of group app, and two app servers.
class RealNginx : public ::testing::TestWithParam<NginxStaging> {
 protected:
  std::unique_ptr<NginxReloader> reloader(const NginxServer& nginx, NginxTiming timing = {.between_reloads = Duration{0}}) {
    return std::make_unique<NginxReloader>(
        NginxControl{.test = nginx.test_command(), .reload = nginx.reload_command(), .pid_file = nginx.pid_file()}, timing,
        GetParam());
  }
  NginxFile file() { return {.path = nginx_.upstream_file(), .format = {.group = "app"}}; }
  Peer one() const { return {"one", one_.address(), 1}; }
  Peer two() const { return {"two", two_.address(), 1}; }
  /// A port beyond 65535, which nginx refuses.
  static Peer bad() { return {"bad", "127.0.0.1:99999", 1}; }

  /// The first text, then nginx.
  void start() {
    ASSERT_FALSE(write_peers(balancer_, {one()}).has_value());
    ASSERT_TRUE(nginx_.start()) << nginx_.error_log();
    const auto written = write_peers(balancer_, {one()});
    ASSERT_TRUE(written.has_value()) << written.error().message;
  }
  std::string served_by() {
    const auto answer = nginx_.get();
    return answer ? fmt::format("{} {}", answer->status, answer->body) : "(no answer)";
  }
  std::string text() { return read_file(nginx_.upstream_file()).value_or("(no file)"); }
  bool in_force() { return balancer_.read({}, {}).in_force; }
  int litter() {
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(nginx_.directory()))
      found += entry.path().filename().string().starts_with('.');
    return found;
  }

  HttpStub one_{HttpStub::Answer{.body = "one"}};
  HttpStub two_{HttpStub::Answer{.body = "two"}};
  NginxServer nginx_;
  std::unique_ptr<NginxReloader> reloader_ = reloader(nginx_);
  NginxBalancer balancer_{file(), *reloader_};
};

TEST_P(RealNginx, after_the_answer_to_a_write_every_request_goes_to_the_new_servers) {
  start();
  for (int round = 0; round < 5; ++round) {
    const Peer& peer = round % 2 == 0 ? two() : one();
    const auto written = write_peers(balancer_, {peer});
    ASSERT_TRUE(written.has_value()) << written.error().message;
    // Not one request more to the old ones: workers of the old generation no longer accept.
    for (int i = 0; i < 20; ++i) ASSERT_EQ(served_by(), "200 " + peer.server);
  }
  EXPECT_TRUE(in_force());
  EXPECT_EQ(litter(), 0);
}

TEST_P(RealNginx, an_equal_text_is_not_reloaded) {
  start();
  const int reloads = nginx_.reloads();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(write_peers(balancer_, {one()}).has_value());
  EXPECT_EQ(nginx_.reloads(), reloads);
}

TEST_P(RealNginx, a_text_it_refuses_is_taken_back_and_it_serves_on) {
  start();
  const std::string before = text();
  const int reloads = nginx_.reloads();
  const auto written = write_peers(balancer_, {bad(), one()});
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorKind::invalid);
  EXPECT_TRUE(written.error().message.contains("invalid port in upstream \"127.0.0.1:99999\"")) << written.error().message;
  EXPECT_TRUE(written.error().message.contains("upstream.conf:2")) << written.error().message;
  EXPECT_EQ(text(), before);
  EXPECT_EQ(nginx_.reloads(), reloads);
  EXPECT_EQ(served_by(), "200 one");
  EXPECT_TRUE(in_force());
  EXPECT_EQ(litter(), 0);
}

TEST_P(RealNginx, a_configuration_somebody_else_broke_is_reported_and_left_alone) {
  start();
  const std::string before = text();
  std::ofstream(nginx_.config_file(), std::ios::app) << "no_such_directive;\n";
  const auto written = write_peers(balancer_, {two()});
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(written.error().message.starts_with("nginx's configuration is broken already")) << written.error().message;
  EXPECT_TRUE(written.error().message.contains("no_such_directive")) << written.error().message;
  EXPECT_EQ(text(), before);
  EXPECT_EQ(served_by(), "200 one");
  EXPECT_TRUE(in_force());
}

TEST_P(RealNginx, while_it_is_down_the_file_is_written_for_its_start) {
  start();
  nginx_.stop();
  const auto written = write_peers(balancer_, {two()});
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(written.error().message.starts_with("nginx is not running (")) << written.error().message;
  EXPECT_TRUE(text().contains("# two"));
  EXPECT_FALSE(in_force());

  ASSERT_TRUE(nginx_.start()) << nginx_.error_log();
  EXPECT_EQ(served_by(), "200 two");
  ASSERT_TRUE(write_peers(balancer_, {two()}).has_value());
  EXPECT_TRUE(in_force());
}

TEST_P(RealNginx, while_it_is_down_a_bad_text_does_not_keep_it_from_starting) {
  start();
  nginx_.stop();
  const auto written = write_peers(balancer_, {bad()});
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorKind::invalid);
  ASSERT_TRUE(nginx_.start()) << nginx_.error_log();
  EXPECT_EQ(served_by(), "200 one");
}

TEST_P(RealNginx, it_can_start_before_any_server_is_in_service) {
  ASSERT_EQ(write_peers(balancer_, {}).error().kind, ErrorKind::unavailable);
  ASSERT_TRUE(nginx_.start()) << nginx_.error_log();
  EXPECT_TRUE(served_by().starts_with("502"));
  ASSERT_TRUE(write_peers(balancer_, {one()}).has_value());
  EXPECT_EQ(served_by(), "200 one");
}

TEST_P(RealNginx, a_process_that_is_no_nginx_is_not_taken_for_it) {
  start();
  nginx_.stop();
  std::ofstream(nginx_.pid_file()) << ::getpid() << "\n";
  EXPECT_EQ(write_peers(balancer_, {two()}).error().kind, ErrorKind::unavailable);
  const std::vector<std::string> addresses{one().address};
  EXPECT_FALSE(balancer_.read(addresses, {}).connections.has_value());
}

TEST_P(RealNginx, a_reload_that_brings_no_new_workers_is_not_believed) {
  start();
  // kill -HUP succeeds whatever nginx makes of it; here it does not even reach nginx.
  NginxReloader deaf({.test = nginx_.test_command(), .reload = {"true"}, .pid_file = nginx_.pid_file()},
                     {.between_reloads = Duration{0}, .proof = 300ms}, GetParam());
  NginxBalancer balancer(file(), deaf);
  const std::string before = text();
  const auto written = write_peers(balancer, {two()});
  ASSERT_FALSE(written.has_value());
  EXPECT_TRUE(written.error().message.contains("has not replaced its workers within 300ms")) << written.error().message;
  EXPECT_EQ(text(), before);
  EXPECT_FALSE(in_force());

  ASSERT_TRUE(write_peers(balancer_, {two()}).has_value());
  EXPECT_EQ(served_by(), "200 two");
  EXPECT_TRUE(in_force());
}

TEST_P(RealNginx, after_a_crash_before_the_reload_the_next_write_makes_it_effective) {
  start();
  ASSERT_TRUE(ManagedFile(file().path).put(*render(file().format, std::vector<Peer>{two()})).has_value());
  EXPECT_EQ(served_by(), "200 one");
  EXPECT_FALSE(in_force());
  ASSERT_TRUE(write_peers(balancer_, {two()}).has_value());
  EXPECT_EQ(served_by(), "200 two");
  EXPECT_TRUE(in_force());
  EXPECT_EQ(litter(), 0);
}

TEST_P(RealNginx, a_worker_that_crashes_does_not_pass_for_a_reload) {
  start();
  const pid_t master = *find_nginx_master(nginx_.pid_file());
  const auto before = serving_workers(master);
  NginxReloader deaf(
      {.test = nginx_.test_command(), .reload = {"kill", "-9", std::to_string(before.begin()->pid)}, .pid_file = nginx_.pid_file()},
      {.between_reloads = Duration{0}, .proof = 1000ms}, GetParam());
  NginxBalancer balancer(file(), deaf);
  EXPECT_FALSE(write_peers(balancer, {two()}).has_value());
  EXPECT_FALSE(in_force());
}

TEST_P(RealNginx, many_groups_share_few_reloads) {
  constexpr int kGroups = 50;
  NginxServer shared("include {directory}/groups/*.conf;\nserver { listen 127.0.0.1:{port}; location / { return 204; } }");
  std::filesystem::create_directory(shared.directory() / "groups");
  ASSERT_TRUE(shared.start()) << shared.error_log();
  const auto one_reloader = reloader(shared, {.between_reloads = 1000ms});
  std::vector<std::unique_ptr<NginxBalancer>> balancers;
  for (int i = 0; i < kGroups; ++i) {
    const std::string name = "group" + std::to_string(i);
    const NginxFormat format{.group = name, .layout = NginxFormat::Layout::upstream, .upstream = name};
    balancers.push_back(std::make_unique<NginxBalancer>(
        NginxFile{.path = shared.directory() / "groups" / (name + ".conf"), .format = format}, *one_reloader));
  }
  std::latch done(kGroups);
  for (const auto& each : balancers) {
    each->write({one()}, [&](const Result<void>& result) {
      EXPECT_TRUE(result.has_value()) << result.error().message;
      done.count_down();
    });
  }
  done.wait();
  EXPECT_LE(shared.reloads(), 4);
  for (const auto& each : balancers) EXPECT_TRUE(each->read({}, {}).in_force);
}

/// An app server that answers only when told to.
class SlowApp {
 public:
  SlowApp() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), port_(free_port()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket_.get(), 16), 0);
  }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void accept() { client_ = Descriptor(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }
  void answer() {
    const std::string_view text = "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nslow";
    EXPECT_EQ(::send(client_.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    client_.reset();
  }

 private:
  Descriptor socket_;
  Descriptor client_;
  int port_;
};

TEST_P(RealNginx, connections_to_a_removed_server_count_until_the_old_workers_are_done) {
  start();
  SlowApp slow;
  const Peer slow_peer{"slow", slow.address(), 1};
  const std::vector<std::string> addresses{slow.address(), two().address};
  const auto counted = [&] {
    const BalancerView view = balancer_.read(addresses, {});
    EXPECT_TRUE(view.connections.has_value()) << view.detail;
    return view.connections ? view.connections->front().count : -1;
  };
  ASSERT_TRUE(write_peers(balancer_, {slow_peer}).has_value());
  EXPECT_EQ(counted(), 0);

  auto answer = std::async(std::launch::async, [&] { return served_by(); });
  slow.accept();
  EXPECT_EQ(counted(), 1);
  ASSERT_TRUE(write_peers(balancer_, {one()}).has_value());
  EXPECT_EQ(served_by(), "200 one");
  EXPECT_EQ(counted(), 1);  // held by a worker that is shutting down
  slow.answer();
  EXPECT_EQ(answer.get(), "200 slow");
  EXPECT_TRUE(wait_until(20s, [&] { return counted() == 0; }));
  EXPECT_EQ(balancer_.read(addresses, {}).connections->size(), 2u);
}

/// A small disk of its own, for the time of one test.
class SmallDisk {
 public:
  explicit SmallDisk(std::filesystem::path path) : path_(std::move(path)) {
    std::filesystem::create_directory(path_);
    mounted_ = ::mount("none", path_.c_str(), "tmpfs", 0, "size=64k") == 0;
  }
  ~SmallDisk() {
    if (mounted_) (void)::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  [[nodiscard]] bool mounted() const { return mounted_; }
  [[nodiscard]] std::filesystem::path path() const { return path_; }
  /// Until not a byte fits any more.
  void fill() const {
    std::ofstream filler(path_ / "filler");
    while (filler << std::string(4096, 'x') << std::flush) {
    }
  }

 private:
  std::filesystem::path path_;
  bool mounted_ = false;
};

TEST_P(RealNginx, on_a_full_disk_everything_stays_as_it_was) {
  start();
  const SmallDisk disk(nginx_.directory() / "disk");
  if (!disk.mounted()) GTEST_SKIP() << "no permission to mount a small disk";
  // The user's include is a link to a file on that disk.
  std::filesystem::remove(nginx_.upstream_file());
  std::filesystem::create_symlink(disk.path() / "upstream.conf", nginx_.upstream_file());
  ASSERT_TRUE(write_peers(balancer_, {one()}).has_value());
  const std::string before = text();
  disk.fill();

  const auto written = write_peers(balancer_, {two()});
  ASSERT_FALSE(written.has_value());
  EXPECT_TRUE(written.error().message.contains("No space left on device")) << written.error().message;
  EXPECT_EQ(text(), before);
  EXPECT_TRUE(in_force());
  EXPECT_EQ(served_by(), "200 one");
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(disk.path())) names.push_back(entry.path().filename());
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("filler", "upstream.conf"));

  std::filesystem::remove(disk.path() / "filler");
  ASSERT_TRUE(write_peers(balancer_, {two()}).has_value());
  EXPECT_EQ(served_by(), "200 two");
}

TEST_P(RealNginx, under_load_no_request_fails_during_changes) {
  start();
  std::atomic<bool> stop = false;
  std::atomic<int> good = 0;
  std::atomic<int> failed = 0;
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 4; ++i) {
      clients.emplace_back([&] {
        while (!stop) ++(served_by().starts_with("200 ") ? good : failed);
      });
    }
    for (int round = 0; round < 6; ++round) {
      const int before = good;
      EXPECT_TRUE(write_peers(balancer_, round % 2 == 0 ? std::vector<Peer>{two()} : std::vector<Peer>{one()}).has_value());
      EXPECT_TRUE(wait_until(20s, [&] { return good > before + 20; }));
    }
    stop = true;
  }
  EXPECT_EQ(failed, 0);
}

TEST(RealNginxLog, tells_of_requests_that_a_leaving_server_lost) {
  HttpStub one(HttpStub::Answer{.ending = HttpStub::Ending::no_answer});
  HttpStub two;
  std::string http = NginxServer::proxy();
  http.insert(http.find("listen"), "access_log {directory}/access.log weir; ");
  NginxServer nginx(R"(log_format weir '$remote_addr "$request" status=$status upstream="$upstream_addr"'; )" + http);
  NginxReloader reloader(NginxControl{.test = nginx.test_command(), .reload = nginx.reload_command(), .pid_file = nginx.pid_file()},
                         {.between_reloads = Duration{0}});
  NginxBalancer balancer({.path = nginx.upstream_file(), .format = {.group = "app"}}, reloader, nginx.directory() / "access.log");
  const std::vector<std::string> leaving = {one.address()};
  EXPECT_THAT(balancer.read(leaving, {}).detail, HasSubstr("lost requests unknown")) << "no log before nginx";
  const std::vector<Peer> both = {{"one", one.address(), 1}, {"two", two.address(), 1}};
  ASSERT_FALSE(write_peers(balancer, both)) << "nginx is not running";
  ASSERT_TRUE(nginx.start()) << nginx.error_log();
  ASSERT_TRUE(write_peers(balancer, both));

  for (int i = 0; i < 6; ++i) EXPECT_EQ(nginx.get()->status, 200);
  EXPECT_GT(one.connections(), 0);
  EXPECT_EQ(balancer.read(leaving, {}).lost_requests, 0) << "nginx asked the other server";
  two.answer(HttpStub::Answer{.ending = HttpStub::Ending::no_answer});
  EXPECT_EQ(nginx.get()->status, 502);
  EXPECT_TRUE(wait_until(10s, [&] { return balancer.read(leaving, {}).lost_requests == 1; }))
      << read_file(nginx.directory() / "access.log").value_or("(no log)");
  EXPECT_EQ(balancer.read(leaving, {}).lost_requests, 0);
}

INSTANTIATE_TEST_SUITE_P(, RealNginx, ::testing::Values(NginxStaging::private_mount, NginxStaging::in_place),
                         [](const auto& each) { return each.param == NginxStaging::private_mount ? "private_mount" : "in_place"; });

}  // namespace
}  // namespace weir
