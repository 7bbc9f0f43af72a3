// The examples keep the contract that every provider keeps.
#include <fmt/format.h>

#include "tests/contract/provider_contract.h"
#include "tests/providers/exec/exec_world.h"

namespace weir {
namespace {

class ExecHarness final : public ProviderHarness {
 public:
  explicit ExecHarness(std::string example) : example_(std::move(example)) {}
  std::unique_ptr<Provider> open() override {
    return world_.open(world_.settings({fmt::format("{}/examples/providers/{}", WEIR_SOURCE_DIR, example_)}));
  }
  Group group(const std::string& name) override {
    Group group;
    group.name = name;
    group.max = 8;
    group.server.set(kRestKey, std::string(R"({"size":2,"group":{"name":"other"},"token":"none","server":"none"})"));
    return group;
  }

 private:
  std::string example_;
  ExecWorld world_;
};

const MakeHarness kShell = [] { return std::make_unique<ExecHarness>("records.sh"); };
const MakeHarness kPython = [] { return std::make_unique<ExecHarness>("records.py"); };

INSTANTIATE_TEST_SUITE_P(Shell, ProviderContract, testing::Values(kShell), named("shell"));
INSTANTIATE_TEST_SUITE_P(Shell, ElasticProviderContract, testing::Values(kShell), named("shell"));
/// Nothing where there is no interpreter; the test below then says so.
std::vector<MakeHarness> python() { return has_program("python3") ? std::vector{kPython} : std::vector<MakeHarness>{}; }

INSTANTIATE_TEST_SUITE_P(Python, ProviderContract, testing::ValuesIn(python()), named("python"));
INSTANTIATE_TEST_SUITE_P(Python, ElasticProviderContract, testing::ValuesIn(python()), named("python"));

TEST(PythonExample, has_an_interpreter_to_be_tested_with) {
  if (!has_program("python3")) GTEST_SKIP() << "no python3 here: the example in Python is not tested";
}

}  // namespace
}  // namespace weir
