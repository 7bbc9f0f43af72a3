#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "balancers/haproxy/balancer.h"
#include "tests/contract/balancer_file_contract.h"
#include "tests/fakes/haproxy.h"
#include "tests/support/temp_directory.h"

namespace weir {

/// A fake HAProxy, and a file that it never reads.
class FakeHaproxyWorld : public FileBalancerWorld {
 public:
  enum class File { kept, none };
  explicit FakeHaproxyWorld(File keep = File::kept) : keep_(keep) {}
  std::unique_ptr<Balancer> make() override {
    return std::make_unique<HaproxyBalancer>(HaproxyPlace{.runtime = HaproxyRuntime(haproxy_.socket(), std::chrono::seconds(20)),
                                                          .format = {.group = "app", .backend = "be_app"},
                                                          .file = keep_ == File::kept ? file() : std::filesystem::path()});
  }
  std::filesystem::path file() const override { return directory_.path() / "be_app.cfg"; }
  std::string foreign_text() const override { return "backend be_app\n    server theirs 10.9.9.9:80\n"; }
  std::string mark() override { return FileBalancerWorld::mark() + "/" + std::to_string(haproxy_.changes().size()); }

 private:
  File keep_;
  TempDirectory directory_;
  FakeHaproxy haproxy_;
};

}  // namespace weir
