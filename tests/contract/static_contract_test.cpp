#include "providers/static/static.h"
#include "tests/contract/provider_contract.h"

namespace weir {
namespace {

class StaticHarness final : public ProviderHarness {
 public:
  std::unique_ptr<Provider> open() override { return *static_provider_type().make({}, {"lan", {}}); }
  Group group(const std::string& name) override {
    Group group;
    group.name = name;
    group.server.set("addresses", Settings::Texts{name + "-2.lan:3000", name + "-1.lan:3000"});
    return group;
  }
};

const MakeHarness kStatic = [] { return std::make_unique<StaticHarness>(); };

INSTANTIATE_TEST_SUITE_P(Static, ProviderContract, testing::Values(kStatic), named("static"));

}  // namespace
}  // namespace weir
