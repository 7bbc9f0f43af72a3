#include "controller/import/asg.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "controller/config/values.h"
#include "controller/import/metrics.h"
#include "controller/import/schedules.h"
#include "controller/import/template.h"
#include "controller/import/writing.h"

namespace weir {
namespace {

constexpr int kMostServers = 100'000;
constexpr int kLongest = 86'400;
constexpr int kDefaultCooldown = 300;
constexpr int kSoonestDeadline = 30;
constexpr std::size_t kMostMath = 50;

std::string why_not(std::string_view path) {
  static const std::vector<std::pair<std::string_view, std::string_view>> by_key = {
      {"Tags", "groups of weir have no tags"},
      {"HealthCheckType", "weir always checks health itself: see health.http and health.tcp"},
      {"LaunchTemplate", "what a server is: write it in `server`"},
      {"LaunchConfigurationName", "what a server is: write it in `server`"},
      {"MixedInstancesPolicy", "what a server is: write it in `server`"},
      {"VPCZoneIdentifier", "where servers are: write it in `server`"},
      {"AvailabilityZones", "where servers are: write it in `server`"},
      {"TargetGroupARNs", "who sends traffic: write it in `balancers`"},
      {"LoadBalancerNames", "who sends traffic: write it in `balancers`"},
      {"TerminationPolicies", "weir chooses by itself which servers go"},
      {"TreatMissingData", "weir holds the group's size while a query has no answer: see on_empty"},
      {"Condition", "weir has no conditions: the group stands here as if it were true"},
      {"Conditions", "weir has no conditions"},
      {"UpdatePolicy", "how versions are replaced, which is no part of how a group scales"},
      {"CreationPolicy", "how versions are replaced, which is no part of how a group scales"},
      {"Label", "words for people"},
      {"DependsOn", "weir has no order of deployment"},
      {"Description", "words for people"},
      {"AlarmDescription", "words for people"},
      {"Outputs", "nothing of the template asks for it"},
      {"Parameters", "no value that was carried over uses it"},
      {"Resources", "no part of how a group scales"},
      {"MetricAlarms", "no scaling policy of this file is its action"},
      {"Alarms", "AWS names its alarms here; weir needs none"},
      {"Instances", "what was observed"},
      {"StateValue", "what was observed"},
      {"StateReason", "what was observed"},
      {"StateReasonData", "what was observed"},
      {"StateUpdatedTimestamp", "what was observed"},
      {"StateTransitionedTimestamp", "what was observed"},
      {"AlarmConfigurationUpdatedTimestamp", "what was observed"},
      {"CreatedTime", "what was observed"},
      {"OKActions", "weir's policies act by themselves; alarms for people belong to Prometheus"},
      {"InsufficientDataActions", "weir's policies act by themselves; alarms for people belong to Prometheus"},
      {"ResourceLabel", "names a load balancer of AWS: the query has to pick its series"},
  };
  const std::size_t bracket = path.ends_with(']') ? path.rfind('[') : path.size();
  const std::string_view list = path.substr(0, bracket);
  const auto last = [](std::string_view text) { return text.substr(text.rfind('.') + 1); };
  const std::string_view parent = list.contains('.') ? last(list.substr(0, list.rfind('.'))) : std::string_view();
  for (const std::string_view key : {last(list), parent}) {
    for (const auto& [name, why] : by_key) {
      if (name == key) return std::string(why);
    }
  }
  return "weir has nothing of the kind";
}

/// Things of the file, before anything in them is read.
struct Found {
  const YamlNode* node = nullptr;
  std::string id;  ///< what others call it: logical id or name
};
struct Inventory {
  std::vector<Found> groups;
  std::vector<Found> policies;
  std::vector<Found> alarms;
  std::vector<Found> actions;
  std::multimap<std::string, const Found*> alarms_by_name = {};
  std::multimap<std::string, const Found*> alarms_by_action = {};  ///< what an alarm sets off: a logical id or an ARN
  std::set<std::string> policy_ids = {};                           ///< by which alarms know the policies
};

enum class Side { above, below };

/// An alarm, read.
struct Alarm {
  std::string name;
  Side side = Side::above;
  std::optional<double> threshold;
  int seconds = 60;
  std::string query;
  std::string stands_for;
  std::string note;  ///< how it differs from weir's bound
};

/// One Auto Scaling group, made of what names it.
class GroupReader {
 public:
  GroupReader(Source& source, Template& values, const Inventory& inventory, std::string name)
      : source_(source), values_(values), inventory_(inventory) {
    group_.name = std::move(name);
  }

  void read_group(const YamlNode& node) {
    known_ = true;
    for (const char* name : {"AutoScalingGroupName", "AutoScalingGroupARN"}) values_.take_text(node, name);
    const auto min = values_.take_integer(node, "MinSize", 0, kMostServers);
    const auto max = values_.take_integer(node, "MaxSize", 0, kMostServers);
    if (min && max && *min > *max) source_.complain(node, fmt::format("MinSize {} is more than MaxSize {}", *min, *max));
    min_ = min;
    if (max && *max > 0) max_ = max;
    if (source_.take(node, "DesiredCapacity") != nullptr) {
      source_.leave(*find(node, "DesiredCapacity"),
                    "weir begins at min and lets the policies decide; `weir scale` sets a size by hand");
    }
    for (const char* key : {"Cooldown", "DefaultCooldown"}) {
      if (const auto cooldown = values_.take_integer(node, key, 0, kLongest)) default_cooldown_ = *cooldown;
    }
    if (const auto warm_up = values_.take_integer(node, "DefaultInstanceWarmup", -1, kLongest); warm_up && *warm_up >= 0) {
      default_warm_up_ = warm_up;
    }
    read_grace(node);
  }

