// The docker_swarm provider, and weir with it, against a real swarm of three nodes that all tests of this program share.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <thread>

#include "providers/docker_swarm/docker_swarm.h"
#include "tests/contract/provider_contract.h"
#include "tests/e2e/site.h"
#include "tests/support/swarm_machines.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr Duration kSoon{120'000};
constexpr Duration kPick{2'000};  ///< a removal that was none changes nothing in that time

/// Started when it is first asked for, ended with the program.
class Shared : public testing::Environment {
 public:
  void TearDown() override { machines_.reset(); }

  /// nullptr, after a reported failure, if it cannot be had.
  static SwarmMachines* machines() {
    if (!tried_) {
      tried_ = true;
      auto started = SwarmMachines::start(3, WEIR_EXAMPLE_APP);
      EXPECT_TRUE(started) << (started ? "" : started.error().message);
      if (started) machines_ = std::move(*started);
    }
    return machines_.get();
  }
  /// Looked into once.
  static const std::string& missing() {
    static const std::string why = SwarmMachines::missing();
    return why;
  }

 private:
  static inline std::unique_ptr<SwarmMachines> machines_;
  static inline bool tried_ = false;
};

const testing::Environment* const kShared = testing::AddGlobalTestEnvironment(new Shared);

/// Fails or skips the test that cannot have a swarm.
#define NEED_A_SWARM()                                               \
  if (!Shared::missing().empty()) GTEST_SKIP() << Shared::missing(); \
  ASSERT_NE(Shared::machines(), nullptr)

struct RealNetwork {
  HttpClient http;
  WaitingClock clock;
  TokenBuckets buckets{clock};
  Network network{.http = http, .clock = clock, .buckets = buckets};
};

Group group_of(const std::string& name) {
  Group group{.name = name, .provider = "swarm", .version = "v1", .min = 1, .max = 8, .chooses_victim = false};
  group.server.set("service", name);
  group.server.set("port", std::int64_t{8080});
  group.server.set("scheduling_grace", Duration{60'000});
  return group;
}

// ---- the contract

/// Lists when no task is on its way up, so that two lists after each other are the same.
class Settled final : public Provider {
 public:
  explicit Settled(std::unique_ptr<Provider> provider) : provider_(std::move(provider)) {}

  Result<std::vector<Server>> list(std::span<const Group* const> groups, std::stop_token stop) override {
    Result<std::vector<Server>> servers;
    (void)wait_until(kSoon, [&] {
      servers = provider_->list(groups, stop);
      return !servers || std::ranges::find(*servers, Phase::pending, &Server::phase) == servers->end();
    });
    return servers;
  }
  Result<Server> launch(const LaunchRequest& request, std::stop_token stop) override {
    Result<Server> made = provider_->launch(request, stop);
    if (made) made->address.clear();  // it has one as soon as it starts
    return made;
  }
  /// Returns when Swarm has picked.
  Result<void> terminate(const Group& group, const std::string& server, std::stop_token stop) override {
    const int before = serving(group);
    const Result<void> asked = provider_->terminate(group, server, stop);
    if (asked) (void)wait_until(kPick, [&] { return serving(group) < before || before == 0; });
    return asked;
  }

 private:
  [[nodiscard]] int serving(const Group& group) {
    const Group* const groups[] = {&group};
    const Result<std::vector<Server>> servers = provider_->list(groups, {});
    if (!servers) return 0;
    return static_cast<int>(std::ranges::count_if(
        *servers, [&](const Server& each) { return each.group == group.name && each.phase != Phase::terminating; }));
  }

  std::unique_ptr<Provider> provider_;
};

Group group_of_own_services(const std::string& name) {
  Group group = group_of(name);
  group.chooses_victim = true;
  group.server.set("image", std::string("app:{version}"));
  return group;
}

class RealHarness final : public ProviderHarness {
 public:
  using MakeGroup = Group (*)(const std::string& name);

  ~RealHarness() override {
    for (const std::string& name : services_) (void)Shared::machines()->docker({"service", "rm", name});
  }
  explicit RealHarness(MakeGroup make_group) : make_group_(make_group) {}
  RealHarness(const RealHarness&) = delete;
  RealHarness& operator=(const RealHarness&) = delete;

  std::unique_ptr<Provider> open() override {
    return std::make_unique<Settled>(make_docker_swarm_provider(
        outside_.network,
        {.name = "swarm", .engine = {.url = "http://docker", .unix_socket = Shared::machines()->socket()}, .access = {}}));
  }
  Group group(const std::string& name) override {
    if (services_.insert(name).second) {
      const auto made = Shared::machines()->create_service(name);
      EXPECT_TRUE(made) << made.error().message;
    }
    return make_group_(name);
  }
  [[nodiscard]] bool makes_versions() const override { return make_group_ != group_of; }

 private:
  const MakeGroup make_group_;
  RealNetwork outside_;
  std::set<std::string> services_;
};

/// The contract makes and removes some forty containers: too slow for every day.
std::vector<MakeHarness> harnesses(RealHarness::MakeGroup make_group) {
  if (!soaking() || !Shared::missing().empty()) return {};
  return {[make_group]() -> std::unique_ptr<ProviderHarness> {
    if (Shared::machines() == nullptr) throw std::runtime_error("there is no swarm");
    return std::make_unique<RealHarness>(make_group);
  }};
}

INSTANTIATE_TEST_SUITE_P(RealSwarm, ProviderContract, testing::ValuesIn(harnesses(group_of)), named("docker_swarm"));
INSTANTIATE_TEST_SUITE_P(RealSwarm, ElasticProviderContract, testing::ValuesIn(harnesses(group_of)), named("docker_swarm"));
INSTANTIATE_TEST_SUITE_P(RealSwarmServices, ProviderContract, testing::ValuesIn(harnesses(group_of_own_services)),
                         named("own_services"));
INSTANTIATE_TEST_SUITE_P(RealSwarmServices, ElasticProviderContract, testing::ValuesIn(harnesses(group_of_own_services)),
                         named("own_services"));

// ---- what only a real one can show

TEST(RealSwarm, everything_of_a_spec_but_the_count_survives_scaling_and_a_conflict_is_read_again) {
  NEED_A_SWARM();
  const SwarmMachines& machines = *Shared::machines();
  ASSERT_TRUE(machines.create_service("app"));
  ASSERT_TRUE(machines.docker({"service", "update", "--detach", "--quiet", "--no-resolve-image", "--label-add", "owner=ops",
                               "--update-parallelism", "3", "--update-failure-action", "rollback", "--rollback-order",
                               "start-first", "--limit-memory", "64M", "--env-add", "A=1", "app"}));
  const std::vector<std::string> look = {
      "service", "inspect", "--format",
      "{{json .Spec.TaskTemplate}} {{json .Spec.UpdateConfig}} {{json .Spec.RollbackConfig}} {{json .Spec.EndpointSpec}}", "app"};
  const auto before = machines.docker(look);
  RealNetwork outside;
  const auto provider = make_docker_swarm_provider(
      outside.network, {.name = "swarm", .engine = {.url = "http://docker", .unix_socket = machines.socket()}, .access = {}});
  const Group app = group_of("app");
  {
    // Somebody else writes all the time, so that versions are old when they are used.
    std::jthread other([&](const std::stop_token& stop) {
      for (int number = 0; !stop.stop_requested(); ++number) {
        (void)machines.docker({"service", "update", "--detach", "--quiet", "--no-resolve-image", "--label-add",
                               fmt::format("number={}", number), "app"});
      }
    });
    for (const char* token : {"a", "b", "c"}) {
      const auto made = provider->launch({app, token, "v1"}, {});
      EXPECT_TRUE(made) << made.error().message;
    }
  }
  EXPECT_EQ(machines.replicas("app"), 3);
  EXPECT_EQ(machines.docker(look).value_or("no answer"), before.value_or("nor before"));
  EXPECT_EQ(machines.docker({"service", "inspect", "--format", "{{.Spec.Labels.owner}}", "app"}).value_or(""), "ops");
  EXPECT_TRUE(machines.docker({"service", "rm", "app"}));
}

TEST(RealSwarm, a_global_service_is_refused) {
  NEED_A_SWARM();
  const SwarmMachines& machines = *Shared::machines();
  ASSERT_TRUE(machines.docker({"service", "create", "--name", "everywhere", "--mode", "global", "--detach", "--quiet",
                               "--no-resolve-image", "--constraint", "node.labels.none==1", "app:v1"}));
  RealNetwork outside;
  const auto provider = make_docker_swarm_provider(
      outside.network, {.name = "swarm", .engine = {.url = "http://docker", .unix_socket = machines.socket()}, .access = {}});
  const Group app = group_of("everywhere");
  const Group* const groups[] = {&app};
  const auto servers = provider->list(groups, {});
  ASSERT_FALSE(servers);
  EXPECT_THAT(servers.error().message, HasSubstr("only a replicated service has a number of tasks"));
  EXPECT_TRUE(machines.docker({"service", "rm", "everywhere"}));
}

// ---- weir and nginx

/// A site in a swarm, after the service `app`.
class SwarmStand : public testing::Test {
 protected:
  /// `server`: keys of the group's server besides service and port.
  void start(const std::vector<std::string>& app_options, SiteOptions options, const std::string& server) {
    NEED_A_SWARM();
    machines_ = Shared::machines();
    const auto made = machines_->create_service("app", app_options);
    ASSERT_TRUE(made) << made.error().message;
    // On a busy machine a container may take its time to start.
    options.health = "{http: /health, interval: 400ms, timeout: 400ms, healthy_after: 2, unhealthy_after: 5, deadline: 3m}";
    site_ = Site::create(options);
    ASSERT_NE(site_, nullptr);
    configure(server);
    for (Piece* piece : {&site_->stand().nginx(), &site_->stand().prometheus(), &site_->stand().weir()}) {
      const auto started = piece->start();
      ASSERT_TRUE(started) << started.error().message;
    }
  }
  void TearDown() override {
    if (site_ != nullptr) (void)site_->stand().weir().stop();
    if (machines_ == nullptr) return;
    (void)machines_->docker({"service", "rm", "app"});
    (void)machines_->remove_services_of("app");
  }

  /// The site's configuration with other servers in it.
  void configure(const std::string& server) {
    std::string text = site_->config();
    const auto replace = [&](const std::string& from, const std::string& until, const std::string& by) {
      const std::size_t begin = text.find(from);
      const std::size_t end = text.find(until, begin);
      ASSERT_NE(end, std::string::npos) << text;
      text.replace(begin, end - begin, by);
    };
    replace(
        "  local: ", "groups:", fmt::format("  local: {{type: docker_swarm, host: 'unix://{}'}}\n", machines_->socket().string()));
    replace("      command:", "    min:", "      service: app\n      port: 8080\n" + server);
    ASSERT_TRUE(site_->stand().write_weir_config(text));
  }

  [[nodiscard]] std::string story() { return site_->story() + machines_->logs(); }

  SwarmMachines* machines_ = nullptr;
  std::unique_ptr<Site> site_;
};

/// Whose servers are the tasks of a service.
class SwarmSite : public SwarmStand {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(start({"--service-time", "5ms", "--linger", "5s"}, {}, ""));
    if (IsSkipped()) return;
    ASSERT_TRUE(has(2)) << story();
  }
  /// So many serve, and the service has no more than that.
  [[nodiscard]] bool has(int servers) {
    return Stand::eventually([&] { return site_->serves_with(servers, 1s) && machines_->replicas("app") == servers; }, kSoon);
  }
};

TEST_F(SwarmSite, no_request_fails_from_two_tasks_to_eight_and_back_nor_when_a_redeploy_resets_the_count) {
  Traffic traffic(site_->stand());
  for (const int servers : {8, 2, 4}) {
    site_->want(servers);
    ASSERT_TRUE(has(servers)) << "wanted " << servers << "\n" << story();
  }
  ASSERT_TRUE(machines_->docker({"service", "update", "--detach", "--quiet", "--no-resolve-image", "--replicas", "2", "app"}));
  ASSERT_TRUE(site_->takes_turns(4));
  ASSERT_TRUE(has(4)) << "the count is made good\n" << story();
  EXPECT_TRUE(traffic.all_answered()) << story();
  EXPECT_EQ(site_->metric("weir_balancer_writes_total", R"(outcome="failed")"), 0);
}

TEST_F(SwarmSite, when_a_node_is_cut_off_its_tasks_are_replaced_and_nginx_follows) {
  site_->want(6);
  ASSERT_TRUE(has(6)) << story();
  ASSERT_TRUE(machines_->cut_off(3));
  const std::string lost = machines_->address(3) + ":";
  const bool followed = Stand::eventually(
      [&] {
        const auto peers = site_->peers();
        return peers.size() == 6 && std::ranges::none_of(peers, [&](const std::string& peer) { return peer.starts_with(lost); });
      },
      kSoon);
  EXPECT_TRUE(followed) << story();
  EXPECT_TRUE(has(6)) << "neither more nor fewer in the end\n" << story();
  Traffic traffic(site_->stand());
  EXPECT_TRUE(traffic.all_answered()) << story();
  EXPECT_TRUE(machines_->reconnect(3));
  EXPECT_TRUE(site_->takes_turns(8));
  EXPECT_TRUE(has(6)) << story();
}

// ---- deploys

constexpr int kServers = 3;

/// Whose servers are services of their own, made after one that runs nothing. The app closes its port at SIGTERM.
class SwarmDeploy : public SwarmStand, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    const SiteOptions options{
        .min = kServers,
        .deploy =
            R"({strategy: canary, max_surge: "100%", soak: 0s, steps: [{weight: 25%, soak: 100ms}, {weight: 50%, soak: 100ms}]})"};
    ASSERT_NO_FATAL_FAILURE(start({"--service-time", "5ms"}, options, "      image: 'app:{version}'\n"));
    if (IsSkipped()) return;
    ASSERT_TRUE(runs("v1", kServers)) << story();
  }
  /// So many serve and there are no others, all of this version.
  [[nodiscard]] bool runs(const std::string& version, int servers) {
    const std::vector<std::string> images(static_cast<std::size_t>(servers), "app:" + version);
    return Stand::eventually([&] { return site_->serves_with(servers, 1s) && machines_->images_of("app") == images; }, kSoon);
  }
};

