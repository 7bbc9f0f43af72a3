#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/error.h"
#include "tests/support/temp_directory.h"

namespace weir {

/// A real Prometheus on a free loopback port, with its data in a directory of its own; gone with the object.
class PrometheusServer {
 public:
  struct Job {
    std::string name;
    std::vector<std::string> targets;  ///< host:port, scraped at /metrics
  };

  /// Starts `prometheus` (found on PATH) scraping the jobs every `scrape_interval` ("1s") and waits until it is ready.
  [[nodiscard]] static Result<std::unique_ptr<PrometheusServer>> start(std::span<const Job> jobs,
                                                                       const std::string& scrape_interval);
  ~PrometheusServer();
  PrometheusServer(const PrometheusServer&) = delete;
  PrometheusServer& operator=(const PrometheusServer&) = delete;

  [[nodiscard]] std::string url() const;  ///< http://127.0.0.1:port
  [[nodiscard]] int port() const { return port_; }
  /// Ends the process, as a crash would if `signal` is SIGKILL.
  void stop(int signal);

 private:
  explicit PrometheusServer(int port) : port_(port) {}
  [[nodiscard]] Result<void> spawn();
  [[nodiscard]] Result<void> wait_until_ready() const;

  TempDirectory directory_;
  int port_;
  pid_t process_ = -1;
};

}  // namespace weir
