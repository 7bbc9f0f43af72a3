#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "platform/aws/account.h"
#include "tests/fakes/aws_model.h"
#include "tests/fakes/waiting_clock.h"
#include "tests/support/http_stub.h"

namespace weir {

/// One AWS account in one region, as far as weir sees of it: Auto Scaling groups whose instances take their time, EC2 that knows of
/// them a moment later, target groups. Time is that of the clock. Every request and every answer is held against the service
/// models. Stricter than AWS where AWS is not documented: a second removal of the same instance counts down a second time.
/// Thread-safe.
class AwsCloud {
 public:
  using Parameters = std::map<std::string, std::string>;

  /// How an Auto Scaling group is set up.
  struct GroupSpec {
    int min = 0;
    int max = 10;
    int desired = 0;
    std::string template_id = "lt-0123456789abcdef0";  ///< empty: no launch template of its own
    std::string template_version = "1";
    std::string launch_hook = {};
    std::string termination_hook = {};
  };
  /// What goes wrong with the next call of an action.
  struct Fault {
    enum class Kind {
      refused,     ///< nothing is done; answered with `answer`
      lost_reply,  ///< done, but the connection breaks
      dropped,     ///< not done, and the connection breaks
    };
    Kind kind = Kind::refused;
    HttpStub::Answer answer = {};
  };
  struct Instance {
    std::string id;
    std::string group;
    std::string zone;
    std::string lifecycle;
    std::string health = "Healthy";
    bool protected_from_scale_in = false;
    TimePoint launched_at;
    TimePoint since;     ///< in this lifecycle state
    TimePoint hook_end;  ///< when the hook that it waits for gives up
    bool hook_passed = false;
    std::string ec2_state = "pending";
    std::map<std::string, std::string> tags;
    TimePoint tagged_at;
    std::string address;
    std::string template_version;
  };

  explicit AwsCloud(ImpatientClock& clock);

