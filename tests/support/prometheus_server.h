#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/error.h"
#include "platform/http_client.h"
#include "tests/support/temp_directory.h"

namespace weir {

/// A real Prometheus on a free loopback port, with its data in a directory of its own; gone with the object.
class PrometheusServer {
 public:
  struct Job {
    std::string name;
    std::vector<std::string> targets;  ///< host:port, scraped at /metrics
  };

  /// How it guards its door: text of its web configuration, and what opens it. TLS if there is any.
  struct Door {
    std::string config;
    HttpAccess key;
  };

  /// Starts `prometheus` (found on PATH) scraping the jobs every `scrape_interval` ("1s") and waits until it is ready. `past`: what
  /// it knows from the beginning, in OpenMetrics text with times.
  [[nodiscard]] static Result<std::unique_ptr<PrometheusServer>> start(std::span<const Job> jobs,
                                                                       const std::string& scrape_interval, Door door = {},
                                                                       const std::string& past = {});
  ~PrometheusServer();
  PrometheusServer(const PrometheusServer&) = delete;
  PrometheusServer& operator=(const PrometheusServer&) = delete;

  [[nodiscard]] std::string url() const;  ///< http(s)://127.0.0.1:port
  [[nodiscard]] int port() const { return port_; }
  /// Ends the process, as a crash would if `signal` is SIGKILL.
  void stop(int signal);

 private:
  PrometheusServer(int port, Door door) : door_(std::move(door)), port_(port) {}
  [[nodiscard]] Result<void> write_past(const std::string& past) const;
  [[nodiscard]] Result<void> spawn();
  [[nodiscard]] Result<void> wait_until_ready() const;

  TempDirectory directory_;
  Door door_;
  int port_;
  pid_t process_ = -1;
};

}  // namespace weir
