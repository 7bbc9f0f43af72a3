#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/time.h"

namespace weir {

/// In which order a deploy replaces the servers.
enum class Strategy {
  rolling,     ///< a few at a time, the new ones taking traffic as they come
  blue_green,  ///< all new ones beside the old, then the traffic at once
  canary,      ///< the new ones get a growing share of the traffic, then as rolling
};

/// So many servers, or a share of the group's size.
struct Portion {
  double amount = 0;  ///< >= 0; servers are whole
  bool percent = false;
  bool operator==(const Portion&) const = default;
};

/// What one step of a canary gives to the new version.
struct CanaryStep {
  double percent = 0;  ///< of the traffic, at most; 0 < percent < 100
  Duration soak{0};    ///< how long it is watched before the next step
  bool operator==(const CanaryStep&) const = default;
};

/// A question to the metric source about the new version, and what its answer has to be. All bounds given have to hold.
struct JudgeCheck {
  std::string name;   ///< for people
  std::string query;  ///< for one number; `{version}` in it is the version asked about
  std::optional<double> below;
  std::optional<double> above;
  std::optional<double> below_old;  ///< the answer as a multiple of what the same query says of the old version now
  std::optional<double> above_old;  ///< likewise
  bool operator==(const JudgeCheck&) const = default;
};

/// How it is told whether the new version is good. Without checks nobody asks.
struct JudgeRule {
  std::vector<JudgeCheck> checks;
  std::string samples;        ///< query for how many requests the new version has answered; empty: not asked
  int min_samples = 0;        ///< with fewer nothing is judged
  Duration interval{15'000};  ///< between two judgements
  int failure_limit = 1;      ///< so many bad judgements in a row are put up with
  /// It goes back after so long without a judgement; absent: it waits for one as long as that takes.
  std::optional<Duration> inconclusive_after;
  bool operator==(const JudgeRule&) const = default;
};

/// Where in a deploy a command of the user's runs, and has to succeed before it goes on.
enum class HookPoint {
  before,             ///< before anything is launched
  after_new_healthy,  ///< when the first new servers are proven good
  before_switch,      ///< before the first old server leaves the traffic
  after,              ///< when all servers run the new version
  gate,               ///< before every further step; runs again for each
};

/// A command to run to its end, or a URL to ask.
struct Hook {
  std::vector<std::string> command;  ///< argv; `{version}`, `{from}` and `{group}` in it are filled in
  std::string url = {};              ///< asked by POST where there is no command; filled in likewise
  Duration timeout{600'000};
  Duration retry{30'000};  ///< when it is run again after it asked to wait
  bool operator==(const Hook&) const = default;
};

/// The commands of a deploy, by where they run.
struct Hooks {
  std::optional<Hook> before;
  std::optional<Hook> after_new_healthy;
  std::optional<Hook> before_switch;
  std::optional<Hook> after;
  std::optional<Hook> gate;
  /// What runs there; empty: nothing.
  [[nodiscard]] const std::optional<Hook>& at(HookPoint point) const;
  bool operator==(const Hooks&) const = default;
};

/// How the group's deploys go.
struct DeployRule {
  Strategy strategy = Strategy::rolling;
  Portion max_surge{1, false};          ///< servers beyond the group's size, rounded up (Kubernetes Deployment: maxSurge)
  Portion max_unavailable{0, false};    ///< servers that may be missing in service, rounded down (likewise maxUnavailable)
  Duration soak{0};                     ///< a new server counts once it has served so long (Kubernetes: minReadySeconds)
  std::vector<double> pause_at;         ///< percent of the group on the new version, rising: there a person has to say `promote`
  std::vector<CanaryStep> steps;        ///< canary only, rising
  Duration keep_old{0};                 ///< blue_green: how long the old servers stay as a way back after the switch
  int failure_limit = 1;                ///< so many failures of the new version are put up with
  Duration progress_deadline{600'000};  ///< it goes back by itself if nothing has moved for so long
  JudgeRule judge;
  Hooks hooks;
  bool operator==(const DeployRule&) const = default;
};

/// What the judge of a deploy hands from one turn to the next.
struct JudgeMemory {
  std::optional<TimePoint> judged_at;           ///< when answers were last looked at, whatever they came to
  std::optional<TimePoint> inconclusive_since;  ///< set while nothing can be said
  int bad = 0;                                  ///< bad judgements in a row; what was inconclusive between them does not count
  std::string why;                              ///< of the last judgement, for people
  bool operator==(const JudgeMemory&) const = default;
};

/// One run of a hook.
struct HookRun {
  HookPoint point = HookPoint::before;
  std::string token;  ///< names the run
  int about = 0;      ///< gate only: what it lets through; more comes later in the deploy
  TimePoint started_at{};
  std::optional<TimePoint> ended_at;
  bool failed = false;
  bool asks_to_wait = false;  ///< it is neither done nor failed: it is to be run again
  std::string said;           ///< how it ended and the end of what it printed, for people
  bool operator==(const HookRun&) const = default;
};

/// A deploy: under way, or the last one that ended.
struct Rollout {
  enum class Direction { forward, back };
  enum class End {
    none,
    done,       ///< all servers run `version`
    went_back,  ///< all servers run `from` again
  };
  std::string version;
  std::string from;                   ///< what new servers ran before
  std::vector<std::string> replaced;  ///< versions of deploys that this one took the place of before they ended
  Strategy strategy = Strategy::rolling;
  std::string by;  ///< who started it
  JudgeMemory judge;
  TimePoint started_at{};
  Direction direction = Direction::forward;
  std::string why_back;                  ///< why it goes back, or went back
  int step = 0;                          ///< how many checkpoints, canary steps or the switch (blue_green: 1) are behind it
  double passed = 0;                     ///< percent of the last checkpoint or canary step behind it; those above are still to come
  std::optional<TimePoint> reached_at;   ///< when what this step is about was reached; it soaks since then
  std::optional<double> share;           ///< of the traffic that the new version may have at most now; absent: as its servers come
  std::optional<double> replaced_share;  ///< likewise all that were replaced, together
  std::optional<TimePoint> blocked_at;   ///< when last a new server that serves was not known to get traffic from every balancer
  bool promoted = false;                 ///< a person said to go on; used up by what it waits for now
  std::optional<TimePoint> trusted_at;   ///< new servers that came before need no more soak, for a person said so
  TimePoint progressed_at{};             ///< when it last moved
  int moved = 0;                         ///< what it had come to then
  int failures = 0;                      ///< of the new version
  std::string last_failure;              ///< the last of them, for people
  std::vector<HookRun> hooks;            ///< the last of each point, in the order of their start
  std::optional<TimePoint> ended_at;
  End end = End::none;
  std::string waits;           ///< what it waits for, for people; empty: nothing special
  bool at_checkpoint = false;  ///< that is somebody who says promote or abort
  bool operator==(const Rollout&) const = default;
};

/// True while it moves servers.
[[nodiscard]] inline bool is_active(const std::optional<Rollout>& rollout) { return rollout && !rollout->ended_at; }

[[nodiscard]] std::string_view to_string(Strategy strategy);
[[nodiscard]] std::string_view to_string(Rollout::Direction direction);
[[nodiscard]] std::string_view to_string(Rollout::End end);
[[nodiscard]] std::string_view to_string(HookPoint point);

/// `portion` of a group of `size`, in servers. Rounded as told.
enum class Rounding { up, down };
[[nodiscard]] int servers_of(const Portion& portion, int size, Rounding rounding);

}  // namespace weir
