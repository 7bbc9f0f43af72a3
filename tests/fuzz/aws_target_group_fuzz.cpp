#include <memory>
#include <optional>

#include "balancers/balancer.h"
#include "model/group.h"
#include "tests/fuzz/answering.h"

/// Reads and writes a target group against answers made of the bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  Settings provider;
  provider.set("type", std::string("aws_asg"));
  provider.set("region", std::string("us-east-1"));
  provider.set("access_key_id", std::string("AKIDEXAMPLE"));
  provider.set("secret_access_key", std::string(kFuzzSecret));
  Group group;
  group.name = "app";
  group.provider = "aws";
  BalancerSpec spec{.name = "tg", .type = "aws_target_group", .settings = {}};
  spec.settings.set("provider", std::string("aws"));
  spec.settings.set("arn", std::string("arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/tg/0123456789abcdef"));
  AnsweringNetwork outside({reinterpret_cast<const char*>(data), size});
  BalancerMaker maker({.network = &outside.network, .provider = [&](const std::string&) { return &provider; }});
  auto balancer = maker.make({group, spec});
  check(balancer.has_value());
  const std::string addresses[] = {"10.0.0.1:80", "10.0.0.2:80"};
  const auto look = [&] {
    const BalancerView view = (*balancer)->read(addresses, {});
    if (!view.known) check_message(view.detail);
  };
  look();
  int answers = 0;
  (*balancer)->write({{.server = "i-1", .address = addresses[0]}, {.server = "i-2", .address = addresses[1]}},
                     [&](Result<void> done) {
                       ++answers;
                       if (!done) check_message(done.error().message);
                     });
  look();
  balancer->reset();
  check(answers == 1);
  return 0;
}
