#include "platform/waiting_clock.h"

#include <condition_variable>
#include <mutex>

namespace weir {

bool WaitingClock::wait_until(Moment when, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  (void)never.wait_until(lock, stop, when, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace weir
