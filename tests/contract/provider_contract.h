#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "providers/provider.h"
#include "tests/support/wait_until.h"

namespace weir {

/// What the author of a provider gives the contract suite: an outside world of its own for one test, gone at its end.
class ProviderHarness {
 public:
  ProviderHarness() = default;
  ProviderHarness(const ProviderHarness&) = delete;
  ProviderHarness& operator=(const ProviderHarness&) = delete;
  virtual ~ProviderHarness() = default;

  /// A new provider object over the same outside: what a restart of weir makes.
  [[nodiscard]] virtual std::unique_ptr<Provider> open() = 0;

  /// A group with room for eight servers. For a provider that is not elastic: with at least one server in it.
  [[nodiscard]] virtual Group group(const std::string& name) = 0;

  /// Names the first, second … version as the provider wants them.
  [[nodiscard]] virtual std::string version(int number) const { return "v" + std::to_string(number); }

  /// False: the platform alone says what its servers run, and weir does not deploy them.
  [[nodiscard]] virtual bool makes_versions() const { return true; }

  /// One that no server can be made of; empty: there is none.
  [[nodiscard]] virtual std::string broken_version() const { return {}; }

  /// Lets time pass outside, where that has a clock of its own.
  virtual void pass(Duration /*duration*/) {}

  /// What the outside says that a server was made of, in terms of versions.
  [[nodiscard]] virtual std::string made_of(const Server& server) { return server.version; }

  /// Launches as a weir that dies before it hears the answer: at whichever moment `attempt` (0, 1, 2 …) stands for.
  virtual void launch_and_die(const LaunchRequest& request, int /*attempt*/) { (void)open()->launch(request, {}); }
};

using MakeHarness = std::function<std::unique_ptr<ProviderHarness>()>;

/// What every provider must do, whatever kind it is.
class ProviderContract : public testing::TestWithParam<MakeHarness> {
 protected:
  static constexpr std::chrono::seconds kDeadline{30};

  [[nodiscard]] std::vector<Server> list(std::span<const Group* const> groups) {
    Result<std::vector<Server>> servers = provider_->list(groups, {});
    EXPECT_TRUE(servers) << (servers ? "" : servers.error().message);
    return servers.value_or(std::vector<Server>{});
  }
  [[nodiscard]] std::vector<Server> list() {
    const Group* const groups[] = {&app_, &web_};
    return list(groups);
  }
  void restart_weir() { provider_ = harness_->open(); }

  std::unique_ptr<ProviderHarness> harness_ = GetParam()();
  std::unique_ptr<Provider> provider_ = harness_->open();
  const Group app_ = harness_->group("app");
  const Group web_ = harness_->group("web");
};

/// What a provider must do besides if it can make servers.
class ElasticProviderContract : public ProviderContract {
 public:
  ~ElasticProviderContract() override {
    const bool gone = wait_until(kDeadline, [&] { return terminate_all(); });
    EXPECT_TRUE(gone) << "servers are left behind";
  }

 protected:
  Server launch(const Group& group, const std::string& token, int version = 1) {
    Result<Server> server = provider_->launch({group, token, harness_->version(version)}, {});
    EXPECT_TRUE(server) << (server ? "" : server.error().message);
    return server.value_or(Server{});
  }

  [[nodiscard]] static bool has(const std::vector<Server>& servers, const std::string& id) {
    return std::ranges::find(servers, id, &Server::id) != servers.end();
  }

  /// One turn's worth of terminating; true when the list no longer has the server.
  [[nodiscard]] bool terminate_until_gone(const Group& group, const std::string& id) {
    return wait_until(kDeadline, [&] {
      const Result<void> asked = provider_->terminate(group, id, {});
      EXPECT_TRUE(asked) << (asked ? "" : asked.error().message);
      return !has(list(), id);
    });
  }

 private:
  bool terminate_all() {
    const std::vector<Server> servers = list();
    for (const Server& server : servers) (void)provider_->terminate(server.group == "web" ? web_ : app_, server.id, {});
    return servers.empty();
  }
};

/// Names an instance after the provider, for INSTANTIATE_TEST_SUITE_P.
inline auto named(const std::string& name) {
  return [name](const testing::TestParamInfo<MakeHarness>& /*info*/) { return name; };
}

}  // namespace weir
