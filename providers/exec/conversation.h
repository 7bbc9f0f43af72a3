#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/time.h"
#include "platform/circuit_breaker.h"
#include "platform/waiting_clock.h"

namespace weir {

/// How a program is run and spoken to.
struct ConversationOptions {
  std::vector<std::string> command;
  std::vector<std::string> environment;
  std::string hello;         ///< the members of the first request to every program started, after its id: `"verb":"hello",…`
  int protocol = 1;          ///< what the answer to it has to say
  Duration timeout{30'000};  ///< of one request
  Duration grace{5'000};     ///< how long a program may take to end when it is asked to, before the next stronger means
  std::size_t longest_line = 16UL * 1024 * 1024;
  BreakerRule breaker;  ///< when a program that fails again and again is left alone
};

/// Questions and answers with one long-running program, a line of JSON each. The program is started when something is asked and
/// kept; it is started again, at the next question, when it has died, hangs or breaks the rules. Questions of several threads are
/// in flight at the same time and may be answered in any order. Thread-safe.
class Conversation {
 public:
  /// The clock counts the rest of a program that keeps failing, and must outlive this.
  Conversation(ConversationOptions options, WaitingClock& clock);
  /// Ends the program: end of its input, SIGTERM, SIGKILL, with the grace between them.
  ~Conversation();
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  /// `members` are those of the request after its id. The answer is an object with the request's id.
  /// Errors: unavailable (no answer; whether something was done is unknown), cancelled.
  [[nodiscard]] Result<nlohmann::json> ask(const std::string& members, const std::stop_token& stop);

 private:
  class Keeper;
  std::unique_ptr<Keeper> keeper_;
};

}  // namespace weir
