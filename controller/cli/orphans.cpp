#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "controller/cli/assemble.h"
#include "controller/cli/commands.h"
#include "controller/cli/console.h"
#include "controller/reconcile/classify.h"
#include "controller/render/table.h"
#include "controller/state/state_reader.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// How long a removal is waited for. A grace period of the servers' own may take most of it.
constexpr Duration kPatience = 3min;
constexpr Duration kBetweenLooks = 1s;

struct Orphan {
  std::string provider;
  Server server;
  std::string why;
  std::string error;  ///< of the last try to remove it
};

/// Everything that is asked, and what is remembered.
class Search {
 public:
  Search(const Config& config, const Assembly& assembly) : config_(config), assembly_(assembly) {}

  /// Reads what every group remembers. A state that nobody has written yet remembers nothing.
  [[nodiscard]] Result<void> remember() {
    const auto reader = StateReader::open(config_.controller.state);
    if (!reader && reader.error().kind != ErrorKind::not_found) return std::unexpected(reader.error());
    for (const Group& group : config_.groups) {
      auto memory = reader ? (*reader)->load(group.name) : Result<Memory>(Memory{});
      if (!memory) return std::unexpected(memory.error());
      memories_[group.name] = std::move(*memory);
    }
    return {};
  }

  /// The orphans of all providers that could be asked; what could not is told in `failed`.
  [[nodiscard]] std::vector<Orphan> look(std::string& failed) const {
    std::vector<Orphan> found;
    for (const auto& [name, provider] : assembly_.providers) {
      std::vector<Group> groups = groups_at(name);
      std::vector<const Group*> pointers;
      for (const Group& group : groups) pointers.push_back(&group);
      const auto servers = provider->list(pointers, {});
      if (!servers) {
        failed += fmt::format("{}provider {}: {}", failed.empty() ? "" : "; ", name, servers.error().message);
        continue;
      }
      for (const Server& server : *servers) {
        if (std::string why = verdict(name, groups, server); !why.empty()) found.push_back({name, server, std::move(why), {}});
      }
    }
    return found;
  }

  /// One turn's worth of removing.
  void remove(Orphan& orphan) const {
    const auto groups = groups_at(orphan.provider);
    const auto configured = std::ranges::find(groups, orphan.server.group, &Group::name);
    Group group{.name = orphan.server.group, .provider = orphan.provider};
    if (configured != groups.end()) group = *configured;
    const auto asked = assembly_.providers.at(orphan.provider)->terminate(group, orphan.server.id, {});
    orphan.error = asked ? "" : asked.error().message;
  }

 private:
  /// The groups that have servers there, as that provider knows them.
  [[nodiscard]] std::vector<Group> groups_at(const std::string& provider) const {
    std::vector<Group> groups;
    for (const Group& group : config_.groups) {
      if (group.provider == provider) groups.push_back(group);
      if (!group.overflow || group.overflow->provider != provider) continue;
      groups.push_back(group);
      groups.back().provider = provider;
      groups.back().server = group.overflow->server;
    }
    return groups;
  }

  /// Why it is an orphan; empty if it is none.
  [[nodiscard]] std::string verdict(const std::string& provider, const std::vector<Group>& groups, const Server& server) const {
    const auto group = std::ranges::find(groups, server.group, &Group::name);
    if (group == groups.end()) return fmt::format("no group {} is configured for provider {}", server.group, provider);
    if (!group->elastic || group->orphans == OrphanRule::adopt || is_known(*group, provider, server)) return {};
    return "nothing here launched it, and the group does not adopt what it finds";
  }

  [[nodiscard]] bool is_known(const Group& group, const std::string& provider, const Server& server) const {
    const Memory& memory = memories_.at(group.name);
    const std::string overflow_id = provider + "/" + server.id;
    const bool remembered =
        std::ranges::any_of(memory.servers, [&](const ServerMemory& one) { return one.id == server.id || one.id == overflow_id; });
    return remembered || !memory.desired || is_own_token(server.token, group, memory);
  }

  const Config& config_;
  const Assembly& assembly_;
  std::map<std::string, Memory> memories_;
};

