#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/observation.h"
#include "model/time.h"

namespace weir {

/// One policy's answer. `content` = good data and no wish; `abstains` = no data it trusts (which forbids scale-in).
struct Vote {
  enum class Stance { wants, content, abstains };
  std::string policy;
  std::string_view type;  ///< of static storage: the catalog's name
  Stance stance = Stance::abstains;
  int wants = 0;                   ///< servers, when stance is wants
  std::optional<double> value;     ///< the number it looked at
  bool scales_out = true;          ///< has a say in scaling out
  bool scales_in = true;           ///< has a say in scaling in
  bool value_falls = false;        ///< more servers under the same load make `value` smaller
  bool forbids_out = false;        ///< nobody may scale out now: a guard that does not hold, maintenance
  bool forbids_in = false;         ///< likewise in
  std::optional<int> min;          ///< takes the place of the group's min now; of several the largest
  std::optional<int> max;          ///< takes the place of the group's max now; of several the largest
  std::optional<double> forecast;  ///< the value it expects at the end of its horizon
  std::string why;
};

/// One stage of decide(): what came in, what went out, why. Recorded even when nothing changed.
struct Step {
  std::string_view stage;
  int from = 0;
  int to = 0;
  std::string why;
};

/// How many servers there should be, and how we got there.
struct Decision {
  int previous = 0;
  int desired = 0;
  int min = 0;                           ///< in force now: the group's, or a schedule's
  int max = 0;                           ///< likewise
  std::optional<TimePoint> breached_at;  ///< scale-out: since when a policy that wanted it has seen the breach
  std::vector<Vote> votes;
  std::vector<Step> steps;
};

/// One change of the world. Launch names a token, run_hook a run (HookRun), the rest a server.
struct Action {
  enum class Kind { launch, admit, drain, readmit, terminate, set_weight, run_hook };
  Kind kind = Kind::launch;
  std::string server;   ///< server id; for launch and run_hook: the token
  std::string address;  ///< empty for launch
  std::string version;
  int weight = 1;  ///< set_weight only
  std::string why;
};

/// Why of a termination that is only asked for again: nothing new happens, so it is no news either.
inline constexpr std::string_view kNotGoneYet = "not gone yet";

/// What one turn came to. `actions` are in the order in which they are applied.
struct Plan {
  Decision decision;
  std::vector<Action> actions;
  std::vector<Peer> peers;              ///< what every balancer of the group must say afterwards, sorted by address
  bool write_balancers = false;         ///< some balancer does not say that yet, or is not proven to
  std::vector<std::string> notes;       ///< things a person should know: suspected probe, orphan, waiting for the provider
  std::optional<TimePoint> revisit_at;  ///< something falls due before the next interval
  std::string refused;                  ///< non-empty: verify() found this plan unsafe, so it was emptied; a bug, never expected
};

[[nodiscard]] std::string_view to_string(Vote::Stance stance);
[[nodiscard]] std::string_view to_string(Action::Kind kind);

}  // namespace weir