  void read_policy(const Found& found) {
    const YamlNode& node = *found.node;
    const std::string name = values_.take_text(node, "PolicyName").value_or(found.id);
    values_.take_text(node, "PolicyARN");
    values_.take_reference(node, "AutoScalingGroupName");
    const std::string type = values_.take_text(node, "PolicyType").value_or("SimpleScaling");
    if (!values_.take_flag(node, "Enabled", true)) return source_.leave(node, "the policy is switched off (Enabled: false)");
    if (type == "TargetTrackingScaling") return read_tracking(node, name);
    if (type == "StepScaling") return read_alarmed(found, name, Kind::step);
    if (type == "SimpleScaling") return read_alarmed(found, name, Kind::simple);
    if (type == "PredictiveScaling") return read_predictive(node, name);
    source_.complain(
        *find(node, "PolicyType"),
        fmt::format("expected TargetTrackingScaling, StepScaling, SimpleScaling or PredictiveScaling, found '{}'", clean(type)));
  }

  void read_actions(const std::vector<const Found*>& found) {
    std::vector<ScheduledAction> actions;
    for (const Found* each : found) actions.push_back(read_action(*each));
    if (actions.empty()) return;
    const ScheduleWindows result = windows_of(actions);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const bool stays = result.stays == i;
      if (stays) source_.leave(*found[i]->node, "what the last action sets stays for ever: let the group's min and max say so");
      if (result.why_not.empty()) continue;
      source_.leave(*found[i]->node,
                    fmt::format("no window is exactly the same: {}; write policies of type schedule by hand", result.why_not));
    }
    for (const ScheduleWindow& window : result.windows) add_window(window);
  }

  ImportedGroup finish() {
    group_.comments.insert(group_.comments.begin(),
                           known_ ? fmt::format("Auto Scaling group {}.", aws_name_)
                                  : fmt::format("Auto Scaling group {}, of which only policies are in this file.", aws_name_));
    add_sizes();
    add_warm_up();
    if (grace_) {
      group_.lines.push_back({"health", fmt::format("{{deadline: {}}}", seconds_text(*grace_)),
                              "HealthCheckGracePeriod; add http: /PATH, without it a connection that opens is proof enough"});
    }
    add_rules();
    return std::move(group_);
  }

  void set_aws_name(const std::string& name) { aws_name_ = clean(name); }

 private:
  enum class Kind { simple, step };

  void read_grace(const YamlNode& node) {
    const auto grace = values_.take_integer(node, "HealthCheckGracePeriod", 0, kLongest);
    if (!grace) return;
    if (*grace >= kSoonestDeadline) {
      grace_ = grace;
    } else {
      source_.leave(*find(node, "HealthCheckGracePeriod"), "shorter than a new server needs to prove itself: see health.deadline");
    }
  }

  // ---- target tracking

  void read_tracking(const YamlNode& node, const std::string& name) {
    read_warm_up(node);
    // Answers of AWS have the other types' keys too, with nothing in them.
    if (const YamlNode* steps = find(node, "StepAdjustments"); steps != nullptr && steps->items.empty()) source_.take_whole(*steps);
    const YamlNode* tracking = source_.take_mapping(node, "TargetTrackingConfiguration");
    if (tracking == nullptr) return source_.complain(node, "expected a mapping 'TargetTrackingConfiguration'");
    const auto target = values_.take_number(*tracking, "TargetValue");
    if (find(*tracking, "TargetValue") == nullptr) source_.complain(*tracking, "expected 'TargetValue'");
    const bool one_sided = values_.take_flag(*tracking, "DisableScaleIn", false);
    const Suggestion suggestion = tracked_metric(*tracking);
    EntryBlock block;
    block.comments.push_back(fmt::format("Check this query: it stands for {}.", suggestion.stands_for));
    block.lines = {{"name", yaml_text(policy_name(name, names_))},
                   {"type", "target_tracking"},
                   {"query", yaml_text(suggestion.query)},
                   {"value", suggestion.total ? "total" : "average"},
                   {"target", number_text(target.value_or(1)), target ? "" : "FIXME: the file does not tell the number"},
                   {"tolerance_out", "0", "AWS's alarms stand just above the target"},
                   {"tolerance_in", "0.1", "and at 90 % of it"},
                   {"rules", "weir"}};
    if (target && *target <= 0) source_.complain(*find(*tracking, "TargetValue"), "expected a target above 0");
    ++tracking_;
    if (one_sided) {
      one_sided_.emplace_back(tracking, group_.policies.size());
    } else {
      scales_in_ = true;
    }
    group_.policies.push_back(std::move(block));
  }

  Suggestion tracked_metric(const YamlNode& tracking) {
    const YamlNode* predefined = source_.take_mapping(tracking, "PredefinedMetricSpecification");
    const YamlNode* customized = source_.take_mapping(tracking, "CustomizedMetricSpecification");
    if (predefined != nullptr) return predefined_metric(*predefined);
    if (customized != nullptr) return metric_of(*customized, "Statistic");
    source_.complain(tracking, "expected 'PredefinedMetricSpecification' or 'CustomizedMetricSpecification'");
    return {};
  }

