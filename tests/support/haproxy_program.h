#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

#include "tests/support/temp_directory.h"

namespace weir {

/// A real HAProxy with everything it writes in a directory of its own, listening on a free loopback port. Ends with the object, and
/// with the test program however that ends. Not thread-safe.
class HaproxyProgram {
 public:
  enum class Mode {
    plain,   ///< one process; a reload starts another, which takes over
    master,  ///< master and worker (-W); a reload replaces the worker
  };
  enum class Backend {
    in_configuration,  ///< an empty backend `app` in its own configuration
    in_file,           ///< backend `app` is in backend_file(), which must exist before it is started
  };
  explicit HaproxyProgram(Mode mode, Backend backend = Backend::in_configuration);
  ~HaproxyProgram();
  HaproxyProgram(const HaproxyProgram&) = delete;
  HaproxyProgram& operator=(const HaproxyProgram&) = delete;

  /// There is a HAProxy on this machine.
  [[nodiscard]] static bool is_here();

  /// Starts it and waits until it answers on its socket. False if it does not; log() says why.
  [[nodiscard]] bool start();
  /// Ends it at once, with its workers.
  void stop();
  /// Loads the configuration again and waits for the new worker; the old one finishes what it began.
  [[nodiscard]] bool reload();

  [[nodiscard]] std::filesystem::path directory() const { return directory_.path(); }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::filesystem::path socket() const { return directory() / "admin.sock"; }
  [[nodiscard]] std::filesystem::path master_socket() const;  ///< empty in plain mode
  [[nodiscard]] std::filesystem::path backend_file() const { return directory() / "weir" / "app.cfg"; }
  /// For balancers that test their file.
  [[nodiscard]] std::vector<std::string> test_command() const;
  [[nodiscard]] std::string log() const;

 private:
  [[nodiscard]] std::vector<std::string> command(const std::vector<std::string>& more) const;
  /// Process id of the worker that answers on the socket; 0 if none does.
  [[nodiscard]] int worker() const;
  [[nodiscard]] bool spawn(const std::vector<std::string>& words);

  TempDirectory directory_;
  Mode mode_;
  Backend backend_;
  int port_;
  std::vector<pid_t> processes_;  ///< our children
};

}  // namespace weir
