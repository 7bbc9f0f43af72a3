#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "receivers/receiver.h"

namespace weir {

/// The headers' addresses of a mail.
struct MailAddresses {
  std::string from;
  std::vector<std::string> to;
};

/// The message as a mail (RFC 5322): UTF-8, subject encoded (RFC 2047), body in base64, lines ended by CRLF. `id` makes its
/// Message-ID unique.
[[nodiscard]] std::string mail_text(const Message& message, const MailAddresses& addresses, std::string_view id);

/// `weir@example.com` of `weir <weir@example.com>`, or of itself; empty if it is no address that can stand in a header.
[[nodiscard]] std::string bare_address(std::string_view text);

/// `Mon, 30 Nov 2026 13:00:00 +0000` (RFC 5322, 3.3).
[[nodiscard]] std::string mail_date(TimePoint at);

}  // namespace weir