std::string orphans_json(const std::vector<Orphan>& orphans, const std::vector<Orphan>& removed) {
  const auto list = [](const std::vector<Orphan>& all) {
    nlohmann::json items = nlohmann::json::array();
    for (const Orphan& orphan : all) {
      nlohmann::json item = {{"provider", orphan.provider},
                             {"server", orphan.server.id},
                             {"group", orphan.server.group},
                             {"address", orphan.server.address},
                             {"why", orphan.why}};
      if (orphan.server.launched_at != TimePoint{}) item["launched_at"] = format_time(orphan.server.launched_at);
      if (!orphan.error.empty()) item["error"] = orphan.error;
      items.push_back(std::move(item));
    }
    return items;
  };
  return nlohmann::json{{"orphans", list(orphans)}, {"removed", list(removed)}}.dump(-1, ' ', false,
                                                                                     nlohmann::json::error_handler_t::replace);
}

std::string orphans_text(const std::vector<Orphan>& orphans) {
  Table table({"PROVIDER", "SERVER", "GROUP", "ADDRESS", "LAUNCHED", "WHY"});
  for (const Orphan& orphan : orphans) {
    const bool dated = orphan.server.launched_at != TimePoint{};
    table.add({orphan.provider, printable(orphan.server.id), printable(orphan.server.group), printable(orphan.server.address),
               dated ? format_time(orphan.server.launched_at) : "-", printable(orphan.why)});
  }
  return table.text("", "", "");
}

bool is_same(const Orphan& one, const Orphan& other) { return one.provider == other.provider && one.server.id == other.server.id; }

/// Asks for the removal of all until none is left or patience ends; those still there stay in `orphans`.
std::vector<Orphan> remove_all(const Search& search, WaitingClock& clock, std::vector<Orphan>& orphans, std::string& failed) {
  std::vector<Orphan> removed;
  const auto end = clock.now() + kPatience;
  for (;;) {
    for (Orphan& orphan : orphans) search.remove(orphan);
    std::string unknown;
    const std::vector<Orphan> there = search.look(unknown);
    const auto gone = [&](const Orphan& orphan) {
      return unknown.empty() && std::ranges::none_of(there, [&](const Orphan& one) { return is_same(one, orphan); });
    };
    std::ranges::copy_if(orphans, std::back_inserter(removed), gone);
    std::erase_if(orphans, gone);
    if (orphans.empty()) return removed;
    if (clock.now() + kBetweenLooks >= end || !clock.wait_until(clock.now() + kBetweenLooks, {})) {
      failed = unknown;
      return removed;
    }
  }
}

}  // namespace

Exit command_orphans(const CommonOptions& options, OrphanAction action) {
  const auto config = load_or_complain(options.config);
  if (!config) return Exit::error;
  Outside outside;
  const auto assembly = assemble(*config, outside);
  if (!assembly) return complain(assembly.error().message);
  Search search(*config, **assembly);
  if (const auto remembered = search.remember(); !remembered) return complain(remembered.error().message);
  std::string failed;
  std::vector<Orphan> orphans = search.look(failed);
  std::vector<Orphan> removed;
  if (action == OrphanAction::remove && !orphans.empty()) removed = remove_all(search, outside.waiting, orphans, failed);
  if (options.json) {
    print(orphans_json(orphans, removed));
  } else {
    for (const Orphan& orphan : removed)
      print(fmt::format("removed {} of provider {}", printable(orphan.server.id), orphan.provider));
    if (!orphans.empty()) print(orphans_text(orphans));
    if (orphans.empty() && removed.empty() && failed.empty()) print("no orphans");
  }
  if (!failed.empty()) return complain(failed);
  if (orphans.empty()) return Exit::ok;
  if (action == OrphanAction::report) return Exit::changes;
  const std::string why = orphans.front().error.empty() ? "the provider still lists it" : orphans.front().error;
  return complain(fmt::format("{} orphans could not be removed within {}; {}: {}", orphans.size(), format_duration(kPatience),
                              printable(orphans.front().server.id), why));
}

}  // namespace weir