  Suggestion predefined_metric(const YamlNode& node) {
    const std::string type = values_.take_text(node, "PredefinedMetricType").value_or("");
    if (auto suggestion = suggest_predefined(type, group_.name)) return *std::move(suggestion);
    const YamlNode* at = find(node, "PredefinedMetricType");
    source_.complain(
        at != nullptr ? *at : node,
        fmt::format("expected a PredefinedMetricType of Auto Scaling groups (ASGAverageCPUUtilization, ASGAverageNetworkIn, "
                    "ASGAverageNetworkOut, ALBRequestCountPerTarget), found '{}'",
                    clean(type)));
    return {};
  }

  void read_warm_up(const YamlNode& node) {
    const auto own = values_.take_integer(node, "EstimatedInstanceWarmup", 0, kLongest);
    if (own) warm_ups_.push_back(*own);
    if (!own) needs_default_warm_up_ = true;
  }

  // ---- metrics

  /// A metric by name, or CloudWatch's arithmetic of several, of a policy or an alarm.
  Suggestion metric_of(const YamlNode& node, std::string_view statistic_key) {
    if (find(node, "Metrics") != nullptr) return math_of(node);
    return suggest(read_metric(node, node, statistic_key), group_.name);
  }

  CloudMetric read_metric(const YamlNode& metric, const YamlNode& statistic, std::string_view statistic_key) {
    CloudMetric result;
    result.name_space = values_.take_text(metric, "Namespace").value_or("");
    result.name = values_.take_text(metric, "MetricName").value_or("");
    if (result.name.empty()) source_.complain(metric, "expected 'MetricName' or 'Metrics'");
    result.statistic = values_.take_text(statistic, statistic_key).value_or("Average");
    if (const auto extended = values_.take_text(statistic, "ExtendedStatistic")) result.statistic = *extended;
    values_.take_text(statistic, "Unit");
    if (const auto period = values_.take_integer(statistic, "Period", 1, kLongest)) result.period = *period;
    for (const YamlNode& dimension : source_.take_list(metric, "Dimensions")) {
      const auto name = values_.take_text(dimension, "Name");
      const auto value = values_.take_text(dimension, "Value");
      if (name && value) result.dimensions.emplace_back(*name, *value);
    }
    return result;
  }

  Suggestion math_of(const YamlNode& node) {
    const auto metrics = source_.take_list(node, "Metrics");
    std::map<std::string, std::string> queries;
    std::vector<std::pair<std::string, const YamlNode*>> expressions;
    std::string answer;
    if (metrics.size() > kMostMath) source_.complain(node, fmt::format("expected at most {} metrics", kMostMath));
    for (const YamlNode& metric : metrics) {
      const std::string id = values_.take_text(metric, "Id").value_or("");
      if (values_.take_flag(metric, "ReturnData", true)) answer = id;
      if (find(metric, "Expression") != nullptr) expressions.emplace_back(id, &metric);
      const YamlNode* stat = source_.take_mapping(metric, "MetricStat");
      const YamlNode* named = stat == nullptr ? nullptr : source_.take_mapping(*stat, "Metric");
      if (named != nullptr) queries[id] = suggest(read_metric(*named, *stat, "Stat"), group_.name).query;
    }
    // An expression may use those before and after it.
    for (std::size_t round = 0; round < expressions.size(); ++round) {
      for (const auto& [id, metric] : expressions) translate(id, *metric, queries);
    }
    for (const auto& [id, metric] : expressions) {
      if (!queries.contains(id)) source_.leave(*find(*metric, "Expression"), "more than + - * / of metrics: write it in PromQL");
    }
    const auto query = queries.find(answer);
    if (query != queries.end())
      return {query->second, "arithmetic of CloudWatch metrics, each under the name cloudwatch_exporter gives it"};
    return {std::string(kNoQuery), "an expression of CloudWatch that has to be written in PromQL; until then the policy abstains"};
  }

  void translate(const std::string& id, const YamlNode& metric, std::map<std::string, std::string>& queries) {
    if (queries.contains(id)) return;
    const auto expression = values_.take_text(metric, "Expression");
    auto query = translate_math(expression.value_or(""), queries);
    if (query) queries[id] = *std::move(query);
  }

  // ---- simple and step scaling

  void read_alarmed(const Found& found, const std::string& name, Kind kind) {
    const YamlNode& node = *found.node;
    const std::string adjustment = values_.take_text(node, "AdjustmentType").value_or("");
    static constexpr std::string_view kKinds[] = {"ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"};
    if (std::ranges::find(kKinds, adjustment) == std::ranges::end(kKinds)) {
      const YamlNode* at = find(node, "AdjustmentType");
      return source_.complain(at != nullptr ? *at : node, fmt::format("expected an AdjustmentType of {}, found '{}'",
                                                                      fmt::join(kKinds, ", "), clean(adjustment)));
    }
    if (kind == Kind::step) read_warm_up(node);
    const auto cooldown = values_.take_integer(node, "Cooldown", 0, kLongest);
    const auto magnitude = values_.take_integer(node, "MinAdjustmentMagnitude", 1, kMostServers);
    values_.take_text(node, "MetricAggregationType");
    const std::vector<const Found*> alarms = alarms_of(found);
    if (alarms.empty()) {
      source_.remark(node,
                     "its alarm is not in this file, so its policy abstains; `aws cloudwatch describe-alarms` prints alarms, whose "
                     "answer can stand in a list with this one");
    }
    std::vector<std::optional<Alarm>> read;
    for (const Found* alarm : alarms) read.emplace_back(read_alarm(*alarm));
    if (read.empty()) read.emplace_back(std::nullopt);
    for (const auto& alarm : read) {
      const Side side = alarm ? alarm->side : likely_side(node);
      const double threshold = alarm ? alarm->threshold.value_or(0) : 0;
      const std::vector<Step> steps =
          kind == Kind::step ? read_steps(node, adjustment, side, threshold) : read_single(node, adjustment, side, threshold);
      if (steps.empty() && !source_.has_errors()) source_.remark(node, "no change is left of it");
      if (steps.empty()) continue;
      if (kind == Kind::simple) note_cooldown(steps.front(), cooldown.value_or(default_cooldown_));
      add_alarmed(name, kind, alarm, steps, magnitude);
    }
  }

