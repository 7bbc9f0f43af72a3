#include <gtest/gtest.h>

#include "balancers/nginx/balancer.h"
#include "tests/balancers/settings.h"
#include "tests/contract/balancer_file_contract.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

/// nginx on another host, as far as weir can see: both commands succeed and do nothing.
class BlindNginxWorld : public FileBalancerWorld {
 public:
  explicit BlindNginxWorld(NginxStaging staging)
      : reloader_({.test = {"true"}, .reload = {"true"}, .pid_file = {}}, {.between_reloads = Duration{0}}, staging) {}
  std::unique_ptr<Balancer> make() override {
    return std::make_unique<NginxBalancer>(NginxFile{.path = file(), .format = {.group = "app"}}, reloader_);
  }
  std::filesystem::path file() const override { return directory_.path() / "upstream.conf"; }
  std::string foreign_text() const override { return "server 10.9.9.9:80;\n"; }

 private:
  TempDirectory directory_;
  NginxReloader reloader_;
};

class FileSdWorld : public FileBalancerWorld {
 public:
  explicit FileSdWorld(std::string name) : name_(std::move(name)) { group_.name = "app"; }
  std::unique_ptr<Balancer> make() override {
    const BalancerSpec spec{.name = "file_sd", .type = "file_sd", .settings = file_sd_settings(file())};
    return std::move(*maker_.make({group_, spec}));
  }
  std::filesystem::path file() const override { return directory_.path() / name_; }
  std::string foreign_text() const override { return R"([{"targets": ["10.9.9.9:80"], "labels": {"job": "node"}}])"; }

 private:
  TempDirectory directory_;
  std::string name_;
  Group group_;
  BalancerMaker maker_;
};

std::vector<FileBalancerWorldKind> worlds() {
  return {FileBalancerWorldKind{"nginx_tested_in_a_private_mount",
                                [] { return std::make_unique<BlindNginxWorld>(NginxStaging::private_mount); }},
          FileBalancerWorldKind{"nginx_tested_in_place", [] { return std::make_unique<BlindNginxWorld>(NginxStaging::in_place); }},
          FileBalancerWorldKind{"file_sd_json", [] { return std::make_unique<FileSdWorld>("app.json"); }},
          FileBalancerWorldKind{"file_sd_yaml", [] { return std::make_unique<FileSdWorld>("app.yml"); }}};
}

INSTANTIATE_TEST_SUITE_P(, BalancerContract, ::testing::ValuesIn(as_any_balancer(worlds())),
                         [](const auto& each) { return each.param.name; });
INSTANTIATE_TEST_SUITE_P(, BalancerFileContract, ::testing::ValuesIn(worlds()), [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace weir