TEST_P(SwarmDeploy, no_request_fails_and_the_image_changes) {
  Traffic traffic(site_->stand(), 60);
  for (const char* version : {"v2", "v3"}) {
    const CommandAnswer answer = site_->deploy(version, GetParam());
    ASSERT_EQ(answer.status, 0) << answer.output << story();
    ASSERT_TRUE(runs(version, kServers)) << story();
    ASSERT_EQ(traffic.failures(), 0U) << traffic.first_failure() << "\n" << story();
    EXPECT_GT(traffic.answered_by(version), 0U);
  }
  const std::size_t requests = traffic.requests();
  EXPECT_TRUE(traffic.all_answered()) << story();
  EXPECT_EQ(machines_->replicas("app"), 0) << "the pattern is left alone";
  fmt::print("{}: 2 deploys in a swarm; {} requests, 0 failed\n", GetParam(), requests);
}

TEST_P(SwarmDeploy, an_image_that_does_not_start_and_one_that_is_not_there_are_sent_back) {
  Traffic traffic(site_->stand(), 60);
  for (const char* version : {"broken", "missing"}) {
    const CommandAnswer answer = site_->deploy(version, GetParam());
    EXPECT_EQ(answer.status, 1) << answer.output << story();
    ASSERT_TRUE(runs("v1", kServers)) << story();
    EXPECT_EQ(traffic.answered_by(version), 0U);
  }
  EXPECT_TRUE(site_->logs("No such image")) << story();
  EXPECT_TRUE(traffic.all_answered()) << story();
}

INSTANTIATE_TEST_SUITE_P(Strategies, SwarmDeploy, testing::Values("rolling", "blue_green", "canary"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace weir
