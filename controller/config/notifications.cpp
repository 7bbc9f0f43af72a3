#include "controller/config/notifications.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>
#include <utility>

namespace weir {
namespace {

constexpr double kDay = 86'400;

constexpr std::array<std::string_view, 3> kSeverities = {"info", "warning", "critical"};
constexpr std::array<std::string_view, 4> kBreaksThrough = {"info", "warning", "critical", "nothing"};
constexpr std::array<std::string_view, 4> kGroupBy = {"group", "event", "all", "nothing"};
constexpr std::array<std::string_view, 7> kDays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

constexpr Key kLimit[] = {
    {.name = "messages",
     .type = KeyType::integer,
     .doc = "At most so many; what comes meanwhile is told together afterwards.",
     .required = true,
     .minimum = 1,
     .maximum = 1000},
    {.name = "per",
     .type = KeyType::duration,
     .doc = "Within any span of this.",
     .required = true,
     .minimum = 1,
     .maximum = 7 * kDay},
};

constexpr Key kQuietHours[] = {
    {.name = "from", .doc = "When they begin, by the wall clock: 22:00.", .required = true},
    {.name = "to", .doc = "When they end; a time before `from` is of the next day.", .required = true},
    {.name = "timezone", .type = KeyType::time_zone, .doc = "Whose wall clock: Asia/Seoul.", .fallback = "UTC"},
    {.name = "days",
     .type = KeyType::texts,
     .doc = "On which days they begin: mon, tue, wed, thu, fri, sat, sun; by default on all."},
    {.name = "breaks_through",
     .type = KeyType::choice,
     .doc = "This and graver is told all the same; the rest waits for the end, and what is over by then is not told.",
     .fallback = "critical",
     .choices = kBreaksThrough},
};

constexpr Key kRoute[] = {
    {.name = "receiver", .doc = "Which receiver is told.", .required = true},
    {.name = "severity", .type = KeyType::choice, .doc = "The least that is told.", .fallback = "info", .choices = kSeverities},
    {.name = "events", .type = KeyType::texts, .doc = "Only these kinds of event; docs/notifications.md lists them."},
    {.name = "groups", .type = KeyType::texts, .doc = "Only what is about these groups, or about a provider of theirs."},
    {.name = "group_by",
     .type = KeyType::choice,
     .doc = "What goes into one message: the events of one group, those of one kind, all, or nothing but one.",
     .fallback = "group",
     .choices = kGroupBy},
    {.name = "group_wait",
     .type = KeyType::duration,
     .doc = "How long the first event of a message waits for others. What is over by then is not told at all.",
     .fallback = "30s",
     .minimum = 0,
     .maximum = kDay},
    {.name = "limit", .type = KeyType::section, .doc = "How much one can bear.", .keys = kLimit},
    {.name = "quiet_hours", .type = KeyType::section, .doc = "When people sleep.", .keys = kQuietHours},
    {.name = "repeat",
     .type = KeyType::duration,
     .doc = "What still holds is told again so often; without it once.",
     .minimum = 60,
     .maximum = 30 * kDay},
    {.name = "resolved", .type = KeyType::boolean, .doc = "Whether the end of a condition is told too.", .fallback = "true"},
};

constexpr Key kNotifications[] = {
    {.name = "controller",
     .doc = "What this weir calls itself in messages, where several tell the same people.",
     .fallback = "weir"},
    {.name = "receivers", .type = KeyType::sections, .doc = "Who can be told."},
    {.name = "routes",
     .type = KeyType::sections,
     .doc = "Who is told of what. An event goes along every route it fits.",
     .keys = kRoute},
};

template <typename Names>
std::size_t place_in(const Names& names, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
}

/// `22:00`, in minutes.
std::optional<std::chrono::minutes> time_of_day(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > 2 || text.size() != colon + 3) return std::nullopt;
  int hours = 0;
  int minutes = 0;
  const char* const begin = std::to_address(text.begin());
  const char* const middle = begin + colon;
  const char* const last = begin + text.size();
  const auto [hour_end, hour_error] = std::from_chars(begin, middle, hours);
  const auto [end, error] = std::from_chars(middle + 1, last, minutes);
  const bool whole = hour_error == std::errc{} && error == std::errc{} && hour_end == middle && end == last && hours >= 0 &&
                     minutes >= 0 && hours < 24 && minutes < 60;
  return whole ? std::optional(std::chrono::hours(hours) + std::chrono::minutes(minutes)) : std::nullopt;
}

/// Reads one route.
class RouteReader {
 public:
  RouteReader(const Settings& settings, std::string path, Reader& reader)
      : settings_(settings), path_(std::move(path)), reader_(reader) {}

  Route read(const NotificationRules& rules, const std::vector<std::string>& receivers, const std::vector<std::string>& groups) {
    Route route{.receiver = settings_.text("receiver")};
    route.severity = static_cast<Severity>(place_in(kSeverities, settings_.text("severity")) % kSeverities.size());
    route.group_by = static_cast<Route::GroupBy>(place_in(kGroupBy, settings_.text("group_by")) % kGroupBy.size());
    route.group_wait = settings_.duration("group_wait");
    route.repeat = settings_.duration("repeat");
    route.resolved = settings_.boolean("resolved");
    route.groups = settings_.texts("groups");
    read_events(route);
    if (settings_.has("limit")) read_limit(route);
    if (settings_.has("quiet_hours")) read_quiet(route);
    check_groups(groups);
    check_receiver(rules, receivers, route);
    return route;
  }

 private:
  void read_events(Route& route) {
    std::vector<std::string_view> known;
    for (const EventType& type : event_types()) {
      if (type.kind != EventKind::test) known.push_back(type.name);  // which is sent past all routes
    }
    for (const std::string& name : settings_.texts("events")) {
      const auto found = std::ranges::find(known, name);
      if (found == known.end()) {
        reader_.complain_unknown(settings_.mark("events"), join_path(path_, "events"), "event", name, known);
        continue;
      }
      route.events.push_back(std::ranges::find(event_types(), name, &EventType::name)->kind);
    }
    if (settings_.has("events") && settings_.texts("events").empty()) complain("events", "expected at least one, or no such key");
  }

  void read_limit(Route& route) {
    const Settings& limit = settings_.section("limit");
    if (limit.has("messages") && limit.has("per")) route.limit = MessageLimit{limit.integer("messages"), limit.duration("per")};
  }

  void read_quiet(Route& route) {
    const Settings& settings = settings_.section("quiet_hours");
    const auto from = minutes_of(settings, "from");
    const auto to = minutes_of(settings, "to");
    QuietHours quiet{.zone = settings.time_zone("timezone")};
    const std::size_t loud = place_in(kBreaksThrough, settings.text("breaks_through"));
    quiet.breaks_through = loud < kSeverities.size() ? std::optional(static_cast<Severity>(loud)) : std::nullopt;
    read_days(settings, quiet);
    if (!from || !to) return;
    if (*from == *to)
      return complain_in(settings, "to", "expected another time than 'from': quiet hours that end as they begin would never end");
    quiet.from = *from;
    quiet.to = *to;
    route.quiet = quiet;
  }

  void read_days(const Settings& settings, QuietHours& quiet) {
    if (!settings.has("days")) return;
    quiet.days.fill(false);
    if (settings.texts("days").empty()) complain_in(settings, "days", "expected at least one, or no such key");
    for (const std::string& name : settings.texts("days")) {
      const std::size_t day = place_in(kDays, name);
      if (day < kDays.size()) quiet.days.at(day) = true;
      if (day < kDays.size()) continue;
      reader_.complain_unknown(settings.mark("days"), join_path(join_path(path_, "quiet_hours"), "days"), "day", name, kDays);
    }
  }

  std::optional<std::chrono::minutes> minutes_of(const Settings& settings, std::string_view key) {
    if (!settings.has(key)) return std::nullopt;
    const auto minutes = time_of_day(settings.text(key));
    if (!minutes) complain_in(settings, key, "expected a time of the day, as in 22:00 or 7:30");
    return minutes;
  }

  void check_groups(const std::vector<std::string>& groups) {
    const std::vector<std::string_view> known(groups.begin(), groups.end());
    for (const std::string& name : settings_.texts("groups")) {
      if (std::ranges::find(groups, name) != groups.end()) continue;
      reader_.complain_unknown(settings_.mark("groups"), join_path(path_, "groups"), "group", name, known);
    }
    if (settings_.has("groups") && settings_.texts("groups").empty()) complain("groups", "expected at least one, or no such key");
  }

  void check_receiver(const NotificationRules& rules, const std::vector<std::string>& receivers, Route& route) {
    if (!settings_.has("receiver")) return;
    if (std::ranges::find(receivers, route.receiver) == receivers.end()) {
      const std::vector<std::string_view> known(receivers.begin(), receivers.end());
      return reader_.complain_unknown(settings_.mark("receiver"), join_path(path_, "receiver"), "receiver", route.receiver, known);
    }
    const auto spec = std::ranges::find(rules.receivers, route.receiver, &ReceiverSpec::name);
    const ReceiverType* type = spec == rules.receivers.end() ? nullptr : receiver_type(spec->type);
    if (type == nullptr || type->refresh == Duration{0}) return;
    route.refresh = type->refresh;
    for (const char* key : {"limit", "quiet_hours", "repeat"}) {
      if (!settings_.has(key)) continue;
      complain(key, fmt::format("not for receiver '{}': an {} does this itself, and has to hear of everything", route.receiver,
                                type->name));
    }
    if (!route.resolved)
      complain("resolved", fmt::format("expected true for receiver '{}': its alerts would not end", route.receiver));
  }