  /// A change, and the metric's band for it.
  struct Step {
    std::optional<double> from;
    std::optional<double> to;
    std::string change;
    bool out = false;
    bool in = false;
  };

  /// On which side of its threshold an alarm that is not in the file stands.
  static Side likely_side(const YamlNode& node) {
    const YamlNode* steps = find(node, "StepAdjustments");
    const auto value = [](const YamlNode& mapping, std::string_view key, double otherwise) {
      const YamlNode* found = find(mapping, key);
      return found == nullptr ? otherwise : parse_number(found->text).value_or(otherwise);
    };
    if (steps == nullptr || steps->items.empty()) return value(node, "ScalingAdjustment", 0) < 0 ? Side::below : Side::above;
    const bool below = std::ranges::any_of(steps->items, [&](const YamlNode& step) {
      return value(step, "MetricIntervalLowerBound", 0) < 0 || value(step, "MetricIntervalUpperBound", 1) <= 0;
    });
    return below ? Side::below : Side::above;
  }

  static Step step_of(const std::string& adjustment, int amount, Side side) {
    Step step;
    const bool exact = adjustment == "ExactCapacity";
    const std::string_view percent = adjustment == "PercentChangeInCapacity" ? "%" : "";
    step.change = exact ? fmt::format("={}", amount) : fmt::format("{:+}{}", amount, percent);
    step.out = exact ? side == Side::above : amount > 0;
    step.in = exact ? side == Side::below : amount < 0;
    return step;
  }

  std::optional<int> adjustment_of(const YamlNode& node, const std::string& adjustment) {
    const YamlNode* at = find(node, "ScalingAdjustment");
    if (at == nullptr) source_.complain(node, "expected 'ScalingAdjustment'");
    const bool exact = adjustment == "ExactCapacity";
    const auto amount = values_.take_integer(node, "ScalingAdjustment", exact ? 0 : -kMostServers, kMostServers);
    if (amount && (*amount != 0 || exact)) return amount;
    if (amount) source_.leave(*at, "changes nothing");
    return std::nullopt;
  }

  std::vector<Step> read_single(const YamlNode& node, const std::string& adjustment, Side side, double threshold) {
    const auto amount = adjustment_of(node, adjustment);
    if (!amount) return {};
    Step step = step_of(adjustment, *amount, side);
    (side == Side::below ? step.to : step.from) = threshold;
    return {step};
  }

  /// AWS's bounds are distances from the alarm's threshold; without the alarm they stay so.
  std::vector<Step> read_steps(const YamlNode& node, const std::string& adjustment, Side side, double threshold) {
    std::vector<Step> steps;
    for (const YamlNode& item : source_.take_list(node, "StepAdjustments")) {
      const auto lower = values_.take_number(item, "MetricIntervalLowerBound");
      const auto upper = values_.take_number(item, "MetricIntervalUpperBound");
      const auto amount = adjustment_of(item, adjustment);
      if (!amount) continue;
      Step step = step_of(adjustment, *amount, side);
      if (lower) step.from = threshold + *lower;
      if (upper) step.to = threshold + *upper;
      // The alarm is what begins it: an open end on its quiet side ends at the threshold.
      if (side == Side::above && !lower) step.from = threshold;
      if (side == Side::below && !upper) step.to = threshold;
      if (step.from && step.to && *step.from >= *step.to) {
        source_.leave(item, "lies on the side of the threshold where the alarm is quiet");
        continue;
      }
      steps.push_back(step);
    }
    if (find(node, "StepAdjustments") == nullptr) source_.complain(node, "expected a list 'StepAdjustments'");
    return steps;
  }

  static std::string bound_text(double bound) { return fmt::format("{:.12g}", bound == 0 ? 0.0 : bound); }

  static std::string steps_text(const std::vector<Step>& steps) {
    std::vector<std::string> texts;
    for (const Step& step : steps) {
      const std::string from = step.from ? fmt::format("from: {}, ", bound_text(*step.from)) : "";
      const std::string to = step.to ? fmt::format("to: {}, ", bound_text(*step.to)) : "";
      texts.push_back(fmt::format("{{{}{}change: \"{}\"}}", from, to, step.change));
    }
    return fmt::format("[{}]", fmt::join(texts, ", "));
  }