  // How it behaves; set before use.
  Duration pace{100};                ///< that each request takes
  Duration boot{20'000};             ///< from Pending on
  Duration shutdown{10'000};         ///< from Terminating on
  Duration hook_timeout{3'600'000};  ///< without a heartbeat
  Duration ec2_lag{0};               ///< before EC2 knows a new instance
  Duration tag_lag{0};               ///< before EC2 shows new tags
  Duration deregistration_delay{300'000};
  Duration target_check{20'000};  ///< before a new target is found healthy
  int page = 100;                 ///< most entries of a page
  std::string host;               ///< the address of every instance launched from now on; empty: each has one of its own
  bool checks_bounds = true;
  int template_versions = 9;  ///< of every launch template

  void add_group(const std::string& name, const GroupSpec& spec);
  void set_bounds(const std::string& name, int min, int max);
  void set_desired(const std::string& name, int desired);  ///< by somebody else
  void set_room(int instances);                            ///< EC2 has room for so many
  void suspend(const std::string& name, const std::string& process);
  void protect(const std::string& instance);
  void set_health(const std::string& instance, const std::string& health);
  void put(const std::string& instance, const std::string& lifecycle);  ///< Standby and the like
  void set_ec2_state(const std::string& instance, const std::string& state);
  /// By AWS itself: rebalancing, health, another's policy.
  void take_away(const std::string& instance);
  void add_target_group(const std::string& arn, const std::string& type);
  void set_target_health(const std::string& target, const std::string& state);
  void fail(const std::string& action, Fault fault, int times = 1);
  void heal();  ///< no faults from now on

  [[nodiscard]] std::string url() const { return stub_.url(); }
  [[nodiscard]] AwsSurroundings surroundings();
  [[nodiscard]] TimePoint now() const;
  /// Of the group, whatever their state, sorted by id.
  [[nodiscard]] std::vector<Instance> instances(const std::string& group);
  [[nodiscard]] int desired(const std::string& group);
  /// What the group makes its instances from.
  [[nodiscard]] std::string template_version(const std::string& group);
  [[nodiscard]] std::pair<int, int> bounds(const std::string& group);
  /// Whatever became of it, as EC2 has it.
  [[nodiscard]] std::string ec2_state(const std::string& instance);
  /// Instances that the Auto Scaling group chose to let go by itself, because it had too many.
  [[nodiscard]] int victims_of_aws() const;
  /// How often an action was asked for.
  [[nodiscard]] int calls(const std::string& action) const;
  /// What was wrong with requests, and with answers of ours.
  [[nodiscard]] std::vector<std::string> violations() const;

  /// The refusal in the form of the service the action belongs to.
  [[nodiscard]] static HttpStub::Answer refusal(int status, const std::string& code, const std::string& message, bool ec2 = false);

 private:
  struct Group {
    GroupSpec spec;
    std::set<std::string> suspended;
    std::vector<std::string> activities;  ///< as XML, the latest first
    std::optional<TimePoint> next_attempt;
  };
  struct Target {
    std::string id;
    int port = 0;
    bool draining = false;
    TimePoint since;
  };
  struct TargetGroup {
    std::string type;
    std::vector<Target> targets;
  };

  HttpStub::Answer answer(const HttpStub::Request& request);
  HttpStub::Answer act(const Parameters& parameters);
  void settle_all();
  void settle(const std::string& name, Group& group);
  void age(Instance& instance, const Group& group);
  void even_out(const std::string& name, Group& group);
  void launch(const std::string& name, Group& group);
  void enter(Instance& instance, const std::string& lifecycle);
  [[nodiscard]] int live(const std::string& group) const;
  [[nodiscard]] Instance* find(const std::string& id);
  [[nodiscard]] std::string least_used_zone(const std::string& group) const;

  [[nodiscard]] HttpStub::Answer describe_groups(const Parameters& parameters);
  [[nodiscard]] HttpStub::Answer set_desired(const Parameters& parameters);
  [[nodiscard]] HttpStub::Answer update_group(const Parameters& parameters);
  [[nodiscard]] HttpStub::Answer terminate(const Parameters& parameters);
  [[nodiscard]] HttpStub::Answer detach(const Parameters& parameters);
  /// DesiredCapacity for one that leaves; else the refusal.
  [[nodiscard]] std::optional<HttpStub::Answer> count_down(const Parameters& parameters, const std::string& group);
  [[nodiscard]] HttpStub::Answer describe_activities(const Parameters& parameters);
  [[nodiscard]] HttpStub::Answer hook(const Parameters& parameters);
  [[nodiscard]] HttpStub::Answer describe_instances(const Parameters& parameters);
  [[nodiscard]] HttpStub::Answer create_tags(const Parameters& parameters);
  [[nodiscard]] HttpStub::Answer targets(const Parameters& parameters);
  [[nodiscard]] HttpStub::Answer describe_targets(const TargetGroup& group) const;
  [[nodiscard]] HttpStub::Answer describe_target_group(const std::string& arn, const TargetGroup& group) const;
  [[nodiscard]] std::string target_state(const Target& target) const;
  [[nodiscard]] std::string xml_of(const std::string& name, const Group& group) const;

  ImpatientClock& clock_;
  const AwsModel model_;
  mutable std::mutex mutex_;
  std::map<std::string, Group> groups_;
  std::map<std::string, Instance> instances_;  ///< also those that are gone: EC2 shows them for a while
  std::map<std::string, TargetGroup> target_groups_;
  std::map<std::string, std::string> target_health_;
  std::map<std::string, std::deque<Fault>> faults_;
  std::map<std::string, int> calls_;
  std::vector<std::string> violations_;
  int next_ = 1;
  int room_ = 1000;
  int victims_ = 0;
  HttpStub stub_;  ///< last: it answers as long as the rest is there
};

}  // namespace weir
