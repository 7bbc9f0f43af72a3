#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/error.h"

namespace weir {

/// Ports first to last, both included.
struct PortRange {
  int first = 0;
  int last = 0;
  [[nodiscard]] int size() const { return last - first + 1; }
};

/// "9000-9099" or "9000"; nothing if it is not a range within 1 to 65535.
[[nodiscard]] std::optional<PortRange> parse_port_range(std::string_view text);

/// An IPv4 or IPv6 address that servers can be reached at: not a name, not 0.0.0.0 or ::.
[[nodiscard]] bool is_host_address(const std::string& host);

/// host:port, IPv6 in brackets.
[[nodiscard]] std::string join_address(const std::string& host, int port);

/// Whether a server could listen there now. Errors: invalid when the host is not an address of this machine or the port is not
/// ours to take (below 1024 without the right).
[[nodiscard]] Result<bool> is_port_free(const std::string& host, int port);

}  // namespace weir
