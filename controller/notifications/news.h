#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "controller/ports/notifier.h"
#include "controller/ports/ports.h"
#include "model/group.h"
#include "model/memory.h"

namespace weir {

/// What one turn came to.
struct TurnFacts {
  const Group& group;
  const Memory& before;
  const Memory& after;
  const Record& record;
  bool asked = false;  ///< its queries have been answered once, well or badly
  bool probe_suspected = false;
  int orphans = 0;  ///< with the group's tag, that it neither knows nor adopts
};

/// Why the size changed, stage by stage: for the log and for people.
[[nodiscard]] std::string reason_of_change(const Decision& decision);

/// What a turn has to tell, by sources: one that knows nothing this time, because nothing was decided or no query was answered yet,
/// is left out, so that what it said before goes on. Pure.
[[nodiscard]] std::vector<News> news_of_turn(const TurnFacts& turn);

/// What people's orders brought about that were obeyed beside a turn, without one of their own: `orders` has the memories before
/// and after them, and their record. Tells only what happened; what holds is for turns to say. Pure.
[[nodiscard]] News news_of_orders(const TurnFacts& orders);

/// A provider was asked for its servers; `error` is empty if it answered. `groups` have theirs there.
[[nodiscard]] News news_of_provider(const std::string& provider, const std::string& error, std::vector<std::string> groups,
                                    TimePoint at);
/// Its servers of groups that nobody configures, in one text; empty: none.
[[nodiscard]] News news_of_orphans(const std::string& provider, const std::string& servers, TimePoint at);
/// A group's balancers were written; `error` is empty if they took it.
[[nodiscard]] News news_of_balancers(const std::string& group, const std::string& error, TimePoint at);
/// A group's memory was saved, or could not be.
[[nodiscard]] News news_of_state(const std::string& group, const std::string& error, TimePoint at);
/// Something of the controller itself.
[[nodiscard]] News news_of_controller(EventKind kind, const std::string& summary, TimePoint at);

/// All sources that a configuration with these groups and providers has.
[[nodiscard]] std::set<std::string> sources_of(std::span<const std::string> groups, std::span<const std::string> providers);

}  // namespace weir