  void add_alarmed(const std::string& name, Kind kind, const std::optional<Alarm>& alarm, const std::vector<Step>& steps,
                   std::optional<int> magnitude) {
    EntryBlock block;
    block.comments.push_back(
        alarm ? fmt::format("Check this query: it stands for {}, of alarm {}.{}", alarm->stands_for, alarm->name, alarm->note)
              : "The alarm is not in the file: write its metric as the query, its threshold and `for`. Until then "
                "the query is never a number and the policy abstains, which also forbids scale-in.");
    if (!alarm && kind == Kind::step)
      block.comments.emplace_back("The bounds are distances from the alarm's threshold: add it to each.");
    block.lines = {{"name", yaml_text(policy_name(name, names_))}};
    const bool plain = kind == Kind::simple && !magnitude;
    block.lines.push_back({"type", plain ? "threshold" : "step"});
    block.lines.push_back({"query", yaml_text(alarm ? alarm->query : std::string(kNoQuery))});
    const std::string missing = alarm && alarm->threshold ? "" : "FIXME: the alarm's threshold";
    if (plain) {
      const Step& step = steps.front();
      block.lines.push_back({step.from ? "above" : "below", bound_text(step.from ? *step.from : *step.to), missing});
    }
    block.lines.push_back(
        {"for", seconds_text(alarm ? alarm->seconds : 300), alarm ? "" : "FIXME: the alarm's Period x EvaluationPeriods"});
    if (plain) block.lines.push_back({"change", fmt::format("\"{}\"", steps.front().change)});
    if (!plain) block.lines.push_back({"steps", steps_text(steps), missing});
    if (magnitude) block.lines.push_back({"min_change", fmt::format("{}", *magnitude)});
    alarmed_ = true;
    for (const Step& step : steps) scales_in_ = scales_in_ || step.in;
    group_.policies.push_back(std::move(block));
  }

  void note_cooldown(const Step& step, int cooldown) {
    if (step.out) out_cooldown_ = std::max(out_cooldown_.value_or(0), cooldown);
    if (step.in) in_cooldown_ = std::max(in_cooldown_.value_or(0), cooldown);
    cooldowns_.insert(cooldown);
  }

  // ---- alarms

  /// Alarms that have the policy as an action, or that the policy names.
  std::vector<const Found*> alarms_of(const Found& policy) {
    std::set<std::string> named;
    for (const YamlNode& alarm : source_.take_list(*policy.node, "Alarms")) {
      if (const auto name = values_.take_text(alarm, "AlarmName")) named.insert(*name);
      values_.take_text(alarm, "AlarmARN");
    }
    std::set<std::string> ids = {policy.id};
    for (const char* key : {"PolicyARN", "PolicyName"}) {
      if (const YamlNode* id = find(*policy.node, key)) ids.insert(id->text);
    }
    ids.erase("");
    std::set<const Found*> alarms;
    const auto add = [&](const std::multimap<std::string, const Found*>& known, const std::string& key) {
      const auto [first, last] = known.equal_range(key);
      for (auto each = first; each != last; ++each) alarms.insert(each->second);
    };
    for (const std::string& id : ids) add(inventory_.alarms_by_action, id);
    for (const std::string& name : named) add(inventory_.alarms_by_name, name);
    // They all lie in one list, so this is the order of the file.
    return {alarms.begin(), alarms.end()};
  }

  std::optional<Alarm> read_alarm(const Found& found) {
    const YamlNode& node = *found.node;
    Alarm alarm{.name = clean(values_.take_text(node, "AlarmName").value_or(found.id))};
    values_.take_text(node, "AlarmArn");
    if (!values_.take_flag(node, "ActionsEnabled", true)) alarm.note = " Its actions were switched off (ActionsEnabled: false).";
    read_alarm_actions(node);
    const std::string comparison = values_.take_text(node, "ComparisonOperator").value_or("");
    alarm.side = comparison.starts_with("Less") ? Side::below : Side::above;
    alarm.threshold = values_.take_number(node, "Threshold");
    if (comparison == "GreaterThanOrEqualToThreshold" || comparison == "LessThanOrEqualToThreshold") {
      alarm.note += " AWS also acts at exactly the bound.";
    } else if (comparison != "GreaterThanThreshold" && comparison != "LessThanThreshold") {
      source_.leave(*find_or(node, "ComparisonOperator"), "not a bound; the policy abstains until its query is written by hand");
      alarm.query = kNoQuery;
    }
    const Suggestion suggestion = metric_of(node, "Statistic");
    alarm.stands_for = suggestion.stands_for;
    if (alarm.query.empty()) alarm.query = suggestion.query;
    read_duration(node, alarm);
    return alarm;
  }

  static const YamlNode* find_or(const YamlNode& node, std::string_view key) {
    const YamlNode* found = find(node, key);
    return found != nullptr ? found : &node;
  }

  /// Actions that are policies were followed; the others tell people.
  void read_alarm_actions(const YamlNode& node) {
    for (const YamlNode& action : source_.take_list(node, "AlarmActions")) {
      const bool policy = inventory_.policy_ids.contains(values_.reference(action));
      if (!policy) source_.leave(action, "no scaling policy of this file");
    }
  }

  void read_duration(const YamlNode& node, Alarm& alarm) {
    const auto period = values_.take_integer(node, "Period", 1, kLongest);
    const auto periods = values_.take_integer(node, "EvaluationPeriods", 1, kLongest);
    const auto points = values_.take_integer(node, "DatapointsToAlarm", 1, kLongest);
    const std::int64_t seconds = std::int64_t{period.value_or(60)} * periods.value_or(1);
    alarm.seconds = static_cast<int>(std::min<std::int64_t>(seconds, kLongest));
    if (points && periods && *points < *periods) {
      alarm.note += fmt::format(" AWS acts when {} of {} periods breach, weir when all do.", *points, *periods);
    }
  }

  // ---- predictive scaling

