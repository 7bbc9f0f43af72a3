#include "providers/vultr/instance.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "model/text.h"

namespace weir {
namespace {

using nlohmann::json;

/// Hours of a month after which an instance costs nothing more in it. The price by the hour follows from it; the `hourly_cost` of
/// the API is the month's price over 730 and promises too little.
constexpr double kPaidHoursOfMonth = 672;

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

bool contains_any(std::string_view text, std::initializer_list<std::string_view> parts) {
  const std::string small = lower(text);
  return std::ranges::any_of(parts, [&](std::string_view part) { return small.find(part) != std::string::npos; });
}

std::unexpected<Error> unreadable(std::string_view what) {
  return failure(ErrorKind::unavailable, fmt::format("an answer that is none: {}", what));
}

/// Nothing if the value is not an instance as documented.
std::optional<VultrInstance> instance_from(const json& value) {
  if (!value.is_object()) return std::nullopt;
  VultrInstance instance{.id = text_of(value, "id"),
                         .plan = text_of(value, "plan"),
                         .region = text_of(value, "region"),
                         .status = text_of(value, "status"),
                         .power_status = text_of(value, "power_status"),
                         .server_status = text_of(value, "server_status"),
                         .main_ip = text_of(value, "main_ip"),
                         .internal_ip = text_of(value, "internal_ip"),
                         .created_at = {},
                         .tags = {}};
  const auto created = parse_vultr_time(text_of(value, "date_created"));
  const auto tags = value.find("tags");
  // Without its tags an instance of ours would look like somebody else's.
  const bool whole = !instance.id.empty() && !instance.status.empty() && created && tags != value.end() && tags->is_array();
  if (!whole) return std::nullopt;
  instance.created_at = *created;
  for (const json& tag : *tags) {
    if (!tag.is_string()) return std::nullopt;
    instance.tags.push_back(tag.get<std::string>());
  }
  return instance;
}

/// `meta.links.next`; nothing if there is no `meta` as documented.
std::optional<std::string> next_cursor(const json& answer) {
  const auto meta = answer.find("meta");
  if (meta == answer.end() || !meta->is_object()) return std::nullopt;
  const auto links = meta->find("links");
  if (links == meta->end() || !links->is_object()) return std::nullopt;
  const auto next = links->find("next");
  if (next == links->end() || !next->is_string()) return std::nullopt;
  return next->get<std::string>();
}

std::optional<double> number_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? std::optional(found->get<double>()) : std::nullopt;
}

std::optional<VultrPlan> plan_from(const json& value) {
  if (!value.is_object()) return std::nullopt;
  const auto monthly = number_of(value, "monthly_cost");
  VultrPlan plan{.id = text_of(value, "id")};
  if (plan.id.empty() || !monthly) return std::nullopt;
  plan.per_hour = *monthly / kPaidHoursOfMonth;
  const auto places = value.find("location_cost");
  if (places == value.end() || !places->is_object()) return plan;
  for (const auto& [region, cost] : places->items()) {
    const auto there = cost.is_object() ? number_of(cost, "monthly_cost") : std::nullopt;
    if (there) plan.per_hour_in.emplace_back(region, *there / kPaidHoursOfMonth);
  }
  return plan;
}

}  // namespace

std::string VultrInstance::tag(std::string_view name) const {
  const auto found = std::ranges::find_if(tags, [name](const std::string& tag) { return tag.starts_with(name); });
  return found == tags.end() ? std::string() : found->substr(name.size());
}

Result<VultrPage> read_instance_page(const std::string& body) {
  const json answer = json::parse(body, nullptr, false);
  if (!answer.is_object()) return unreadable("not a JSON object");
  const auto instances = answer.find("instances");
  const auto next = next_cursor(answer);
  if (instances == answer.end() || !instances->is_array() || !next) return unreadable("a list without instances or meta");
  const auto total = answer["meta"].find("total");
  if (total == answer["meta"].end() || !total->is_number_unsigned()) return unreadable("a list without its total");
  VultrPage page{.instances = {}, .total = total->get<std::size_t>(), .next = *next};
  for (const json& value : *instances) {
    auto instance = instance_from(value);
    if (!instance) return unreadable("a list with an instance that lacks id, status, date_created or tags");
    page.instances.push_back(*std::move(instance));
  }
  return page;
}

Result<VultrInstance> read_one_instance(const std::string& body) {
  const json answer = json::parse(body, nullptr, false);
  if (!answer.is_object() || !answer.contains("instance")) return unreadable("no instance in it");
  auto instance = instance_from(answer["instance"]);
  if (!instance) return unreadable("an instance that lacks id, status, date_created or tags");
  return *std::move(instance);
}

Result<std::pair<std::vector<VultrPlan>, std::string>> read_plan_page(const std::string& body) {
  const json answer = json::parse(body, nullptr, false);
  if (!answer.is_object()) return unreadable("not a JSON object");
  const auto plans = answer.find("plans");
  const auto next = next_cursor(answer);
  if (plans == answer.end() || !plans->is_array() || !next) return unreadable("a list without plans or meta");
  std::vector<VultrPlan> result;
  for (const json& value : *plans) {
    if (auto plan = plan_from(value)) result.push_back(*std::move(plan));
  }
  return std::pair(std::move(result), *next);
}

std::string error_text(const HttpResponse& response) {
  const json answer = json::parse(response.body, nullptr, false);
  constexpr std::size_t kLongest = 300;
  return answer.is_object() ? quoted_line(text_of(answer, "error"), kLongest) : std::string();
}

bool says_no_capacity(std::string_view error) {
  return contains_any(error, {"maximum number of", "fee limit", "not available in the selected", "more capacity", "out of stock",
                              "sold out", "not enough capacity", "limit increase", "limit raised"});
}

bool says_locked(std::string_view error) { return contains_any(error, {"locked"}); }

bool says_gone_or_going(int status, std::string_view error) {
  if (status == 404 || status == 410) return true;
  return contains_any(error, {"pending destruction", "instance not found", "invalid instance id"});
}

std::optional<TimePoint> parse_vultr_time(const std::string& text) {
  std::array<int, 8> at{};
  char sign = '+';
  int used = 0;
  // NOLINTNEXTLINE(cert-err34-c): the number of fields read, the sign and the ranges below are the check
  const int fields = std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n%c%2d:%2d", &at[0], &at[1], &at[2], &at[3], &at[4], &at[5],
                                 &used, &sign, &at[6], &at[7]);
  const bool utc = fields == 7 && sign == 'Z';
  if (!utc && (fields != 9 || (sign != '+' && sign != '-'))) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(at[0]), std::chrono::month(static_cast<unsigned>(at[1])),
                                         std::chrono::day(static_cast<unsigned>(at[2]))};
  const bool in_range = date.ok() && at[3] >= 0 && at[3] < 24 && at[4] >= 0 && at[4] < 60 && at[5] >= 0 && at[5] <= 60;
  if (!in_range) return std::nullopt;
  const auto offset = std::chrono::hours(at[6]) + std::chrono::minutes(at[7]);
  const auto local =
      std::chrono::sys_days(date) + std::chrono::hours(at[3]) + std::chrono::minutes(at[4]) + std::chrono::seconds(at[5]);
  return TimePoint(local - (sign == '-' ? -offset : offset));
}

}  // namespace weir
