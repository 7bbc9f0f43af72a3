#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/group.h"
#include "model/server.h"

namespace weir {

/// Everything a provider needs to make one server. `token` is the idempotency key.
struct LaunchRequest {
  const Group& group;
  std::string token;
  std::string version;
};

/// Where servers come from. Implementations are called from several threads at once and must be safe for that; every call
/// honours the stop token and has a deadline of its own. All three verbs are safe to repeat.
class Provider {
 public:
  Provider() = default;
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;
  virtual ~Provider() = default;

  /// All servers that carry our owner tag: those of the given groups and those of groups nobody configures any more. Asked once
  /// per tick for all groups of the provider; with none, now and then, for what may have been left behind. Phase is pending,
  /// warming or terminating; health is left alone. A server that is dead but not cleaned up is listed with `failure`. Sorted by id.
  /// Errors: `unavailable` if a complete list could not be had. A partial list must never be returned as a good one.
  [[nodiscard]] virtual Result<std::vector<Server>> list(std::span<const Group* const> groups, std::stop_token stop) = 0;

  /// Makes one server. The same token always means the same server: a repeat returns the one that exists, even after a crash
  /// between the two calls. Returns as soon as the provider has promised it; it need not run yet, and where its id is not known yet
  /// that is empty: the list will tell it by its token.
  /// Errors: out_of_capacity and invalid and denied mean that nothing was made; unavailable means that nobody knows, repeat with
  /// the same token.
  [[nodiscard]] virtual Result<Server> launch(const LaunchRequest& request, std::stop_token stop) = 0;

  /// Begins or continues the removal of one server and returns at once; repeated every turn until list() no longer has it (that is
  /// where a grace period ends in force). Removing what is gone is success.
  /// Where the platform picks (ProviderAbilities::chooses_victim is false) it means: one server fewer, this one if it can be so. It
  /// is repeated, more slowly, until list() shows some server leaving; a repetition must not remove a second one.
  [[nodiscard]] virtual Result<void> terminate(const Group& group, const std::string& server, std::stop_token stop) = 0;
};

struct Network;  // platform/api_client.h

/// What the controller gives every provider.
struct ProviderContext {
  std::string name;                       ///< key in `providers:`
  std::filesystem::path state_directory;  ///< a directory of its own for providers that must keep something on this host
  Network* network = nullptr;             ///< for those that call an API over it; outlives the provider
  /// weir runs the groups: what is begun may be carried on with each list. False: a look (`weir plan`), which changes nothing.
  bool acts = false;
};

/// What a kind of provider can do. docs/providers/README.md shows it as a table.
struct ProviderAbilities {
  enum class Sizing { single_servers, desired_count };
  Sizing sizing = Sizing::single_servers;  ///< desired_count: the platform makes its servers itself, up to a number that weir sets
  bool chooses_victim = true;              ///< terminate() removes the server it names; false: the platform picks one
  bool reports_price = false;
  bool reports_paid_until = false;
  bool survives_restart = true;     ///< servers and their tags outlive weir
  std::string_view deployed_with;   ///< what brings its servers to another version where weir cannot; empty: `weir deploy` does
  std::string_view tested_against;  ///< what the tests run it on: "real processes"
};

/// One kind of provider: its name, its keys, and how to build it. The list of all is catalog.cpp.
struct ProviderType {
  std::string_view name;
  std::string_view doc;                ///< one sentence
  bool elastic = true;                 ///< false: launch and terminate are never called, min and max come from the list
  std::span<const Key> provider_keys;  ///< besides `type`
  std::span<const Key> server_keys;    ///< the `server:` section of a group
  /// How many servers a group of a provider that is not elastic has.
  int (*fixed_size)(const Settings& server) = nullptr;
  /// How many servers of a group there can be at once, where its own keys say so: a range of ports.
  std::optional<int> (*most_servers)(const Settings& server) = nullptr;
  /// Checks beyond the tables. Never touches the outside.
  std::vector<SettingsError> (*check)(const Settings& provider, const Group& group) = nullptr;
  ProviderAbilities abilities = {};
  /// What it can do with this `server:` section, where that depends on its keys.
  ProviderAbilities (*abilities_with)(const Settings& server) = nullptr;
  Result<std::unique_ptr<Provider>> (*make)(const Settings& provider, ProviderContext context) = nullptr;
};

/// What a type can do for a group with this `server:` section.
[[nodiscard]] inline ProviderAbilities abilities_of(const ProviderType& type, const Settings& server) {
  return type.abilities_with == nullptr ? type.abilities : type.abilities_with(server);
}

/// All kinds of provider.
[[nodiscard]] std::span<const ProviderType> provider_catalog();

}  // namespace weir
