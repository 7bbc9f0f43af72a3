#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/group.h"
#include "model/server.h"
#include "providers/pm2/entry.h"

namespace weir::pm2 {

// What a copy carries among its variables: PM2 keeps them, and shows them in its list.
inline constexpr const char* kOwner = "WEIR_OWNER";
inline constexpr const char* kToken = "WEIR_TOKEN";
inline constexpr const char* kGroup = "WEIR_GROUP";
inline constexpr const char* kVersion = "WEIR_VERSION";
inline constexpr const char* kApp = "WEIR_PM2_APP";
inline constexpr const char* kAddress = "WEIR_ADDRESS";
inline constexpr const char* kPort = "WEIR_PORT";
inline constexpr const char* kLaunchedAt = "WEIR_LAUNCHED_AT_MS";

/// A server and how PM2 calls it. `removable_by` is its name if nothing else has that, otherwise its number: numbers begin again
/// when the daemon is restarted, and would then mean another.
struct Known {
  Server server;
  std::string name;
  int id = -1;
  std::string removable_by;
};

/// What PM2's list means to one weir. The entries outlive it.
class Fleet {
 public:
  Fleet(std::span<const Entry> entries, std::string owner) : entries_(entries), owner_(std::move(owner)) {}

  /// All servers: the copies that this weir has launched for whatever group, and what runs of the groups' apps themselves, sorted
  /// by id. Errors: invalid if two cannot be told apart by their address, or one of the app itself has no port that could be known.
  [[nodiscard]] Result<std::vector<Known>> servers(std::span<const Group* const> groups) const;
  /// The copy of this token, if there is one.
  [[nodiscard]] std::optional<Known> launched(const std::string& token, const std::string& group) const;
  /// What a copy is made of: an entry of the app itself or, if that is gone, a copy of it. Nothing: there is none.
  [[nodiscard]] const Entry* pattern(const std::string& app) const;
  /// The port of an entry.
  [[nodiscard]] std::optional<int> port_of(const Entry& entry, const Settings& server) const;
  /// Ports of the copies, whosesoever, and of the app itself.
  [[nodiscard]] std::set<int> taken_ports(const Settings& server) const;
  /// The port of the copy of this group that was launched last.
  [[nodiscard]] std::optional<int> newest_port(const std::string& group) const;

 private:
  [[nodiscard]] bool is_ours(const Entry& entry) const;
  [[nodiscard]] bool is_original(const Entry& entry, const std::string& app) const;
  [[nodiscard]] std::string name_or_id(const Entry& entry) const;
  [[nodiscard]] Known copy(const Entry& entry) const;
  [[nodiscard]] Known original(const Entry& entry, const Group& group, int port) const;
  [[nodiscard]] Result<void> add_originals(const Group& group, std::vector<Known>& all) const;

  std::span<const Entry> entries_;
  std::string owner_;
};

}  // namespace weir::pm2
