// The contract kept with the real PM2. All tests share its daemon: each removes what it has launched.
#include <stop_token>
#include <thread>

#include "platform/file.h"
#include "tests/contract/provider_contract.h"
#include "tests/providers/pm2/real_pm2.h"
#include "tests/providers/pm2/world.h"

namespace weir {
namespace {

nlohmann::json sleeper(const std::string& name, int port) {
  return {{"name", name},          {"script", "/bin/sleep"}, {"args", {"100000"}},
          {"interpreter", "none"}, {"autostart", false},     {"env", {{"PORT", std::to_string(port)}}}};
}

/// Started with the first test that needs it.
const RealPm2& shared_pm2() {
  static RealPm2 pm2;
  static const Result<void> started = pm2.start({sleeper("app", 30'000), sleeper("web", 31'000)});
  EXPECT_TRUE(started) << (started ? "" : started.error().message);
  return pm2;
}

class RealPm2Harness final : public ProviderHarness {
 public:
  std::unique_ptr<Provider> open() override {
    return make_pm2_provider(
        {.home = pm2_.home(), .command = {RealPm2::program()}, .timeout = std::chrono::seconds(60), .directory = state_.path()});
  }
  Group group(const std::string& name) override { return pm2_group(name, name); }
  /// Once at the very beginning, once when the daemon has begun and its answer is still to come.
  void launch_and_die(const LaunchRequest& request, int attempt) override {
    if (attempt > 1) return ProviderHarness::launch_and_die(request, attempt);
    std::stop_source stop;
    const std::jthread asks([&] { (void)open()->launch(request, stop.get_token()); });
    const auto begun = [&] { return read_file(pm2_.home() / "pm2.log").value_or("").contains("app." + request.token); };
    if (attempt == 1) {
      EXPECT_TRUE(wait_until(std::chrono::seconds(60), begun));
    }
    stop.request_stop();
  }

 private:
  const RealPm2& pm2_ = shared_pm2();
  TempDirectory state_;
};

/// Nothing where there is no PM2; the test in real_service_test.cpp then says so.
std::vector<MakeHarness> real() {
  if (RealPm2::program().empty()) return {};
  return {[] { return std::make_unique<RealPm2Harness>(); }};
}

INSTANTIATE_TEST_SUITE_P(Real, ProviderContract, testing::ValuesIn(real()), named("pm2"));
INSTANTIATE_TEST_SUITE_P(Real, ElasticProviderContract, testing::ValuesIn(real()), named("pm2"));

}  // namespace
}  // namespace weir
