#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "examples/stand/process.h"
#include "model/error.h"
#include "tests/support/temp_directory.h"

namespace weir {

/// A real Docker Swarm on this machine: every node is an Engine with network, processes and mounts of its own, on one bridge with
/// this machine. All are managers and have the image `app:v1`: the example app as /app. Ends with the object, and with the test
/// program however that ends. `app:v2` and `app:v3` are the same image; `app:broken` has no app in it.
class SwarmMachines {
 public:
  /// Why there can be none here; empty if there can.
  [[nodiscard]] static std::string missing();
  /// Takes some seconds. Errors: whatever a program said.
  [[nodiscard]] static Result<std::unique_ptr<SwarmMachines>> start(int nodes, const std::filesystem::path& app);
  ~SwarmMachines();
  SwarmMachines(const SwarmMachines&) = delete;
  SwarmMachines& operator=(const SwarmMachines&) = delete;

  /// Nodes count from 1.
  [[nodiscard]] std::filesystem::path socket(int node = 1) const;
  [[nodiscard]] std::string address(int node) const;
  /// `docker WORDS…` at the first node; what it printed, without the end of the line.
  [[nodiscard]] Result<std::string> docker(const std::vector<std::string>& words, int node = 1) const;
  /// A replicated service of the app without tasks, its port 8080 published in host mode. `app`: further options of the app.
  [[nodiscard]] Result<void> create_service(const std::string& name, const std::vector<std::string>& app = {}) const;
  /// The images of the services that weir has made for a group, sorted: one for each server.
  [[nodiscard]] std::vector<std::string> images_of(const std::string& group) const;
  [[nodiscard]] Result<void> remove_services_of(const std::string& group) const;
  [[nodiscard]] int replicas(const std::string& service) const;  ///< -1 if that cannot be known
  /// Nobody reaches the node any more, nor it anybody.
  [[nodiscard]] Result<void> cut_off(int node) const;
  [[nodiscard]] Result<void> reconnect(int node) const;
  [[nodiscard]] std::string logs() const;  ///< and the tasks of `app`, or of what weir has made for the group of that name

 private:
  explicit SwarmMachines(int nodes);
  [[nodiscard]] Result<void> set_up(const std::filesystem::path& app);
  [[nodiscard]] Result<void> start_machine(int node);
  [[nodiscard]] Result<void> join();
  [[nodiscard]] Result<void> load_image(const std::filesystem::path& app) const;
  [[nodiscard]] std::filesystem::path home(int node) const;
  [[nodiscard]] std::string device(int node) const;

  const int nodes_;
  TempDirectory directory_;
  std::string bridge_;
  std::string subnet_;
  std::vector<Program> machines_;
};

}  // namespace weir
