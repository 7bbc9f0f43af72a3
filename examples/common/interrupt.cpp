#include "examples/common/interrupt.h"

#include <csignal>
#include <ctime>

namespace weir {

Interrupt::Interrupt() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  waiter_ = std::jthread([signals, stop = stop_](const std::stop_token& ended) mutable {
    const timespec moment{.tv_sec = 0, .tv_nsec = 100'000'000};
    while (!ended.stop_requested()) {
      if (sigtimedwait(&signals, nullptr, &moment) > 0) stop.request_stop();
    }
  });
}

}  // namespace weir
