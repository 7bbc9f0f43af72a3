// weir against moto: the wire format of all it calls, and the arithmetic of desired counts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "balancers/balancer.h"
#include "controller/config/config.h"
#include "controller/loop/loop.h"
#include "platform/aws/client.h"
#include "providers/aws_asg/api.h"
#include "tests/balancers/write_peers.h"
#include "tests/contract/deploy_contract.h"
#include "tests/fakes/network.h"
#include "tests/fakes/ports.h"
#include "tests/providers/aws_asg/moto_server.h"
#include "tests/providers/aws_asg/world.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::SizeIs;

constexpr auto kPatience = 60s;

bool has_moto() {
  static const bool installed = MotoServer::is_installed();
  return installed;
}

/// One server for the whole program: it takes seconds to start. Groups have names of their own. Not started where there is none:
/// the tests then skip.
MotoServer& moto() {
  static MotoServer server;
  static const Result<void> started = has_moto() ? server.start() : Result<void>();
  EXPECT_TRUE(started) << (started ? "" : started.error().message);
  return server;
}

std::string fresh(const std::string& name) {
  static std::atomic<int> next = 0;
  return name + "-" + std::to_string(++next);
}

/// The account as somebody with a console sees it.
class Console {
 public:
  /// Of the first and the second version of every launch template.
  static constexpr const char* kImages[] = {"ami-03cf127a", "ami-12c6146b"};

  Console() : client_(network_.network, account()), api_(client_) {}

  [[nodiscard]] static AwsAccount account() {
    return {.name = "aws", .region = "us-east-1", .endpoint = moto().url(), .access_key_id = "key", .secret_access_key = "secret"};
  }
  void create_group(const std::string& name, int min, int max, int desired) {
    const std::string launch_template = name + "-template";
    call({AwsService::ec2,
          "CreateLaunchTemplate",
          {{"LaunchTemplateName", launch_template},
           {"LaunchTemplateData.ImageId", kImages[0]},
           {"LaunchTemplateData.InstanceType", "t3.micro"}}});
    call({AwsService::ec2,
          "CreateLaunchTemplateVersion",
          {{"LaunchTemplateName", launch_template},
           {"LaunchTemplateData.ImageId", kImages[1]},
           {"LaunchTemplateData.InstanceType", "t3.micro"}}});
    call({AwsService::autoscaling,
          "CreateAutoScalingGroup",
          {{"AutoScalingGroupName", name},
           {"MinSize", std::to_string(min)},
           {"MaxSize", std::to_string(max)},
           {"DesiredCapacity", std::to_string(desired)},
           {"LaunchTemplate.LaunchTemplateName", launch_template},
           {"LaunchTemplate.Version", "1"},
           {"AvailabilityZones.member.1", "us-east-1a"},
           {"AvailabilityZones.member.2", "us-east-1b"},
           {"AvailabilityZones.member.3", "us-east-1c"}}});
  }
  void launch_of_version(const std::string& name, const std::string& version) {
    EXPECT_TRUE(api_.set_template_version(group(name), version, {}));
    EXPECT_TRUE(api_.set_desired(name, 1, {}));
  }
  /// Of the group's instances.
  [[nodiscard]] std::vector<std::string> images(const std::string& name) {
    const XmlElement found = call(
        {AwsService::ec2, "DescribeInstances", {{"Filter.1.Name", "tag:aws:autoscaling:groupName"}, {"Filter.1.Value.1", name}}});
    std::vector<std::string> images;
    for (const XmlElement& reservation : found.child("reservationSet").children) {
      for (const XmlElement& each : reservation.child("instancesSet").children) images.push_back(each.text_of("imageId"));
    }
    return images;
  }
  void remove_group(const std::string& name) {
    call({AwsService::autoscaling, "DeleteAutoScalingGroup", {{"AutoScalingGroupName", name}, {"ForceDelete", "true"}}});
  }
  std::string create_target_group(const std::string& name, const std::string& type) {
    const XmlElement vpcs = call({AwsService::ec2, "DescribeVpcs", {}});
    const std::string vpc = vpcs.child("vpcSet").child("item").text_of("vpcId");
    const XmlElement made = call({AwsService::load_balancing,
                                  "CreateTargetGroup",
                                  {{"Name", name}, {"Protocol", "HTTP"}, {"Port", "80"}, {"VpcId", vpc}, {"TargetType", type}}});
    return made.child("TargetGroups").child("member").text_of("TargetGroupArn");
  }
  void protect(const std::string& group, const std::string& instance) {
    call({AwsService::autoscaling,
          "SetInstanceProtection",
          {{"AutoScalingGroupName", group}, {"InstanceIds.member.1", instance}, {"ProtectedFromScaleIn", "true"}}});
  }
  /// From here on moto's choices are always the same.
  void seed(int number) {
    const auto seeded = network_.http.fetch({.method = "POST", .url = moto().url() + "/moto-api/seed?a=" + std::to_string(number)});
    EXPECT_TRUE(seeded && seeded->status == 200);
  }
  [[nodiscard]] AutoScalingGroup group(const std::string& name) {
    const auto groups = api_.describe({name}, {});
    EXPECT_TRUE(groups && groups->size() == 1) << name;
    return groups && !groups->empty() ? groups->front() : AutoScalingGroup{};
  }
  [[nodiscard]] Network& network() { return network_.network; }