  void read_predictive(const YamlNode& node, const std::string& name) {
    const YamlNode* predictive = source_.take_mapping(node, "PredictiveScalingConfiguration");
    if (predictive == nullptr) return source_.complain(node, "expected a mapping 'PredictiveScalingConfiguration'");
    if (values_.take_text(*predictive, "Mode").value_or("ForecastOnly") != "ForecastAndScale") {
      return source_.leave(node, "the policy only forecasts (Mode: ForecastOnly)");
    }
    for (const YamlNode& metric : source_.take_list(*predictive, "MetricSpecifications")) {
      const auto target = values_.take_number(metric, "TargetValue");
      const YamlNode* pair = source_.take_mapping(metric, "PredefinedMetricPairSpecification");
      const YamlNode* scaling = source_.take_mapping(metric, "PredefinedScalingMetricSpecification");
      const YamlNode* type = pair != nullptr ? pair : scaling;
      if (type == nullptr) {
        source_.leave(metric, "a metric of its own: write a policy of type predictive by hand");
        continue;
      }
      const Suggestion suggestion = predefined_metric(*type);
      EntryBlock block;
      block.comments.push_back(fmt::format("Check this query: it stands for {}.", suggestion.stands_for));
      block.lines = {{"name", yaml_text(policy_name(name, names_))},
                     {"type", "predictive"},
                     {"query", yaml_text(suggestion.query)},
                     {"target", number_text(target.value_or(1)), target ? "" : "FIXME: the file does not tell the number"}};
      group_.policies.push_back(std::move(block));
    }
  }

  // ---- scheduled actions

  ScheduledAction read_action(const Found& found) {
    const YamlNode& node = *found.node;
    ScheduledAction action;
    action.name = values_.take_text(node, "ScheduledActionName").value_or(found.id);
    values_.take_text(node, "ScheduledActionARN");
    values_.take_reference(node, "AutoScalingGroupName");
    action.recurrence = values_.take_text(node, "Recurrence").value_or("");
    action.timezone = values_.take_text(node, "TimeZone").value_or("");
    action.end = values_.take_text(node, "EndTime").value_or("");
    action.start = values_.take_text(node, "StartTime").value_or("");
    if (!action.recurrence.empty() && !action.start.empty()) {
      source_.leave(*find(node, "StartTime"), "the windows have no first day; answers of AWS only name the next time here");
    }
    if (!action.recurrence.empty() && find(node, "Time") != nullptr) source_.take(node, "Time");
    action.min = values_.take_integer(node, "MinSize", 0, kMostServers);
    action.max = values_.take_integer(node, "MaxSize", 0, kMostServers);
    if (const YamlNode* desired = find(node, "DesiredCapacity")) {
      source_.leave(*desired,
                    "AWS sets it once, when the action fires; a schedule's `desired` would pin the size for the whole window");
    }
    return action;
  }

  void add_window(const ScheduleWindow& window) {
    EntryBlock block;
    if (!windows_explained_) {
      block.comments.emplace_back(
          "Scheduled actions set sizes that stay until the next one; as windows they last as long. Where clocks "
          "are changed, a window that spans it ends an hour off.");
    }
    windows_explained_ = true;
    block.lines = {{"name", yaml_text(policy_name(window.name, names_))}, {"type", "schedule"}};
    if (!window.cron.empty()) block.lines.push_back({"cron", "'" + window.cron + "'"});
    if (window.cron.empty()) block.lines.push_back({"start", "'" + window.start + "'"});
    block.lines.push_back({"timezone", yaml_text(window.timezone)});
    block.lines.push_back({"duration", seconds_text(60.0 * window.minutes)});
    if (window.min) block.lines.push_back({"min", fmt::format("{}", *window.min)});
    if (window.max) block.lines.push_back({"max", fmt::format("{}", *window.max)});
    group_.policies.push_back(std::move(block));
  }

  // ---- the group

  void add_sizes() {
    const char* missing = "FIXME: the file does not tell the number";
    const int max = max_.value_or(std::max(10, min_.value_or(0)));
    group_.lines.push_back({"min", fmt::format("{}", min_.value_or(1)), !min_ ? missing : *min_ == 0 ? kZeroComment : ""});
    group_.lines.push_back({"max", fmt::format("{}", max), max_ ? "" : missing});
  }

  void add_warm_up() {
    if (needs_default_warm_up_) warm_ups_.push_back(default_warm_up_.value_or(default_cooldown_));
    if (warm_ups_.empty() && default_warm_up_) warm_ups_.push_back(*default_warm_up_);
    if (warm_ups_.empty()) {
      group_.lines.push_back({"warm_up", "60s", "weir's default; AWS has none for simple policies"});
      return;
    }
    const int largest = *std::ranges::max_element(warm_ups_);
    std::string comment = "EstimatedInstanceWarmup";
    if (warm_ups_.size() > 1) comment = "the largest of the policies' warm-ups";
    if (warm_ups_.size() == 1 && needs_default_warm_up_)
      comment = default_warm_up_ ? "DefaultInstanceWarmup" : "AWS's default: the cooldown";
    group_.lines.push_back({"warm_up", seconds_text(largest), comment});
  }

