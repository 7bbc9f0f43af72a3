#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/judge.h"
#include "model/observation.h"
#include "model/rollout.h"
#include "model/time.h"

namespace weir {

/// The servers of one version, as a deploy counts them.
struct Side {
  int live = 0;      ///< to stay: pending, warming or in service
  int serving = 0;   ///< of those, get traffic and can serve
  int well = 0;      ///< of those, are not just taken for able because most fail the check together
  int soaked = 0;    ///< of those that serve, have done so for as long as the rule asks
  int ready = 0;     ///< healthy for as long, and held back from the traffic
  int leaving = 0;   ///< drained or being removed, and not kept as a way back
  int existing = 0;  ///< all that exist or may exist: those leaving and launches under way too
  int kept = 0;      ///< of those that serve, may not be removed
};

/// What a deploy has to know of one instant.
struct Scene {
  TimePoint at{};
  int desired = 0;  ///< of the group, whatever the version
  int min = 0;      ///< in force now
  int max = 0;      ///< likewise
  Side old;
  Side fresh;
  std::optional<Verdict> verdict;  ///< absent: nothing to judge now
  /// What the verdict has to be about: since the youngest new server began to soak; absent: somebody has vouched for all of them.
  std::optional<TimePoint> soaks_since;
  std::vector<std::string> hooks;  ///< tokens of those that run
  bool no_room = false;            ///< the provider has just refused a launch for want of room
};

/// What a deploy wants of one turn.
struct Course {
  int old = 0;                          ///< servers of the old version to have
  int fresh = 0;                        ///< likewise of the new
  int room = 0;                         ///< servers that may exist in all
  int spare_old = 0;                    ///< serving ones of the old version that may leave the traffic now
  int spare_fresh = 0;                  ///< likewise of the new
  bool switches = false;                ///< all traffic goes from old to new in this very turn
  std::optional<double> share;          ///< of the traffic that the new version may have at most, above 0 and below 1
  std::optional<TimePoint> revisit_at;  ///< when a wait ends
  std::optional<HookRun> hook;          ///< to be started now
};

/// The next turn of a deploy under way: moves `rollout` on, turns it back where it must, ends it where it is through. Pure. Where
/// it turns back nothing else happens: which servers are fresh is another question then, so it is called again with a new scene.
///
/// Forward, no serving server leaves before another has served for the rule's soak (canary: before it serves); back, before the
/// old version serves at full size. Neither ever has more servers than desired and surge_of() together, except that on the way back
/// the group's max and the surge may exist. Rolling is Kubernetes' Deployment with max_surge and max_unavailable, except that a
/// batch has to prove itself before the next one is begun.
[[nodiscard]] Course advance(const DeployRule& rule, const Scene& scene, Rollout& rollout);

/// Servers that the deploy may have beyond the group's size: what the rule says, at least one where none could be spared, and as
/// many again for blue_green. `min` is the group's.
[[nodiscard]] int surge_of(const DeployRule& rule, const Rollout& rollout, int desired, int min);

/// Notes how the run of a hook ended; nothing if the deploy has no such run under way.
void hook_ended(const Outcome& outcome, TimePoint at, Rollout& rollout);

/// True while the new version is to be judged: it has traffic, and the old one is still there to go back to.
[[nodiscard]] bool is_judged(const Rollout& rollout, const Scene& scene);

/// True if servers of this version are the ones the deploy brings, or on its way back gets rid of.
[[nodiscard]] bool is_fresh(const Rollout& rollout, std::string_view version);

/// True if servers of this version are left of a deploy that another one took the place of.
[[nodiscard]] bool is_replaced(const Rollout& rollout, std::string_view version);

/// What all versions together that a deploy replaces may have of the traffic, if another one takes its place now; absent: no bound.
[[nodiscard]] std::optional<double> replaced_share(const Rollout& rollout);

/// True while healthy servers of this version are kept out of the traffic, unless they have some already.
[[nodiscard]] bool holds_back(const std::optional<Rollout>& rollout, std::string_view version);

/// True while old servers that left the traffic are kept as a way back.
[[nodiscard]] bool keeps_standby(const std::optional<Rollout>& rollout);

/// Goes back from here on. A bad version's failures do not hold the good one up: the caller forgets them.
void turn_back(Rollout& rollout, TimePoint at, std::string why);

/// Gives the peers weights so that those meant together get at most `share` of the traffic, as near as weights from 1 to 100 come
/// to it; the others keep their proportions. `is_meant[i]` is about peers[i]. Where all or none are meant nothing changes.
void weigh(double share, const std::vector<bool>& is_meant, std::vector<Peer>& peers);

}  // namespace weir
