#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "balancers/balancer.h"

namespace weir {

/// The writes of one balancer, one after the other on a thread of their own. Those that come while one is under way are made
/// together by the next, with the last one's peers, and all are told how it ended. Thread-safe.
class PeerWriter {
 public:
  using Write = std::function<Result<void>(std::span<const Peer> peers, const std::stop_token& stop)>;
  /// What is left to do after a write, when no write waits: how long until it is worth another look, or nothing.
  using Tidy = std::function<std::optional<Duration>(const std::stop_token& stop)>;

  /// `name` says in messages whose writes these are. What both functions use must outlive this object.
  PeerWriter(std::string name, Write write, Tidy tidy = {});
  /// Stops what is under way and answers everything else as cancelled. Not from a Done.
  ~PeerWriter();
  PeerWriter(const PeerWriter&) = delete;
  PeerWriter& operator=(const PeerWriter&) = delete;

  /// As Balancer::write().
  void submit(std::vector<Peer> peers, Balancer::Done done);

 private:
  void run(const std::stop_token& stop);
  /// False when there is nothing more to do because of a stop.
  bool wait(const std::stop_token& stop, const std::optional<Duration>& tidy_in);

  const std::string name_;
  const Write write_;
  const Tidy tidy_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Peer> peers_;
  std::vector<Balancer::Done> waiting_;  ///< for a write that has not begun
  std::jthread thread_;
};

}  // namespace weir
