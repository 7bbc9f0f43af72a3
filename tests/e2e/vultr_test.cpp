// weir run, a real nginx and real app servers, one for each instance of a Vultr that misbehaves.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/e2e/site.h"
#include "tests/fakes/vultr.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Fault = FakeVultr::Fault;

/// Every instance is a process with an address of its own on loopback; one call in ten goes wrong.
class Cloud {
 public:
  explicit Cloud(Site& site) : directory_(site.stand().directory()) {
    const std::string address = site.stand().app_address(0);
    port_ = address.substr(address.find(':') + 1);
    fake_.on_boot = [this](const FakeVultr::Machine& machine) { start(machine); };
    fake_.on_gone = [this](const FakeVultr::Machine& machine) { programs_.erase(machine.id); };
    fake_.choose([this](const FakeVultr::Call& call) { return fault_for(call); });
  }

  [[nodiscard]] FakeVultr& fake() { return fake_; }

  /// The site's configuration with this cloud instead of local processes.
  [[nodiscard]] std::string configuration(std::string text) const {
    const std::string provider = "local: {type: process}";
    text.replace(text.find(provider), provider.size(),
                 fmt::format("local: {{type: vultr, api_key: key, api_url: '{}'}}", stub_.url()));
    const std::size_t server = text.find("    server:\n");
    return text.replace(server, text.find("    min:", server) - server,
                        fmt::format("    server: {{plan: vc2-1c-2gb, region: icn, image: {{os: 2136}}, port: {}, use_paid_hours: "
                                    "false, overflow: [{{plan: vhf-1c-2gb, region: icn}}]}}\n",
                                    port_));
  }

 private:
  static std::string address_of(int number) { return fmt::format("127.0.{}.{}", 1 + number / 250, 1 + number % 250); }

  void start(const FakeVultr::Machine& machine) {
    auto program = Program::start({.command = {WEIR_EXAMPLE_APP, "--host", address_of(machine.number), "--port", port_, "--version",
                                               "v1", "--service-time", "5ms"},
                                   .directory = directory_,
                                   .log = directory_ / "apps" / (machine.id + ".log")});
    ASSERT_TRUE(program) << program.error().message;
    programs_.emplace(machine.id, std::move(*program));
  }

  Fault fault_for(const FakeVultr::Call& call) {
    if (std::uniform_int_distribution(1, 10)(random_) > 1) return Fault::none;
    constexpr Fault kOfCreates[] = {Fault::error_after, Fault::reset_after, Fault::cut_off, Fault::late, Fault::error};
    constexpr Fault kOfOthers[] = {Fault::error, Fault::reset, Fault::html, Fault::lacks_one, Fault::slow, Fault::throttled};
    const auto one_of = [this](const auto& faults) {
      return faults[std::uniform_int_distribution<std::size_t>(0, std::size(faults) - 1)(random_)];
    };
    return call.operation == "instances.create" ? one_of(kOfCreates) : one_of(kOfOthers);
  }

  const std::filesystem::path directory_;
  std::string port_;
  std::mt19937_64 random_{7};
  WaitingClock clock_;
  std::map<std::string, Program> programs_;  // by instance
  FakeVultr fake_{{.clock = clock_,
                   .boot = 1s,
                   .address_after = 300ms,
                   .list_lag = 200ms,
                   .leave = 200ms,
                   .locked_for = 3s,
                   .late_by = 4s,
                   .main_ip = address_of}};
  HttpStub stub_{[this](const HttpStub::Request& request) { return fake_.answer(request); }};
};

class VultrSite : public testing::Test {
 protected:
  void SetUp() override {
    site_ = Site::create();
    ASSERT_TRUE(site_);
    cloud_ = std::make_unique<Cloud>(*site_);
    ASSERT_TRUE(site_->stand().write_weir_config(cloud_->configuration(site_->config())));
    ASSERT_TRUE(site_->begin());
  }

  void TearDown() override {
    if (site_) (void)site_->stand().weir().stop();
  }

  std::unique_ptr<Site> site_;
  std::unique_ptr<Cloud> cloud_;
};

TEST_F(VultrSite, scales_out_and_in_under_load_while_the_api_fails_and_no_request_does) {
  Traffic traffic(site_->stand());
  const int rounds = soaking() ? 10 : 1;
  for (int round = 0; round < rounds; ++round) {
    for (const int servers : {5, 3, 6}) {
      site_->want(servers);
      ASSERT_TRUE(site_->serves_with(servers, 60s)) << "wanted " << servers << "\n" << site_->story();
    }
    const std::size_t said = site_->weir_log().size();
    site_->want(8);
    ASSERT_TRUE(Stand::eventually([&] { return site_->weir_log().find("event=launch ", said) != std::string::npos; }, 40s));
    site_->stand().weir().kill();
    cloud_->fake().sell_out("vc2-1c-2gb", "icn");
    ASSERT_TRUE(site_->stand().weir().start());
    ASSERT_TRUE(site_->serves_with(8, 60s)) << site_->story();
    cloud_->fake().restock();
    site_->want(2);
    ASSERT_TRUE(site_->settles_at(2, 60s)) << site_->story();
  }
  EXPECT_TRUE(traffic.all_answered()) << site_->story();
  EXPECT_EQ(cloud_->fake().alive().size(), 2U) << "left behind";
  EXPECT_TRUE(cloud_->fake().violations().empty()) << cloud_->fake().violations().front();
  std::map<std::string, int> made;
  for (const FakeVultr::Machine& machine : cloud_->fake().all()) ++made[machine.token];
  for (const auto& [token, count] : made) EXPECT_EQ(count, 1) << token << " was made twice";
}

}  // namespace
}  // namespace weir
