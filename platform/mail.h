#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/time.h"

namespace weir {

/// Where mail is handed in, and how one is let in. Secrets in here never reach a message.
struct MailServer {
  enum class Tls {
    none,      ///< in the clear
    starttls,  ///< in the clear until both have agreed on TLS; without it nothing is sent
    tls,       ///< from the first byte
  };
  std::string host = {};
  int port = 587;
  Tls tls = Tls::starttls;
  std::string username = {};  ///< no authentication when empty
  std::string password = {};
  std::string ca_file = {};  ///< PEM; empty = the system's
  Duration timeout{10'000};  ///< the whole conversation
};

/// One mail as it goes on the wire.
struct Mail {
  std::string from = {};             ///< the envelope's address
  std::vector<std::string> to = {};  ///< likewise
  std::string text = {};             ///< headers and body (RFC 5322), lines ended by CRLF
};

/// Hands the mail in and waits until the server has taken it. It is sent once, to all recipients that the server takes; none is an
/// error. Errors: unavailable (no connection, no TLS, a temporary refusal, no end within the timeout), denied (it does not let us
/// in), invalid (it refuses the mail), cancelled. Thread-safe.
[[nodiscard]] Result<void> send_mail(const MailServer& server, const Mail& mail, const std::stop_token& stop);

}  // namespace weir