  void add_rules() {
    const std::string none = "AWS has cooldowns only for simple policies";
    const std::string several = cooldowns_.size() > 1 ? fmt::format("; of {} s the longest", fmt::join(cooldowns_, ", ")) : "";
    const std::string simple = "AWS lets a simple policy's cooldown hold both directions" + several;
    const auto cooldown = [&](std::optional<int> seconds) {
      return EntryLine{"cooldown", seconds_text(seconds.value_or(0)), seconds ? simple : none};
    };
    group_.scale_out.lines.push_back(cooldown(out_cooldown_));
    group_.scale_in.lines.push_back(cooldown(in_cooldown_));
    const bool slow_out = tracking_ > 0 && !alarmed_;
    group_.scale_out.lines.push_back({"stabilization_window", slow_out ? "3m" : "0s",
                                      slow_out        ? "AWS's alarms wait for 3 points of a minute"
                                      : tracking_ > 0 ? "for target tracking AWS waits 3 minutes, but this holds all policies"
                                                      : ""});
    const bool slow_in = tracking_ > one_sided_.size();
    group_.scale_in.lines.push_back(
        {"stabilization_window", slow_in ? "15m" : "0s", slow_in ? "AWS's alarms wait for 15 points of a minute" : ""});
    add_one_sided();
  }

  /// DisableScaleIn: weir's direction is the group's.
  void add_one_sided() {
    if (one_sided_.empty()) return;
    if (!scales_in_) {
      group_.scale_in.lines.push_back({"select", "disabled", "DisableScaleIn: no policy of this group scales in"});
      return;
    }
    for (const auto& [node, index] : one_sided_) {
      group_.policies[index].comments.emplace_back(
          "DisableScaleIn: here the policy has a say in scaling in, together with the others, for all have to agree. If it must "
          "have "
          "none, make it a policy of type threshold: above the target, change +1.");
      source_.remark(*find(*node, "DisableScaleIn"),
                     "other policies of the group scale in, and weir's target_tracking has both directions");
    }
  }

  Source& source_;
  Template& values_;
  const Inventory& inventory_;
  ImportedGroup group_;
  std::string aws_name_;
  bool known_ = false;
  std::optional<int> min_;
  std::optional<int> max_;
  std::optional<int> grace_;
  int default_cooldown_ = kDefaultCooldown;
  std::optional<int> default_warm_up_;
  bool needs_default_warm_up_ = false;
  std::vector<int> warm_ups_;
  std::set<std::string> names_;
  std::set<int> cooldowns_;
  std::optional<int> out_cooldown_;
  std::optional<int> in_cooldown_;
  std::size_t tracking_ = 0;
  bool alarmed_ = false;
  bool scales_in_ = false;
  bool windows_explained_ = false;
  std::vector<std::pair<const YamlNode*, std::size_t>> one_sided_;  ///< their settings, and which policy they became
};

/// The whole file.
class AwsReader {
 public:
  explicit AwsReader(Source source) : source_(std::move(source)), values_(source_, template_root()) {}

  ImportResult read() {
    for (const YamlNode& document : source_.documents()) collect(document);
    if (inventory_.policies.empty() && inventory_.groups.empty() && inventory_.actions.empty()) {
      source_.complain(source_.documents().front(),
                       "expected scaling policies of AWS: the JSON of put-scaling-policy, the answer of describe-policies, or a "
                       "CloudFormation template with AWS::AutoScaling resources");
    }
    for (const auto* list : {&inventory_.groups, &inventory_.policies, &inventory_.alarms, &inventory_.actions}) {
      if (list->size() > kMostObjects) source_.complain(*list->front().node, too_many_text(kMostObjects));
    }
    Imported imported{.origin = fmt::format("AWS scaling policies, {}", clean(source_.file()))};
    if (!source_.has_errors()) imported.groups = read_groups();
    if (source_.has_errors()) return std::unexpected(source_.take_errors());
    imported.not_carried_over = source_.leftovers(why_not);
    return imported;
  }

 private:
  const YamlNode* template_root() {
    for (const YamlNode& document : source_.documents()) {
      if (find(document, "Resources") != nullptr) return &document;
    }
    return nullptr;
  }

  void collect(const YamlNode& node) {
    source_.open(node);
    for (const YamlNode& item : node.items) collect(item);
    if (node.kind != YamlNode::Kind::mapping) return;
    collect_answers(node);
    if (find(node, "Resources") != nullptr) collect_resources(node);
    const bool action = find(node, "ScheduledActionName") != nullptr;
    const bool policy =
        find(node, "PolicyName") != nullptr || find(node, "PolicyType") != nullptr || find(node, "AdjustmentType") != nullptr;
    if (action) inventory_.actions.push_back({&node, text_of(node, "ScheduledActionName")});
    if (policy && !action) inventory_.policies.push_back({&node, text_of(node, "PolicyName")});
  }

  static std::string text_of(const YamlNode& node, std::string_view key) {
    const YamlNode* found = find(node, key);
    return found == nullptr ? "" : found->text;
  }

  void collect_answers(const YamlNode& node) {
    for (const YamlNode& item : source_.take_list(node, "ScalingPolicies")) {
      inventory_.policies.push_back({&item, text_of(item, "PolicyName")});
    }
    for (const YamlNode& item : source_.take_list(node, "AutoScalingGroups")) {
      inventory_.groups.push_back({&item, text_of(item, "AutoScalingGroupName")});
    }
    for (const YamlNode& item : source_.take_list(node, "ScheduledUpdateGroupActions")) {
      inventory_.actions.push_back({&item, text_of(item, "ScheduledActionName")});
    }
    const YamlNode* alarms = find(node, "MetricAlarms");
    if (alarms == nullptr) return;
    source_.take(node, "MetricAlarms");
    for (const YamlNode& item : alarms->items) inventory_.alarms.push_back({&item, text_of(item, "AlarmName")});
  }

