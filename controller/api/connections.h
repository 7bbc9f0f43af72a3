#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "model/error.h"
#include "model/time.h"

namespace weir {

/// How long and how large the exchanges on a server's connections may be.
struct ConnectionLimits {
  std::size_t connections = 64;       ///< beyond that the ones without progress for longest go
  std::uint64_t unanswered = 98'304;  ///< bytes received since the last answer: more than any request that is answered (limits.h)
  Duration answer{10'000};            ///< from the first byte of a request to its answer, and for each part of it to be taken
  Duration idle{60'000};              ///< between requests
  Duration every{250};                ///< how often this is looked after
};

/// Closes what breaks the limits. cpprestsdk itself keeps idle and half-sent requests for ever (its timeout is for its client) and
/// takes headers and bodies of any size, so this looks at the process's own sockets: the kernel knows how much each received and
/// sent. Linux only.
class ConnectionGuard {
 public:
  /// Guards the connections accepted on this port of this process.
  [[nodiscard]] static Result<std::unique_ptr<ConnectionGuard>> start(int port, ConnectionLimits limits);
  ~ConnectionGuard();

  /// Lets nobody in any more and ends the connections there are. True once none is left; to be asked again until then.
  [[nodiscard]] bool close_all();

  ConnectionGuard(const ConnectionGuard&) = delete;
  ConnectionGuard& operator=(const ConnectionGuard&) = delete;

 private:
  struct Impl;
  explicit ConnectionGuard(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir
