#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <optional>
#include <ratio>

#include "controller/config/config.h"
#include "controller/config/notifications.h"
#include "controller/config/values.h"
#include "deploy/advance.h"
#include "providers/provider.h"

namespace weir {
namespace {

/// The directions in which a policy can act, as far as its settings tell: those without `change` go both ways.
struct Directions {
  bool out = true;
  bool in = true;
};

Directions directions_of(const PolicySpec& policy) {
  for (const std::string_view without_wish : {"schedule", "guard", "maintenance", "did_it_help"}) {
    if (policy.type == without_wish) return {.out = false, .in = false};
  }
  if (policy.type == "step") {
    const Settings::Sections& steps = policy.settings.sections("steps");
    const auto has = [&](bool out) {
      return std::ranges::any_of(steps, [out](const Settings& step) {
        const Change& change = step.change("change");
        return change.kind == Change::Kind::to_exactly || (change.amount != 0 && (change.amount > 0) == out);
      });
    };
    return {.out = has(true), .in = has(false)};
  }
  if (!policy.settings.has("change")) return {};
  const Change& change = policy.settings.change("change");
  const bool out = change.kind == Change::Kind::to_exactly ? policy.settings.has("above") : change.amount > 0;
  return {.out = out, .in = !out};
}

bool same_query(const PolicySpec& left, const PolicySpec& right) {
  return left.settings.text("query") == right.settings.text("query") &&
         left.settings.text_map("select") == right.settings.text_map("select") &&
         left.settings.text("server_label") == right.settings.text("server_label");
}

/// The largest number the policy compares its query with; absent if none.
std::optional<double> bound_of(const PolicySpec& policy) {
  std::optional<double> bound;
  for (const char* key : {"target", "above", "below"}) {
    if (policy.settings.has(key)) bound = std::max(bound, std::optional(policy.settings.number(key)));
  }
  for (const Settings& step : policy.settings.sections("steps")) {
    if (step.has("from")) bound = std::max(bound, std::optional(step.number("from")));
  }
  return bound;
}

/// Numbers up to this are shares, beyond it percentages, if they are either.
constexpr double kLargestShare = 1.5;
constexpr double kMonthHours = 730;
/// Old servers kept for longer are no way back from a bad start any more, but a second fleet.
constexpr Duration kLongKeepOld = std::chrono::hours(1);

bool speaks_of_percent(const std::string& query) {
  return query.contains("percent") || query.contains("* 100") || query.contains("*100") || query.contains("100 *") ||
         query.contains("100*");
}

/// What there is to say about one group, line by line.
class GroupLint {
 public:
  /// `type` is the provider's.
  GroupLint(const Group& group, const ProviderType& type, std::vector<std::string>& warnings)
      : group_(group), type_(type), warnings_(warnings) {}

  void run() {
    if (group_.drain_timeout == Duration{0}) warn("drain.timeout is 0s: every scale-in cuts the connections that are open");
    if (!group_.elastic) return;
    check_directions();
    for (const PolicySpec& policy : group_.policies) check_policy(policy);
    for (const PolicySpec& out : group_.policies) {
      for (const PolicySpec& in : group_.policies) check_pair(out, in);
    }
    for (auto left = group_.policies.begin(); left != group_.policies.end(); ++left) {
      for (auto right = std::next(left); right != group_.policies.end(); ++right) check_units(*left, *right);
    }
    check_help();
    check_budget();
    check_patience();
    if (group_.deployed_with.empty()) check_deploys();
    if (group_.min == 0 && !group_.policies.empty()) {
      warn("min is 0: with no server there is no load to measure, so only a query that counts waiting work can scale out again");
    }
    const bool impatient =
        can_scale_in() && group_.scale_in.stabilization_window == Duration{0} && group_.scale_in.cooldown == Duration{0};
    if (impatient) warn("scale_in has neither cooldown nor stabilization_window: one quiet moment is enough to shrink");
  }

 private:
  void warn(std::string text) { warnings_.push_back(fmt::format("group {}: {}", group_.name, std::move(text))); }

  [[nodiscard]] bool can(bool Directions::* direction) const {
    return std::ranges::any_of(group_.policies, [&](const PolicySpec& policy) { return directions_of(policy).*direction; });
  }
  [[nodiscard]] bool can_scale_in() const {
    return can(&Directions::in) && group_.scale_in.select != ScalingRule::Select::disabled;
  }
  [[nodiscard]] bool can_scale_out() const {
    return can(&Directions::out) && group_.scale_out.select != ScalingRule::Select::disabled;
  }

  void check_directions() {
    if (group_.min == group_.max) {
      if (!group_.policies.empty()) warn(fmt::format("min and max are both {}: no policy can have an effect", group_.min));
      return;
    }
    if (group_.policies.empty()) return warn(fmt::format("no policies: it stays at the size it has, {} at first", group_.min));
    if (!can_scale_in()) warn("nothing ever scales in: once grown, it stays grown");
    if (!can_scale_out()) warn("nothing ever scales out: once shrunk, it stays shrunk");
  }

  void check_policy(const PolicySpec& policy) {
    const Settings& settings = policy.settings;
    const bool short_hold =
        settings.has("for") && settings.duration("for") > Duration{0} && settings.duration("for") < group_.interval;
    if (short_hold) {
      warn(fmt::format("policy {}: for ({}) is shorter than the interval ({}), so one evaluation decides", policy.name,
                       format_duration(settings.duration("for")), format_duration(group_.interval)));
    }
    const bool twitchy = settings.has("tolerance") && settings.number("tolerance") == 0;
    if (twitchy) warn(fmt::format("policy {}: tolerance is 0, so any noise in the metric changes the size", policy.name));
    check_exact_size(policy);
    check_unit(policy);
    if (policy.type == "fixed") check_fixed(policy);
  }

  void check_unit(const PolicySpec& policy) {
    const std::optional<double> bound = bound_of(policy);
    if (!bound || *bound <= 0 || *bound > kLargestShare || !speaks_of_percent(policy.settings.text("query"))) return;
    warn(fmt::format("policy {}: its query gives a percentage, but is compared with {}; write {} if that is meant", policy.name,
                     *bound, *bound * 100));
  }

  /// The same query cannot be a share and a percentage.
  void check_units(const PolicySpec& left, const PolicySpec& right) {
    const std::optional<double> one = bound_of(left);
    const std::optional<double> other = bound_of(right);
    if (!one || !other || left.settings.text("query").empty() || !same_query(left, right)) return;
    const double low = std::min(*one, *other);
    const double high = std::max(*one, *other);
    if (low <= 0 || low > kLargestShare || high <= 10 * kLargestShare) return;
    warn(fmt::format("policies {} and {} compare the same query with {} and {}: one of them takes a share for a percentage",
                     left.name, right.name, *one, *other));
  }

  void check_fixed(const PolicySpec& policy) {
    const int servers = policy.settings.integer("servers");
    if (servers >= group_.min && servers <= group_.max) return;
    warn(fmt::format("policy {}: {} servers lie outside min {} to max {}, so it never gets them", policy.name, servers, group_.min,
                     group_.max));
  }

  void check_help() {
    if (!group_.help) return;
    const bool judged = std::ranges::any_of(group_.policies, [](const PolicySpec& policy) {
      const bool average = policy.type == "target_tracking" && policy.settings.text("value") != "total";
      return average || ((policy.type == "threshold" || policy.type == "step") && directions_of(policy).out);
    });
    if (!judged) warn("did_it_help: no policy has a value per server that more servers would lower, so it never judges");
  }

  void check_budget() {
    if (!group_.cost || !group_.budget.hard) return;
    const double least = group_.cost->per_hour * group_.min * kMonthHours;
    if (least <= *group_.budget.hard) return;
    warn(fmt::format("budget.hard is {} {}, but min {} alone costs about {:.0f} a month: min is kept, and nothing ever added",
                     *group_.budget.hard, group_.cost->currency, group_.min, least));
  }

  /// After a change its effect shows only when servers are warmed up. weir's own rules wait for that; the HPA's do not.
  void check_patience() {
    const bool waits = std::ranges::none_of(group_.policies,
                                            [](const PolicySpec& policy) { return policy.settings.text("rules") == "kubernetes"; });
    if (waits || !can_scale_in() || group_.warm_up == Duration{0}) return;
    const Duration rest = std::max(group_.scale_in.cooldown, group_.scale_in.stabilization_window);
    if (rest == Duration{0} || rest >= group_.warm_up) return;
    warn(
        fmt::format("scale_in rests {} after a change, shorter than warm_up ({}): it may shrink before the change shows; make its "
                    "cooldown or stabilization_window at least {}",
                    format_duration(rest), format_duration(group_.warm_up), format_duration(group_.warm_up)));
  }

  void check_deploys() {
    const DeployRule& deploy = group_.deploy;
    if (!deploy.pause_at.empty() && deploy.strategy != Strategy::rolling) {
      warn(fmt::format("deploy.pause_at: only rolling stops there, and the strategy is {}", to_string(deploy.strategy)));
    }
    if (deploy.strategy == Strategy::blue_green) check_way_back(deploy.keep_old);
    if (deploy.strategy == Strategy::blue_green) check_comparisons(deploy.judge);
    // Who names no version has none to deploy.
    if (group_.version.empty()) return;
    if (deploy.progress_deadline < group_.health.deadline) {
      warn(
          fmt::format("deploy.progress_deadline ({}) is shorter than health.deadline ({}): a deploy may go back while its first "
                      "servers still have time to start",
                      format_duration(deploy.progress_deadline), format_duration(group_.health.deadline)));
    }
    check_ports();
  }

  void check_way_back(Duration keep_old) {
    if (keep_old == Duration{0}) {
      warn("deploy.keep_old is 0s: after the switch of a blue_green deploy the way back takes as long as new servers do");
    }
    if (keep_old < kLongKeepOld) return;
    const double hours = std::chrono::duration<double, std::ratio<3600>>(keep_old).count();
    const std::string price = group_.cost ? fmt::format(", up to {:.6g} {} more for each",
                                                        group_.cost->per_hour * group_.max * hours, group_.cost->currency)
                                          : "";
    warn(fmt::format("deploy.keep_old is {}: so long there are twice the servers after every deploy{}", format_duration(keep_old),
                     price));
  }

  void check_comparisons(const JudgeRule& judge) {
    for (const JudgeCheck& check : judge.checks) {
      if (!check.below_old && !check.above_old) continue;
      warn(fmt::format(
          "deploy.judge: {} compares with the old version, which has no traffic after the switch of a blue_green deploy: "
          "below_old and above_old are left out there",
          check.name));
    }
  }

  void check_ports() {
    const std::optional<int> most = type_.most_servers != nullptr ? type_.most_servers(group_.server) : std::nullopt;
    if (!most || group_.overflow) return;
    const int needed = group_.max + surge_of(group_.deploy, {.strategy = group_.deploy.strategy}, group_.max, group_.min);
    if (*most >= needed) return;
    warn(fmt::format("server.ports: {} ports are enough for max {}, but a {} deploy of so many servers needs {}", *most, group_.max,
                     to_string(group_.deploy.strategy), needed));
  }

  void check_exact_size(const PolicySpec& policy) {
    const Change& change = policy.settings.change("change");
    if (change.kind != Change::Kind::to_exactly) return;
    if (change.amount >= group_.min && change.amount <= group_.max) return;
    warn(fmt::format("policy {}: change ={} lies outside min {} to max {}", policy.name, change.amount, group_.min, group_.max));
  }

  /// `out` grows above a bound and `in` shrinks below one: between the two there must be room for what one server changes.
  void check_pair(const PolicySpec& out, const PolicySpec& in) {
    if (&out != &in) check_reach(out, in);
    const bool opposed = directions_of(out).out && directions_of(in).in && out.settings.has("above") && in.settings.has("below");
    if (!opposed || !same_query(out, in)) return;
    const double above = out.settings.number("above");
    const double below = in.settings.number("below");
    if (below >= above) {
      return warn(fmt::format("policies {} and {} fight: the same query scales out above {} and in below {}", out.name, in.name,
                              above, below));
    }
    check_flapping(out, in, above, below);
  }

  /// `late` needs more, for as long, to ask for no more than `early` does: it never decides anything.
  void check_reach(const PolicySpec& late, const PolicySpec& early) {
    const bool alike = late.type == "threshold" && early.type == "threshold" && same_query(late, early) &&
                       late.settings.has("above") && early.settings.has("above");
    if (!alike) return;
    const Change& more = late.settings.change("change");
    const Change& first = early.settings.change("change");
    const bool later = late.settings.number("above") > early.settings.number("above") &&
                       late.settings.duration("for") >= early.settings.duration("for");
    const bool comparable = more.kind == first.kind && more.amount > 0 && first.amount > 0;
    if (!later || !comparable || more.amount > first.amount) return;
    warn(fmt::format("policy {} never decides: {} asks for as much, earlier; give it a larger change, or leave it out", late.name,
                     early.name));
  }

  /// The load of one server fewer: at the smallest size from which scale-in is allowed, what stays must not breach the other bound.
  void check_flapping(const PolicySpec& out, const PolicySpec& in, double above, double below) {
    const Change& change = in.settings.change("change");
    if (change.kind != Change::Kind::by_servers || group_.min < 1 || below <= 0) return;
    const double before = group_.min - change.amount;
    if (before > group_.max) return;
    const double after = below * before / group_.min;
    if (after <= above) return;
    warn(fmt::format("policies {} and {} may take turns: {} just below {} on {} servers is up to {:.3g} on {}, above {}", out.name,
                     in.name, "a load", below, before, after, group_.min, above));
  }

  const Group& group_;
  const ProviderType& type_;
  std::vector<std::string>& warnings_;
};

constexpr std::size_t kShortSecret = 16;

void lint_api(const ControllerSettings& controller, std::vector<std::string>& warnings) {
  const std::string& host = controller.listen.host;
  if (!is_loopback(host) && !controller.tls.wanted()) {
    warnings.push_back(
        fmt::format("controller.listen: {} can be reached from other machines without TLS; put nginx in front of it", host));
  }
  if (!is_loopback(host) && controller.access.reading_is_open) {
    warnings.push_back(fmt::format("controller.read: whoever reaches {} may read everything; give them tokens", host));
  }
  for (const ApiToken& token : controller.access.tokens) {
    if (token.secret.size() >= kShortSecret) continue;
    warnings.push_back(
        fmt::format("controller: token {} has fewer than {} characters and can be guessed", token.name, kShortSecret));
  }
}

bool makes_servers_at(const Group& group, const std::string& provider) {
  return group.provider == provider || (group.overflow && group.overflow->provider == provider);
}

}  // namespace

std::vector<std::string> exposed_secrets(const Config& config) {
  std::vector<std::string> warnings;
  for (const std::string& file : config.controller.secret_files) {
    std::error_code error;
    const auto status = std::filesystem::status(file, error);
    const bool all_read = (status.permissions() & std::filesystem::perms::others_read) != std::filesystem::perms::none;
    if (error || status.type() != std::filesystem::file_type::regular || !all_read) continue;
    warnings.push_back(fmt::format("{}: everybody on this machine may read this secret: chmod o= {}", file, file));
  }
  return warnings;
}

std::vector<std::string> lint_config(const Config& config) {
  std::vector<std::string> warnings;
  lint_api(config.controller, warnings);
  std::ranges::move(exposed_secrets(config), std::back_inserter(warnings));
  for (const auto& [name, provider] : config.providers) {
    const bool used = std::ranges::any_of(config.groups, [&](const Group& group) { return makes_servers_at(group, name); });
    if (!used) warnings.push_back(fmt::format("provider {}: no group uses it", name));
  }
  for (const Group& group : config.groups) {
    const std::string& type = config.providers.at(group.provider).type;
    const auto types = provider_catalog();
    const auto found = std::ranges::find(types, type, &ProviderType::name);
    GroupLint(group, found != types.end() ? *found : ProviderType{}, warnings).run();
  }
  lint_notifications(config, warnings);
  return warnings;
}

}  // namespace weir
