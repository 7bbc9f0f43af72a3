#include <gtest/gtest.h>

#include "balancers/nginx/balancer.h"
#include "tests/contract/balancer_file_contract.h"
#include "tests/support/nginx_server.h"

namespace weir {
namespace {

/// A running nginx that starts without the file.
class RealNginxWorld : public FileBalancerWorld {
 public:
  explicit RealNginxWorld(NginxStaging staging)
      : nginx_("include {directory}/weir/upstream[.]conf;\nserver { listen 127.0.0.1:{port}; location / { return 204; } }"),
        reloader_({.test = nginx_.test_command(), .reload = nginx_.reload_command(), .pid_file = nginx_.pid_file()},
                  {.between_reloads = Duration{0}}, staging) {
    std::filesystem::create_directory(nginx_.directory() / "weir");
    EXPECT_TRUE(nginx_.start()) << nginx_.error_log();
  }
  std::unique_ptr<Balancer> make() override {
    const NginxFormat format{
        .group = "app", .layout = NginxFormat::Layout::upstream, .upstream = "app", .keepalive = 8, .zone = "64k"};
    return std::make_unique<NginxBalancer>(NginxFile{.path = file(), .format = format}, reloader_);
  }
  std::filesystem::path file() const override { return nginx_.directory() / "weir/upstream.conf"; }
  std::string foreign_text() const override { return "upstream app { server 10.9.9.9:80; }\n"; }

 private:
  NginxServer nginx_;
  NginxReloader reloader_;
};

std::vector<FileBalancerWorldKind> worlds() {
  return {FileBalancerWorldKind{"tested_in_a_private_mount",
                                [] { return std::make_unique<RealNginxWorld>(NginxStaging::private_mount); }},
          FileBalancerWorldKind{"tested_in_place", [] { return std::make_unique<RealNginxWorld>(NginxStaging::in_place); }}};
}

INSTANTIATE_TEST_SUITE_P(RealNginx, BalancerContract, ::testing::ValuesIn(as_any_balancer(worlds())),
                         [](const auto& each) { return each.param.name; });
INSTANTIATE_TEST_SUITE_P(RealNginx, BalancerFileContract, ::testing::ValuesIn(worlds()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace weir
