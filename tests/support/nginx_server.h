#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "tests/support/temp_directory.h"

namespace weir {

/// One GET over a connection of its own. Absent if no complete answer came.
struct HttpAnswer {
  int status = 0;
  std::string body;
};
[[nodiscard]] std::optional<HttpAnswer> http_get(int port, const std::string& path = "/");

/// A real nginx with everything it writes in a directory of its own, listening on a free loopback port. Ends with the object, and
/// with the test program however that ends.
class NginxServer {
 public:
  /// `http` goes into its http block; {directory} and {port} in it are replaced. Not started yet.
  explicit NginxServer(const std::string& http = proxy());
  ~NginxServer();
  NginxServer(const NginxServer&) = delete;
  NginxServer& operator=(const NginxServer&) = delete;

  /// A server at {port} that passes everything to the upstream `app`, whose lines are in {directory}/upstream.conf (layout
  /// servers).
  [[nodiscard]] static std::string proxy();
  /// The same for layout upstream: the whole block is in the file.
  [[nodiscard]] static std::string proxy_to_included_block();
  /// A server at {port} that answers this text to everything.
  [[nodiscard]] static std::string answering(const std::string& text);

  /// Starts it and waits until workers run. False if it does not come up; error_log() says why.
  [[nodiscard]] bool start();
  /// Ends it at once, master first and then all workers, and waits for that. Nothing if it is not running.
  void stop();

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_.path(); }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string address() const;  ///< 127.0.0.1:port
  [[nodiscard]] std::filesystem::path upstream_file() const { return directory() / "upstream.conf"; }
  [[nodiscard]] std::filesystem::path pid_file() const { return directory() / "nginx.pid"; }
  [[nodiscard]] std::filesystem::path config_file() const { return directory() / "nginx.conf"; }
  [[nodiscard]] std::vector<std::string> test_command() const;
  [[nodiscard]] std::vector<std::string> reload_command() const;
  [[nodiscard]] std::string error_log() const;
  /// Reloads it has begun, from its log.
  [[nodiscard]] int reloads() const;
  [[nodiscard]] std::optional<HttpAnswer> get(const std::string& path = "/") const { return http_get(port_, path); }

 private:
  [[nodiscard]] std::vector<std::string> command(std::vector<std::string> more) const;

  TempDirectory directory_;
  int port_;
  pid_t pid_ = 0;  ///< of the master, our child; 0 = not running
};

}  // namespace weir