 private:
  XmlElement call(AwsCall call) {
    auto answer = client_.call(call, {});
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().message);
    return answer.value_or(XmlElement{});
  }

  ImpatientNetwork network_;
  AwsClient client_;
  AsgApi api_;
};

// --- the contract ----------------------------------------------------------------------------------------------------------------

class MotoHarness final : public ProviderHarness {
 public:
  std::unique_ptr<Provider> open() override { return make_aws_asg_provider({.account = Console::account()}, console_.network()); }
  Group group(const std::string& name) override {
    const std::string asg = fresh(name);
    console_.create_group(asg, 0, 8, 0);
    Group group = AwsAsgWorld::group(name);
    group.server.set("auto_scaling_group", asg);
    return group;
  }

 private:
  Console console_;
};

const MakeHarness kMoto = [] { return std::make_unique<MotoHarness>(); };

/// Nothing where there is no moto; the tests below then say so.
std::vector<MakeHarness> with_moto() { return has_moto() ? std::vector{kMoto} : std::vector<MakeHarness>{}; }

INSTANTIATE_TEST_SUITE_P(Moto, ProviderContract, testing::ValuesIn(with_moto()), named("moto"));
INSTANTIATE_TEST_SUITE_P(Moto, ElasticProviderContract, testing::ValuesIn(with_moto()), named("moto"));
INSTANTIATE_TEST_SUITE_P(Moto, DeployContract, testing::ValuesIn(with_moto()), named("moto"));

// --- the launch template ---------------------------------------------------------------------------------------------------------

/// Of every instance moto says that it was made from the default version, so it can tell no more than this.
TEST(MotoLaunchTemplate, its_version_is_set_and_what_the_group_launches_then_is_of_it) {
  if (!has_moto()) GTEST_SKIP() << "python3 here has no moto, so there is nothing that plays AWS";
  Console console;
  const std::string asg = fresh("template");
  console.create_group(asg, 0, 5, 0);
  EXPECT_EQ(console.group(asg).template_version, "1");
  EXPECT_EQ(console.group(asg).max, 5);
  console.launch_of_version(asg, "2");
  EXPECT_EQ(console.group(asg).template_version, "2");
  EXPECT_EQ(console.group(asg).max, 5) << "the bounds stay";
  EXPECT_EQ(console.images(asg), std::vector<std::string>{Console::kImages[1]});
  console.remove_group(asg);
}

// --- the loop --------------------------------------------------------------------------------------------------------------------

/// Goes on only when it is told to.
class HeldClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return now_.load(); }
  [[nodiscard]] std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(now().time_since_epoch());
  }
  void pass(Duration duration) { now_ = now_.load() + duration; }

 private:
  std::atomic<TimePoint> now_{std::chrono::floor<Duration>(std::chrono::system_clock::now())};
};

