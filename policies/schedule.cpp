#include "policies/schedule.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/limits.h"
#include "policies/calendar.h"

namespace weir {
namespace {

template <std::size_t Own>
constexpr std::array<Key, kWindowKeys.size() + Own> with_window_keys(const std::array<Key, Own>& own) {
  std::array<Key, kWindowKeys.size() + Own> all{};
  std::ranges::copy(kWindowKeys, all.begin());
  std::ranges::copy(own, all.begin() + kWindowKeys.size());
  return all;
}

constexpr auto kScheduleKeys = with_window_keys(std::array{
    Key{.name = "min",
        .type = KeyType::integer,
        .doc = "Fewest servers meanwhile, in place of the group's min.",
        .minimum = 0,
        .maximum = kMostServers},
    Key{.name = "max",
        .type = KeyType::integer,
        .doc = "Most servers meanwhile, in place of the group's max.",
        .minimum = 1,
        .maximum = kMostServers},
    Key{.name = "desired",
        .type = KeyType::integer,
        .doc = "Exactly so many servers meanwhile; instead of min and max.",
        .minimum = 0,
        .maximum = kMostServers},
});
constexpr auto kMaintenanceKeys = with_window_keys(kMaintenanceOwnKeys);

/// Why the settings name no windows: the key it is about, and what was expected.
struct Complaint {
  std::string_view key;
  std::string message;
};
using WindowsOrComplaint = std::expected<Windows, Complaint>;

std::unexpected<Complaint> complaint(std::string_view key, std::string message) {
  return std::unexpected(Complaint{key, std::move(message)});
}

WindowsOrComplaint cron_windows(const Settings& settings) {
  for (const char* key : {"start", "end", "rrule"}) {
    if (settings.has(key)) return complaint(key, "expected either cron or start, not both");
  }
  if (!settings.has("duration")) return complaint("cron", "expected 'duration' beside it");
  const auto recurrence = parse_cron(settings.text("cron"));
  if (!recurrence) return complaint("cron", recurrence.error());
  auto windows = Windows::lasting(*recurrence, settings.duration("duration"), settings.time_zone("timezone"));
  if (!windows) return complaint("duration", windows.error());
  return *std::move(windows);
}

WindowsOrComplaint started_windows(const Settings& settings) {
  const TimeZone zone = settings.time_zone("timezone");
  const auto start = parse_local_time(settings.text("start"));
  if (!start) return complaint("start", start.error());
  Recurrence recurrence = once_at(*start);
  if (settings.has("rrule")) {
    const auto repeated = parse_rrule(*start, settings.text("rrule"), zone);
    if (!repeated) return complaint("rrule", repeated.error());
    recurrence = *repeated;
  }
  if (settings.has("end") == settings.has("duration")) {
    return complaint(settings.has("end") ? "end" : "start", "expected either 'end' or 'duration' beside start");
  }
  if (settings.has("duration")) {
    auto windows = Windows::lasting(recurrence, settings.duration("duration"), zone);
    if (!windows) return complaint("duration", windows.error());
    return *std::move(windows);
  }
  const auto end = parse_local_time(settings.text("end"));
  if (!end) return complaint("end", end.error());
  auto windows = Windows::until(recurrence, *end, zone);
  if (!windows) return complaint("end", windows.error());
  return *std::move(windows);
}

WindowsOrComplaint windows_from(const Settings& settings) {
  if (settings.has("cron")) return cron_windows(settings);
  if (settings.has("start")) return started_windows(settings);
  return complaint("cron", "required but missing: cron and duration, or start and end");
}

/// Open until when, or closed until when.
std::string window_text(const std::optional<Window>& open, const Windows& windows, TimePoint at) {
  if (open) return fmt::format("open until {}", format_time(open->end));
  const std::optional<TimePoint> next = windows.next_opening(at);
  return next ? fmt::format("closed until {}", format_time(*next)) : std::string("never opens again");
}

class Schedule final : public Policy {
 public:
  explicit Schedule(const PolicySpec& spec) : name_(spec.name), windows_(windows_from(spec.settings).value()) {
    const Settings& settings = spec.settings;
    if (settings.has("min")) min_ = settings.integer("min");
    if (settings.has("max")) max_ = settings.integer("max");
    if (settings.has("desired")) min_ = max_ = settings.integer("desired");
  }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] Vote vote(std::span<const Sample>, const Fleet&, TimePoint at, PolicyMemory&) const override {
    Vote vote{
        .policy = name_, .type = kSchedulePolicy.name, .stance = Vote::Stance::content, .scales_out = false, .scales_in = false};
    const std::optional<Window> open = windows_.open_at(at);
    vote.why = window_text(open, windows_, at);
    if (!open) return vote;
    vote.min = min_;
    vote.max = max_;
    return vote;
  }

 private:
  std::string name_;
  Windows windows_;
  std::optional<int> min_;
  std::optional<int> max_;
};

class Maintenance final : public Policy {
 public:
  explicit Maintenance(const PolicySpec& spec)
      : name_(spec.name),
        windows_(windows_from(spec.settings).value()),
        out_(spec.settings.text("hold") != "in"),
        in_(spec.settings.text("hold") != "out") {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] Vote vote(std::span<const Sample>, const Fleet&, TimePoint at, PolicyMemory&) const override {
    Vote vote{
        .policy = name_, .type = kMaintenancePolicy.name, .stance = Vote::Stance::content, .scales_out = false, .scales_in = false};
    const std::optional<Window> open = windows_.open_at(at);
    vote.why = window_text(open, windows_, at);
    vote.forbids_out = open && out_;
    vote.forbids_in = open && in_;
    return vote;
  }

 private:
  std::string name_;
  Windows windows_;
  bool out_;
  bool in_;
};

std::vector<SettingsError> check_windows(const PolicySpec& spec) {
  const auto windows = windows_from(spec.settings);
  if (windows) return {};
  const Complaint& wrong = windows.error();
  return {{.path = std::string(wrong.key), .message = wrong.message, .mark = spec.settings.mark(wrong.key)}};
}

std::vector<SettingsError> check_schedule(const PolicySpec& spec) {
  std::vector<SettingsError> errors = check_windows(spec);
  const Settings& settings = spec.settings;
  const auto complain = [&](std::string_view key, std::string message) {
    errors.push_back({.path = std::string(key), .message = std::move(message), .mark = settings.mark(key)});
  };
  const bool bounds = settings.has("min") || settings.has("max");
  if (!bounds && !settings.has("desired")) complain("min", "required but missing: min, max or desired");
  if (bounds && settings.has("desired")) complain("desired", "expected either desired, or min and max");
  if (settings.has("min") && settings.has("max") && settings.integer("min") > settings.integer("max")) {
    complain("min", fmt::format("expected at most max, which is {}, found {}", settings.integer("max"), settings.integer("min")));
  }
  return errors;
}

template <typename Made>
std::unique_ptr<const Policy> make(const PolicySpec& spec, const Group&) {
  return std::make_unique<Made>(spec);
}

}  // namespace

constinit const PolicyType kSchedulePolicy = {.name = "schedule",
                                              .doc = "Other bounds for the size at certain times.",
                                              .keys = kScheduleKeys,
                                              .check = check_schedule,
                                              .make = make<Schedule>};
constinit const PolicyType kMaintenancePolicy = {.name = "maintenance",
                                                 .doc = "Times in which nothing is scaled.",
                                                 .keys = kMaintenanceKeys,
                                                 .check = check_windows,
                                                 .make = make<Maintenance>};

}  // namespace weir
