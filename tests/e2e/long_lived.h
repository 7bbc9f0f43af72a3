#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "examples/load/load.h"
#include "examples/stand/stand.h"

namespace weir {

/// Clients that download /slow without a pause, each as soon as it has the last one.
class Downloads {
 public:
  Downloads(const Stand& stand, int clients);
  /// What is under way is finished; then none begins.
  void stop() { load_.stop(); }
  [[nodiscard]] std::size_t count() const { return whole_ + broken_; }
  /// Those that were not answered, or not in full.
  [[nodiscard]] std::size_t broken() const { return broken_; }
  [[nodiscard]] LoadSummary summary() const { return load_.summary(); }

 private:
  std::atomic<std::size_t> whole_{0};
  std::atomic<std::size_t> broken_{0};
  Load load_;
};

/// Clients of /echo over WebSockets that talk all the time. Who is cut off begins again.
class Sockets {
 public:
  /// Called on the clients' thread as soon as one is cut off, with the address of the server it talked to.
  using OnEnd = std::function<void(const std::string& server)>;

  Sockets(const Stand& stand, int clients, OnEnd on_end);
  ~Sockets();
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  /// Clients that have had an answer since they connected last.
  [[nodiscard]] int talking() const;
  /// Times that one could not connect.
  [[nodiscard]] std::size_t refused() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir
