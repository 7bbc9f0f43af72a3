#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "platform/file.h"
#include "tests/balancers/settings.h"
#include "tests/contract/balancer_world.h"
#include "tests/support/temp_directory.h"

namespace weir {

/// A program that keeps the peers in a file of its own.
class ExecWorld : public BalancerWorld {
 public:
  ExecWorld() : ExecWorld(std::vector<std::string>{}) {}
  /// It does nothing but misbehave in this way.
  ExecWorld(const std::string& way, Duration timeout) : ExecWorld(std::vector<std::string>{}) {
    command_.push_back(way);
    timeout_ = timeout;
  }
  /// Another program; empty: the usual one.
  explicit ExecWorld(std::vector<std::string> command) : command_(std::move(command)) {
    group_.name = "app";
    if (command_.empty()) command_ = {WEIR_PEER_KEEPER, directory_.path() / "peers.json"};
  }
  std::unique_ptr<Balancer> make() override {
    const BalancerSpec spec{.name = "exec", .type = "exec", .settings = exec_settings(command_, timeout_)};
    return std::move(*maker_.make({group_, spec}));
  }
  /// What it wrote down of its writes.
  std::string mark() override { return read_file(directory_.path() / "peers.json.log").value_or("(none)"); }

 private:
  TempDirectory directory_;
  std::vector<std::string> command_;
  Duration timeout_{60'000};
  Group group_;
  BalancerMaker maker_;
};

}  // namespace weir