  void collect_resources(const YamlNode& root) {
    source_.take(root, "AWSTemplateFormatVersion");
    for (const char* section : {"Resources", "Parameters"}) source_.take_mapping(root, section);
    for (const YamlEntry& entry : find(root, "Resources")->entries) {
      const std::string type = text_of(entry.value, "Type");
      std::vector<Found>* list = list_for(type);
      const YamlNode* properties = find(entry.value, "Properties");
      if (list != nullptr && properties != nullptr) {
        list->push_back({properties, entry.key});
        resources_[properties] = &entry.value;
        if (list != &inventory_.alarms) open_resource(*properties);
      } else {
        source_.leave(entry.value, type.starts_with("AWS::ApplicationAutoScaling")
                                       ? fmt::format("{}: not about an Auto Scaling group", clean(type))
                                       : fmt::format("{}: no part of how a group scales", clean(type.empty() ? "no Type" : type)));
      }
    }
  }

  std::vector<Found>* list_for(std::string_view type) {
    if (type == "AWS::AutoScaling::AutoScalingGroup") return &inventory_.groups;
    if (type == "AWS::AutoScaling::ScalingPolicy") return &inventory_.policies;
    if (type == "AWS::AutoScaling::ScheduledAction") return &inventory_.actions;
    return type == "AWS::CloudWatch::Alarm" ? &inventory_.alarms : nullptr;
  }

  /// From the template's resource to its properties.
  void open_resource(const YamlNode& properties) {
    const auto resource = resources_.find(&properties);
    if (resource == resources_.end()) return;
    source_.open(*resource->second);
    source_.take(*resource->second, "Type");
    source_.take(*resource->second, "Properties");
  }

  /// The Auto Scaling group something belongs to: a logical id or a name.
  std::string owner_of(const YamlNode& node) {
    const YamlNode* owner = find(node, "AutoScalingGroupName");
    return owner == nullptr ? "" : values_.reference(*owner);
  }

  std::vector<ImportedGroup> read_groups() {
    index_alarms();
    for (const Found& group : inventory_.groups) {
      owned(group.id).groups.push_back(&group);
      // Others may use the name instead of the logical id.
      const std::string name = owner_of(*group.node);
      if (!name.empty()) same_.emplace(name, group.id);
    }
    for (const Found& policy : inventory_.policies) owned(canonical(owner_of(*policy.node))).policies.push_back(&policy);
    for (const Found& action : inventory_.actions) owned(canonical(owner_of(*action.node))).actions.push_back(&action);
    std::set<std::string> names;
    std::vector<ImportedGroup> groups;
    for (const std::string& name : order_) groups.push_back(read_group(name, names));
    leave_alarms();
    return groups;
  }

  /// What belongs to one Auto Scaling group.
  struct Owned {
    std::vector<const Found*> groups;
    std::vector<const Found*> policies;
    std::vector<const Found*> actions;
  };

  Owned& owned(const std::string& name) {
    const auto [place, added] = owned_.try_emplace(name);
    if (added) order_.push_back(name);
    return place->second;
  }

  void index_alarms() {
    for (const Found& alarm : inventory_.alarms) {
      inventory_.alarms_by_name.emplace(alarm.id, &alarm);
      const YamlNode* actions = find(*alarm.node, "AlarmActions");
      if (actions == nullptr) continue;
      for (const YamlNode& action : actions->items) inventory_.alarms_by_action.emplace(values_.reference(action), &alarm);
    }
    for (const Found& policy : inventory_.policies) {
      inventory_.policy_ids.insert(policy.id);
      inventory_.policy_ids.insert(text_of(*policy.node, "PolicyARN"));
    }
    inventory_.policy_ids.erase("");
  }

  [[nodiscard]] std::string canonical(const std::string& name) const {
    const auto same = same_.find(name);
    return same == same_.end() ? name : same->second;
  }

  ImportedGroup read_group(const std::string& name, std::set<std::string>& names) {
    GroupReader reader(source_, values_, inventory_, group_name(name, names));
    reader.set_aws_name(name.empty() ? "without a name" : name);
    const Owned& parts = owned_.at(name);
    for (const Found* group : parts.groups) reader.read_group(*group->node);
    for (const Found* policy : parts.policies) reader.read_policy(*policy);
    reader.read_actions(parts.actions);
    return reader.finish();
  }

  /// Alarms that were read are opened with their resource; what is left of them tells only people.
  void leave_alarms() {
    for (const Found& alarm : inventory_.alarms) {
      const bool read = source_.was_read(*find_any(*alarm.node));
      if (read) {
        open_resource(*alarm.node);
      } else if (const auto resource = resources_.find(alarm.node); resource != resources_.end()) {
        source_.leave(*resource->second, "no scaling policy of this file is its action");
      }
      if (read) source_.open(*alarm.node);
    }
  }

  static const YamlNode* find_any(const YamlNode& node) {
    const YamlNode* comparison = find(node, "ComparisonOperator");
    return comparison != nullptr ? comparison : &node;
  }

  Source source_;
  Template values_;
  Inventory inventory_;
  std::map<const YamlNode*, const YamlNode*> resources_;  ///< from the properties
  std::map<std::string, std::string> same_;               ///< from names to logical ids
  std::map<std::string, Owned> owned_;
  std::vector<std::string> order_;  ///< of the groups in the file
};

}  // namespace

ImportResult import_asg(std::string_view text, const std::string& file) {
  auto source = Source::parse(text, file, YamlTags::functions);
  if (!source) return std::unexpected(std::move(source.error()));
  return AwsReader(*std::move(source)).read();
}

}  // namespace weir
