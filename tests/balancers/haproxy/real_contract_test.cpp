#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <sstream>
#include <utility>

#include "balancers/haproxy/balancer.h"
#include "platform/unix_socket.h"
#include "tests/contract/balancer_file_contract.h"
#include "tests/support/haproxy_program.h"

namespace weir {
namespace {

/// A running HAProxy with an empty backend. It never reads the file, whose test is its own all the same.
class RealHaproxyWorld : public FileBalancerWorld {
 public:
  explicit RealHaproxyWorld(HaproxyProgram::Mode mode) : haproxy_(mode) { EXPECT_TRUE(haproxy_.start()) << haproxy_.log(); }
  std::unique_ptr<Balancer> make() override {
    return std::make_unique<HaproxyBalancer>(
        HaproxyPlace{.runtime = HaproxyRuntime(haproxy_.socket(), std::chrono::seconds(20), haproxy_.master_socket()),
                     .format = {.group = "contract", .backend = "app", .options = {"maxconn", "9", "pool-max-conn", "-1"}},
                     .file = file(),
                     .test = haproxy_.test_command()});
  }
  std::filesystem::path file() const override { return haproxy_.backend_file(); }
  std::string foreign_text() const override { return "backend app\n    server theirs 10.9.9.9:80\n"; }
  std::string mark() override {
    const auto state = ask_unix_socket(haproxy_.socket(), "show servers state app\n", std::chrono::seconds(20));
    // A server that was deleted and added again has another number.
    return FileBalancerWorld::mark() + "/" + std::to_string(std::hash<std::string>()(numbers(state.value_or(""))));
  }

 private:
  static std::string numbers(const std::string& state) {
    std::istringstream lines(state);
    std::string all;
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string backend, name, number;
      words >> backend >> name >> number;
      all += number + ",";
    }
    return all;
  }

  HaproxyProgram haproxy_;
};

/// One of the two contracts for each way to run HAProxy: each test starts one.
std::vector<FileBalancerWorldKind> world(std::string name, HaproxyProgram::Mode mode) {
  if (!HaproxyProgram::is_here()) return {};
  return {{std::move(name), [mode] { return std::make_unique<RealHaproxyWorld>(mode); }}};
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BalancerContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BalancerFileContract);
INSTANTIATE_TEST_SUITE_P(RealHaproxy, BalancerContract,
                         ::testing::ValuesIn(as_any_balancer(world("master_and_worker", HaproxyProgram::Mode::master))),
                         [](const auto& each) { return each.param.name; });
INSTANTIATE_TEST_SUITE_P(RealHaproxy, BalancerFileContract, ::testing::ValuesIn(world("plain", HaproxyProgram::Mode::plain)),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace weir