  void complain(std::string_view key, std::string message) {
    reader_.complain(settings_.mark(key), join_path(path_, key), std::move(message));
  }
  void complain_in(const Settings& quiet, std::string_view key, std::string message) {
    reader_.complain(quiet.mark(key), join_path(join_path(path_, "quiet_hours"), key), std::move(message));
  }

  const Settings& settings_;
  const std::string path_;
  Reader& reader_;
};

/// What there is to say about one route.
class RouteLint {
 public:
  RouteLint(const Config& config, std::size_t index, std::vector<std::string>& warnings)
      : config_(config), route_(config.notifications.routes[index]), index_(index), warnings_(warnings) {}

  void run() {
    check_match();
    check_twin();
    check_quiet();
    if (route_.repeat > Duration{0} && route_.repeat <= route_.group_wait) {
      warn(fmt::format("repeat ({}) is no longer than group_wait ({})", format_duration(route_.repeat),
                       format_duration(route_.group_wait)));
    }
  }

 private:
  void warn(const std::string& text) { warnings_.push_back(fmt::format("notifications.routes[{}]: {}", index_, text)); }

  void check_match() {
    if (route_.events.empty()) return;
    std::string never;
    for (const EventKind kind : route_.events) {
      const std::string why = why_never(kind);
      if (why.empty()) return check_some();
      never += (never.empty() ? "" : "; ") + why;
    }
    warn("it can never match: " + never);
  }

  void check_some() {
    for (const EventKind kind : route_.events) {
      if (const std::string why = why_never(kind); !why.empty()) warn(why);
    }
  }

  /// Why no event of the kind fits; empty: one may.
  [[nodiscard]] std::string why_never(EventKind kind) const {
    const EventType& type = type_of(kind);
    if (type.severity < route_.severity) {
      return fmt::format("{} is {}, and the route takes {} and graver", type.name, to_string(type.severity),
                         to_string(route_.severity));
    }
    if (type.of == EventType::Of::controller && !route_.groups.empty())
      return fmt::format("{} is of no group, and the route takes only some groups", type.name);
    const bool budgets = std::ranges::any_of(
        config_.groups, [&](const Group& group) { return takes(group) && (group.budget.soft || group.budget.hard); });
    if (kind == EventKind::budget && !budgets) return "budget: none of its groups has a budget";
    const bool deploys =
        std::ranges::any_of(config_.groups, [&](const Group& group) { return takes(group) && group.deployed_with.empty(); });
    const bool about_deploys = kind >= EventKind::deploy_started && kind <= EventKind::hook_failed;
    if (about_deploys && !deploys) return fmt::format("{}: weir deploys none of its groups", type.name);
    return {};
  }

  [[nodiscard]] bool takes(const Group& group) const {
    return route_.groups.empty() || std::ranges::find(route_.groups, group.name) != route_.groups.end();
  }

  void check_twin() {
    const std::vector<Route>& routes = config_.notifications.routes;
    const auto same = [&](const Route& other) {
      return other.receiver == route_.receiver && other.severity == route_.severity && other.events == route_.events &&
             other.groups == route_.groups;
    };
    const auto first = static_cast<std::size_t>(std::ranges::find_if(routes, same) - routes.begin());
    if (first < index_)
      warn(fmt::format("routes[{}] tells {} of the same events: it hears everything twice", first, route_.receiver));
  }

  void check_quiet() {
    if (!route_.quiet || !route_.quiet->breaks_through || *route_.quiet->breaks_through > route_.severity) return;
    warn(fmt::format("quiet_hours hold nothing back: {} breaks through, and the route takes nothing less",
                     to_string(*route_.quiet->breaks_through)));
  }

  const Config& config_;
  const Route& route_;
  const std::size_t index_;
  std::vector<std::string>& warnings_;
};

}  // namespace

std::span<const Key> notification_keys() { return kNotifications; }

std::vector<Route> read_routes(const Settings& section, const NotificationRules& rules, const std::vector<std::string>& receivers,
                               const std::vector<std::string>& groups, Reader& reader) {
  std::vector<Route> routes;
  const Settings::Sections& list = section.sections("routes");
  for (std::size_t index = 0; index < list.size(); ++index) {
    RouteReader one(list[index], join_path("notifications.routes", index), reader);
    routes.push_back(one.read(rules, receivers, groups));
  }
  return routes;
}

void lint_notifications(const Config& config, std::vector<std::string>& warnings) {
  for (const ReceiverSpec& receiver : config.notifications.receivers) {
    const auto& routes = config.notifications.routes;
    if (std::ranges::find(routes, receiver.name, &Route::receiver) != routes.end()) continue;
    warnings.push_back(fmt::format("notifications: no route leads to receiver {}: it is never told anything", receiver.name));
  }
  for (std::size_t index = 0; index < config.notifications.routes.size(); ++index) RouteLint(config, index, warnings).run();
}

}  // namespace weir
