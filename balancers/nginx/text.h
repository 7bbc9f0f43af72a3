#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/observation.h"
#include "model/time.h"

namespace weir {

/// How the file of one group is written. Pure text; no file is touched here.
struct NginxFormat {
  enum class Layout { servers, upstream };
  std::string group;
  Layout layout = Layout::servers;
  std::string upstream;                  ///< layout upstream: name of the block
  std::string method;                    ///< as nginx writes it; empty or round_robin: nginx's default
  int keepalive = 0;                     ///< 0: no such line
  std::string zone;                      ///< size; empty: no such line
  int weight = 1;                        ///< multiplies every peer's
  int max_fails = 0;                     ///< always written: nginx's own default is 1
  std::chrono::seconds fail_timeout{0};  ///< 0: nginx's default
  int max_conns = 0;                     ///< 0: no limit
  bool backup = false;
  bool operator==(const NginxFormat&) const = default;
};

enum class NginxOwner {
  nobody,       ///< nothing but blanks
  this_group,   ///< our first line, with this group's name
  other_group,  ///< our first line, with another name
  stranger,     ///< something weir did not write
};
[[nodiscard]] NginxOwner owner_of(std::string_view text, std::string_view group);

/// The whole file; the same peers always give the same text. No peers give a placeholder that answers 502, because nginx refuses
/// an upstream without servers. Errors: invalid, if an address or id cannot be written safely.
[[nodiscard]] Result<std::string> render(const NginxFormat& format, std::span<const Peer> peers);

/// The peers a file names, without the placeholder, in the file's order; of a file by another hand what can be recognized.
[[nodiscard]] std::vector<Peer> parse_peers(const NginxFormat& format, std::string_view text);

}  // namespace weir
