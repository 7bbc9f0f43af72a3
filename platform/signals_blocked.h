#pragma once

#include <csignal>

namespace weir {

/// Blocks every signal in this thread while it lives. Around fork(): no handler of ours may run in the child before it has reset
/// them.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    (void)::sigfillset(&all);
    (void)::pthread_sigmask(SIG_SETMASK, &all, &old_);
  }
  ~SignalsBlocked() { (void)::pthread_sigmask(SIG_SETMASK, &old_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t old_{};
};

}  // namespace weir
