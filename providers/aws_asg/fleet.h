#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "platform/waiting_clock.h"
#include "providers/aws_asg/api.h"

namespace weir {

/// What this process knows of one Auto Scaling group that AWS does not say, or not yet: which launches it has promised, what it has
/// tagged, whom it has asked to leave. All of it may be lost: a repeat with the same token finds its way from the tags.
/// Thread-safe.
class Fleet {
 public:
  using Moment = WaitingClock::Moment;

  /// Held while one change is read, decided and written: the group has one number for all of them.
  std::mutex changing;

  /// A launch that is asked for now, perhaps again. `made_of`: the version of the launch template; empty: whatever the group has.
  void promise(const std::string& token, const std::string& made_of, Moment now);
  /// DesiredCapacity has room for it.
  void cover(const std::string& token);
  [[nodiscard]] bool is_covered(const std::string& token) const;
  /// The launch has ended, well or badly.
  void end_promise(const std::string& token);
  /// Promises that DesiredCapacity has room for, but this one.
  [[nodiscard]] int covered_besides(const std::string& token, Moment now);
  [[nodiscard]] int promises(Moment now);
  /// Whether DesiredCapacity has room for a promise that another version of the launch template is to keep.
  [[nodiscard]] bool awaits_other_than(const std::string& made_of, Moment now);

  /// The instance is this launch's from now on, whatever a lagging answer says of its tags.
  void claim(const std::string& instance, const Ec2Instance& tags);
  /// Adds what is known to be tagged, and forgets who is gone.
  void complete(const AutoScalingGroup& group, std::vector<Ec2Instance>& instances);

  /// Those of the instances without a token (the youngest first) that a promised launch may yet claim are not for the list; the
  /// others are shown from now on. `promised` is how many such launches there were when the list was asked for. What an instance
  /// was made from, `group` says.
  [[nodiscard]] std::set<std::string> hide(const AutoScalingGroup& group, const std::vector<Ec2Instance>& youngest_first,
                                           int promised, Moment now);
  [[nodiscard]] bool is_shown(const std::string& instance) const;

  /// Failed launches up to now are nobody's.
  void ignore_failures(const std::vector<FailedLaunch>& failures);
  /// The first that is nobody's yet; it is the caller's now.
  [[nodiscard]] std::optional<FailedLaunch> take_failure(const std::vector<FailedLaunch>& failures);

  /// The removal of an instance as far as this process knows it.
  struct Removal {
    std::optional<Moment> asked_at;  ///< by us; absent: AWS or somebody else
    std::optional<Moment> waits_since;
    std::optional<Moment> prolonged_at;
  };
  [[nodiscard]] Removal removal(const std::string& instance) const;
  void remember_removal(const std::string& instance, const Removal& removal);

  /// True at most every ten seconds for one instance.
  [[nodiscard]] bool may_ask_for_service(const std::string& instance, Moment now);

 private:
  struct Promise {
    Moment asked_at;
    std::string made_of = {};
    bool covered = false;
  };
  void forget_old_promises(Moment now);
  [[nodiscard]] bool could_keep_a_promise(const AsgMember* member) const;

  mutable std::mutex mutex_;
  std::map<std::string, Promise> promises_;    ///< by token
  std::map<std::string, Ec2Instance> claims_;  ///< by instance
  std::set<std::string> shown_;
  std::set<std::string> failures_;  ///< activities that are somebody's
  std::map<std::string, Removal> removals_;
  std::map<std::string, Moment> asked_for_service_at_;
};

}  // namespace weir
