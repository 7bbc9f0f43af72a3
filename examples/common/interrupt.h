#pragma once

#include <stop_token>
#include <thread>

namespace weir {

/// Turns SIGINT, SIGTERM and SIGHUP into a stop request, so that a program ends the ordinary way and its destructors clean up.
/// Make it before any thread: it blocks the signals in this one, and later threads inherit that.
class Interrupt {
 public:
  Interrupt();
  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

 private:
  std::stop_source stop_;
  std::jthread waiter_;
};

}  // namespace weir
