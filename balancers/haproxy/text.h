#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/observation.h"

namespace weir {

/// How one group's backend is written. Pure text; nothing is touched here.
struct HaproxyFormat {
  std::string group;
  std::string backend;
  std::string defaults = {};              ///< name of the defaults section it is made from; empty: the last one before it
  std::vector<std::string> lines = {};    ///< of the backend section, before the servers
  std::vector<std::string> options = {};  ///< words of every server, besides its address and weight
  bool checks = false;                    ///< `options` have checks, which a server that is added does not begin by itself
  bool operator==(const HaproxyFormat&) const = default;
};

enum class HaproxyOwner {
  nobody,       ///< nothing but blanks
  this_group,   ///< our first line, with this group's name
  other_group,  ///< our first line, with another name
  stranger,     ///< something weir did not write
};
[[nodiscard]] HaproxyOwner haproxy_owner(std::string_view text, std::string_view group);

/// The name HAProxy knows a server by: its id where HAProxy can take that, else what it can take of it and a mark made of id and
/// address.
[[nodiscard]] std::string haproxy_name(const Peer& peer);
/// The second choice, with that mark, for when another address still has the first.
[[nodiscard]] std::string haproxy_marked_name(const Peer& peer);
/// True if weir would call this peer so.
[[nodiscard]] bool is_haproxy_name_of(std::string_view name, const Peer& peer);
/// The id of the server behind a name, as far as the name tells it; else empty.
[[nodiscard]] std::string id_of_haproxy_name(const std::string& name, const std::string& address);

/// `1.2.3.4:80` or `[::1]:80` as HAProxy's answers come to: absent if it is not an address and a port. HAProxy would take a host
/// name at run time and never resolve it, and a missing port for 0.
[[nodiscard]] std::optional<std::string> plain_address(std::string_view address);

/// Errors: invalid, if HAProxy could not take one of them, or two of them have one name or address.
[[nodiscard]] Result<void> check_peers(std::span<const Peer> peers);

/// The words that make a server of this peer, after its name: in the file and at run time the same.
[[nodiscard]] std::string server_words(const HaproxyFormat& format, const Peer& peer);

/// The whole file, which is a backend section; the same peers always give the same text. Errors: as check_peers().
[[nodiscard]] Result<std::string> render_backend(const HaproxyFormat& format, std::span<const Peer> peers);

/// The peers a file of ours names, in the file's order.
[[nodiscard]] std::vector<Peer> parse_backend(std::string_view text);

/// Names of the servers in the user's own lines, which are not weir's to touch.
[[nodiscard]] std::vector<std::string> own_servers(const HaproxyFormat& format);

}  // namespace weir