/// weir's own loop over an Auto Scaling group in moto; the load is a number, and every server is healthy.
class MotoLoopTest : public testing::Test {
 protected:
  void start(int desired) {
    console.create_group(asg, 2, 10, desired);
    created_ = true;
    const std::string text = R"(
prometheus: {url: "http://127.0.0.1:1"}
providers:
  aws: {type: aws_asg, region: us-east-1, endpoint: ")" +
                             moto().url() +
                             R"(", access_key_id: key, secret_access_key: secret}
groups:
  - name: app
    provider: aws
    version: v1
    server: {auto_scaling_group: )" +
                             asg + R"(, port: 3000}
    min: 2
    max: 10
    interval: 30s
    warm_up: 0s
    drain: {timeout: 30s}
    policies:
      - {name: cpu-high, type: threshold, query: cpu, above: 70, for: 5m, change: +1}
      - {name: cpu-low, type: threshold, query: cpu, below: 30, for: 5m, change: -1}
    scale_out: {cooldown: 300s}
    scale_in: {cooldown: 300s}
)";
    auto config = parse_config(text, "weir.yaml", process_environment(), builtin_catalogs());
    ASSERT_TRUE(config) << to_string(config.error().front());
    Managed managed{.group = config->groups.front(), .policies = make_policies(config->groups.front()), .balancers = {}};
    managed.provider = make_aws_asg_provider({.account = Console::account()}, console.network());
    const Providers providers{{"aws", managed.provider}};
    probe.all_are(HealthStatus::healthy);
    std::vector<Managed> groups;
    groups.push_back(std::move(managed));
    auto started = Loop::start({clock, &metrics, probe, store, log}, {.longest_rest = 1ms}, {}, std::move(groups), providers);
    ASSERT_TRUE(started) << started.error().message;
    loop = std::move(*started);
    settle();
  }
  void settle() {
    ASSERT_TRUE(wait_until(kPatience, [&] { return loop->ready() && loop->idle(); }));
  }
  [[nodiscard]] int desired() const { return store.memory("app").desired.value_or(-1); }
  /// Plays so long under this load; the moments at which weir's wish changed, and to what.
  std::vector<std::pair<Duration, int>> play(double load, Duration length) {
    metrics.answer(load);
    std::vector<std::pair<Duration, int>> changes;
    for (Duration at = 30s; at <= length; at += 30s) {
      const int before = desired();
      clock.pass(30s);
      settle();
      if (desired() != before) changes.emplace_back(at, desired());
      const AutoScalingGroup now = console.group(asg);
      EXPECT_GE(now.live(), 2);
      EXPECT_LE(now.desired, 10);
      EXPECT_EQ(now.desired, now.live());
    }
    return changes;
  }

  void SetUp() override {
    if (!has_moto()) GTEST_SKIP() << "python3 here has no moto, so there is nothing that plays AWS";
  }
  void TearDown() override {
    if (loop) loop->stop();
    // What is left carries weir's tags: another test would be told of it.
    if (created_) console.remove_group(asg);
  }

  const std::string asg = fresh("app");
  Console console;
  HeldClock clock;
  FakeMetrics metrics;
  FakeProbe probe;
  FakeStore store;
  Log log{Log::Format::text};
  std::unique_ptr<Loop> loop;
  bool created_ = false;
};

/// One server more for every five minutes above 70 %, one less for every five below 30 %, between two and ten.
TEST_F(MotoLoopTest, an_auto_scaling_group_follows_its_cpu_between_min_and_max) {
  metrics.answer(50);
  start(2);
  EXPECT_TRUE(play(50, 6min).empty());
  const auto out = play(80, 48min);
  ASSERT_THAT(out, SizeIs(8));
  for (std::size_t step = 0; step < out.size(); ++step) {
    EXPECT_EQ(out[step].second, static_cast<int>(step) + 3);
    if (step == 0) continue;
    EXPECT_GE(out[step].first - out[step - 1].first, 5min);
  }
  EXPECT_GE(out.front().first, 5min);
  EXPECT_EQ(console.group(asg).desired, 10);
  EXPECT_TRUE(play(50, 6min).empty());
  const auto in = play(20, 48min);
  ASSERT_THAT(in, SizeIs(8));
  for (std::size_t step = 0; step < in.size(); ++step) {
    EXPECT_EQ(in[step].second, 9 - static_cast<int>(step));
    if (step == 0) continue;
    EXPECT_GE(in[step].first - in[step - 1].first, 5min);
  }
  EXPECT_EQ(console.group(asg).desired, 2);
}

TEST_F(MotoLoopTest, the_protected_stay_and_exactly_the_chosen_go) {
  metrics.answer(50);
  start(5);
  std::set<std::string> kept;
  const AutoScalingGroup before = console.group(asg);
  for (const std::size_t index : {0U, 2U}) {
    console.protect(asg, before.members[index].id);
    kept.insert(before.members[index].id);
  }
  (void)play(20, 24min);
  std::set<std::string> left;
  for (const AsgMember& member : console.group(asg).members) left.insert(member.id);
  EXPECT_EQ(left, kept);
}

