#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "controller/log/log.h"
#include "model/event.h"
#include "platform/waiting_clock.h"
#include "receivers/receiver.h"

namespace weir {

/// What became of messages, for metrics. Called from any thread; must not block. Any may be empty.
struct DeliveryEvents {
  enum class Outcome {
    delivered,
    failed,   ///< refused, or given up after retry_for
    dropped,  ///< the queue was full, or weir stopped before it was taken
  };
  std::function<void(const std::string& receiver, Outcome)> ended;
  std::function<void(const std::string& receiver, std::size_t waiting)> queued;
};

/// One receiver's messages: a bounded queue, and one thread that hands them over, again and again where that may help. However the
/// receiver behaves, put() returns at once.
class Mailbox {
 public:
  struct Options {
    std::size_t most_waiting = 100;
    Duration first_delay{1000};  ///< before the second attempt; doubled each time, and a random part of it taken off
    Duration longest_delay{60'000};
    /// A number in [0, 1), for jitter; empty: the system's randomness.
    std::function<double()> random = {};
  };
  /// Who surrounds it; outlives it.
  struct Surroundings {
    const Log& log;
    WaitingClock& clock;
    const DeliveryEvents& events;
  };

  Mailbox(ReceiverSpec spec, std::unique_ptr<Receiver> receiver, Surroundings surroundings, Options options);
  Mailbox(ReceiverSpec spec, std::unique_ptr<Receiver> receiver, Surroundings surroundings);
  ~Mailbox();  ///< stops; what still waits is dropped and counted
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// A full queue takes nothing more: it is counted, and logged when it begins.
  void put(Message message);
  /// True if nothing waits or is under way, or nothing gets through anyway.
  [[nodiscard]] bool is_settled() const;
  /// Returns when it is settled, or at `until`.
  void settle(std::chrono::steady_clock::time_point until) const;
  [[nodiscard]] const ReceiverSpec& spec() const { return spec_; }

 private:
  void work(const std::stop_token& stop);
  [[nodiscard]] bool take(Message& message, const std::stop_token& stop);
  void deliver(const Message& message, const std::stop_token& stop);
  [[nodiscard]] bool rest(const Attempt& attempt, WaitingClock::Moment deadline, const std::stop_token& stop);
  void succeeded();
  void failed(const Error& error);
  void in_trouble(bool trouble);
  void tell_waiting(std::size_t waiting) const;
  void count(DeliveryEvents::Outcome outcome) const;

  const ReceiverSpec spec_;
  const std::unique_ptr<Receiver> receiver_;
  const Surroundings surroundings_;
  const Options options_;

  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  std::deque<Message> waiting_;
  bool busy_ = false;     ///< one is under way
  bool trouble_ = false;  ///< the last attempt failed
  bool full_ = false;     ///< since the last message that was dropped nothing was taken
  int failures_ = 0;      ///< attempts in a row; of the worker's thread
  bool told_ = false;     ///< that it fails; likewise

  std::jthread worker_;
};

}  // namespace weir
