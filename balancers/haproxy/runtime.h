#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/time.h"

namespace weir {

/// One server of a backend, as HAProxy says it.
struct HaproxyServer {
  std::string name;
  std::string address;  ///< ip:port or [ip6]:port
  int weight = 1;       ///< now; not the one it began with
  bool ready = false;   ///< new requests may go to it: neither in maintenance nor draining
  bool up = false;      ///< HAProxy's own checks, if any, do not speak against it
  int sessions = 0;     ///< requests and connections that run or wait; idle ones that are kept do not count
  bool operator==(const HaproxyServer&) const = default;
};

/// Parses what `show servers state`, `show servers conn` and `show stat` say of one backend, asked in this order at once. Errors:
/// not_found (no such backend), denied, unavailable (not such answers, or not all of them).
[[nodiscard]] Result<std::vector<HaproxyServer>> parse_servers(std::string_view answer, std::string_view backend);

/// Whether a change was made, from the text that answers it. HAProxy has no codes. Errors: not_found (no such backend or server),
/// denied, invalid (HAProxy cannot take it), unavailable (not now).
[[nodiscard]] Result<void> judge_answer(std::string_view answer);

/// Process ids of workers that a reload replaced and that still finish what they began, from what `show proc` says. Errors:
/// unavailable.
[[nodiscard]] Result<std::vector<int>> parse_old_workers(std::string_view answer);

/// HAProxy's runtime API on a unix socket of level admin. Thread-safe.
class HaproxyRuntime {
 public:
  /// `master`: the socket of a master process, by which workers that a reload replaced can be asked, too; empty: they cannot.
  HaproxyRuntime(std::filesystem::path socket, Duration timeout, std::filesystem::path master = {})
      : socket_(std::move(socket)), timeout_(timeout), master_(std::move(master)) {}

  /// Errors: as parse_servers(), and those of the socket.
  [[nodiscard]] Result<std::vector<HaproxyServer>> servers(const std::string& backend, const std::stop_token& stop) const;
  /// The same of all workers that a reload replaced; none without a master's socket. Their servers get nothing new, whatever they
  /// say.
  [[nodiscard]] Result<std::vector<HaproxyServer>> old_servers(const std::string& backend, const std::stop_token& stop) const;
  /// One command that changes something. Errors: as judge_answer(), and those of the socket.
  [[nodiscard]] Result<void> change(const std::string& command, const std::stop_token& stop) const;

  [[nodiscard]] const std::filesystem::path& socket() const { return socket_; }

 private:
  [[nodiscard]] Result<std::vector<HaproxyServer>> ask(const std::filesystem::path& socket, const std::string& prefix,
                                                       const std::string& backend, const std::stop_token& stop) const;

  std::filesystem::path socket_;
  Duration timeout_;
  std::filesystem::path master_;
};

}  // namespace weir