std::map<std::string, int> by_zone(const AutoScalingGroup& group) {
  std::map<std::string, int> zones;
  for (const AsgMember& member : group.members) ++zones[member.zone];
  return zones;
}

/// moto launches each wherever it likes, so only whom weir lets go can even the zones out.
TEST_F(MotoLoopTest, whoever_goes_is_of_the_zone_with_the_most_servers) {
  metrics.answer(50);
  start(2);
  console.seed(7);
  (void)play(80, 48min);
  AutoScalingGroup before = console.group(asg);
  const auto uneven = by_zone(before);
  ASSERT_THAT(uneven, SizeIs(3));
  const auto fewest = std::ranges::min_element(uneven, {}, [](const auto& zone) { return zone.second; });
  const auto most = std::ranges::max_element(uneven, {}, [](const auto& zone) { return zone.second; });
  ASSERT_GT(most->second, fewest->second + 1) << "as moto launched them they must be uneven, or nothing is shown";
  for (int tick = 0; tick < 120 && before.members.size() > 3; ++tick) {
    (void)play(20, 30s);
    AutoScalingGroup after = console.group(asg);
    if (after.members.size() == before.members.size()) continue;
    ASSERT_EQ(after.members.size(), before.members.size() - 1);
    const auto zones = by_zone(before);
    const auto gone =
        std::ranges::find_if(before.members, [&](const AsgMember& member) { return after.member(member.id) == nullptr; });
    EXPECT_EQ(zones.at(gone->zone), std::ranges::max_element(zones, {}, [](const auto& zone) { return zone.second; })->second);
    before = std::move(after);
  }
  EXPECT_THAT(by_zone(before), testing::AllOf(SizeIs(3), Each(testing::Pair(testing::_, 1))));
}

// --- a target group --------------------------------------------------------------------------------------------------------------

class MotoTargetGroupTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!has_moto()) GTEST_SKIP() << "python3 here has no moto, so there is nothing that plays AWS";
  }
};

TEST_P(MotoTargetGroupTest, targets_are_registered_read_back_and_taken_out) {
  Console console;
  const std::string asg = fresh("tg-app");
  console.create_group(asg, 0, 5, 2);
  const std::string arn = console.create_target_group(fresh("tg"), GetParam());
  Settings account;
  account.set("type", std::string("aws_asg"));
  account.set("region", std::string("us-east-1"));
  account.set("endpoint", moto().url());
  account.set("access_key_id", std::string("key"));
  account.set("secret_access_key", std::string("secret"));
  BalancerMaker maker({.network = &console.network(), .provider = [&](const std::string&) { return &account; }});
  Group group = AwsAsgWorld::group("app");
  group.provider = "aws";
  group.server.set("auto_scaling_group", asg);
  BalancerSpec spec{.name = "tg", .type = "aws_target_group", .settings = {}};
  spec.settings.set("provider", std::string("aws"));
  spec.settings.set("arn", arn);
  auto balancer = maker.make({group, spec});
  ASSERT_TRUE(balancer) << balancer.error().message;
  const auto provider = make_aws_asg_provider({.account = Console::account()}, console.network());
  const Group* const groups[] = {&group};
  std::vector<Peer> peers;
  const std::vector<Server> servers = provider->list(groups, {}).value_or(std::vector<Server>{});
  for (const Server& server : servers) peers.push_back({server.id, server.address});
  ASSERT_THAT(peers, SizeIs(2));
  std::ranges::sort(peers, {}, &Peer::address);
  const auto written = write_peers(**balancer, peers);
  ASSERT_TRUE(written) << written.error().message;
  const BalancerView view = (*balancer)->read({}, {});
  EXPECT_TRUE(view.known) << view.detail;
  EXPECT_TRUE(std::ranges::equal(view.peers, peers, {}, &Peer::address, &Peer::address));
  const auto fewer = write_peers(**balancer, {peers[0]});
  ASSERT_TRUE(fewer) << fewer.error().message;
  EXPECT_THAT((*balancer)->read({}, {}).peers, SizeIs(1));
  EXPECT_FALSE(write_peers(**balancer, {}));
}

INSTANTIATE_TEST_SUITE_P(, MotoTargetGroupTest, testing::Values("instance", "ip"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  // The contract suite knows nothing of skipping.
  if (!weir::MotoServer::is_installed()) testing::GTEST_FLAG(filter) = "-*Contract*";
  return RUN_ALL_TESTS();
}
