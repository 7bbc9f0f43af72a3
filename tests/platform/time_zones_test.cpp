#include "platform/time_zones.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* kDirectory = "/usr/share/zoneinfo";

TimePoint utc(int year, int month, int day, Duration time = 0h) {
  return std::chrono::sys_days{std::chrono::year{year} / month / day} + time;
}

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kDirectory)) {
    const std::string name = entry.path().lexically_relative(kDirectory).string();
    const bool other_kind = name.starts_with("posix") || name.starts_with("right/") || name.find('.') != std::string::npos;
    if (entry.is_regular_file() && !other_kind && name != "localtime" && name != "leapseconds" && name != "SECURITY" &&
        name != "Factory")
      names.push_back(name);
  }
  return names;
}

/// The C library's own reading of the zone files, for as long as it lives.
class CLibraryZone {
 public:
  explicit CLibraryZone(const std::string& name) { set((":" + name).c_str()); }
  ~CLibraryZone() { set("UTC0"); }
  CLibraryZone(const CLibraryZone&) = delete;
  CLibraryZone& operator=(const CLibraryZone&) = delete;

  [[nodiscard]] std::chrono::seconds offset_at(TimePoint at) const {
    const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
    std::tm fields{};
    (void)localtime_r(&seconds, &fields);
    return std::chrono::seconds{fields.tm_gmtoff};
  }

 private:
  static void set(const char* value) {
    (void)setenv("TZ", value, 1);
    tzset();
  }
};

TEST(TimeZones, agree_with_the_c_library_for_every_zone_from_1970_to_2100) {
  const std::vector<std::string> names = all_names();
  EXPECT_GT(names.size(), 300U);
  for (const std::string& name : names) {
    const auto zone = load_time_zone(name);
    ASSERT_TRUE(zone) << zone.error().message;
    const CLibraryZone expected(name);
    for (TimePoint at = utc(1970, 1, 1); at < utc(2101, 1, 1); at += 30 * 24h) {
      ASSERT_EQ(zone->offset_at(at), expected.offset_at(at)) << name << " " << format_time(at);
    }
    for (TimePoint at = zone->span_at(utc(1970, 1, 1)).end; at < utc(2101, 1, 1); at = zone->span_at(at).end) {
      ASSERT_EQ(zone->offset_at(at), expected.offset_at(at)) << name << " " << format_time(at);
      ASSERT_EQ(zone->offset_at(at - 1s), expected.offset_at(at - 1s)) << name << " " << format_time(at);
    }
  }
}

TEST(TimeZones, know_the_changes_of_this_year_and_of_the_last) {
  struct Case {
    const char* name;
    TimePoint inside;
    TimePoint begin;
    TimePoint end;
    Duration offset;
  };
  const Case cases[] = {
      {"Europe/Berlin", utc(2026, 7, 1), utc(2026, 3, 29, 1h), utc(2026, 10, 25, 1h), 2h},
      {"Europe/Berlin", utc(2100, 7, 1), utc(2100, 3, 28, 1h), utc(2100, 10, 31, 1h), 2h},
      {"America/New_York", utc(2026, 7, 1), utc(2026, 3, 8, 7h), utc(2026, 11, 1, 6h), -4h},
      {"America/New_York", utc(2038, 7, 1), utc(2038, 3, 14, 7h), utc(2038, 11, 7, 6h), -4h},
      {"Australia/Lord_Howe", utc(2026, 7, 1), utc(2026, 4, 4, 15h), utc(2026, 10, 3, 15h + 30min), 10h + 30min},
      {"Australia/Lord_Howe", utc(2099, 12, 31), utc(2099, 10, 3, 15h + 30min), utc(2100, 4, 3, 15h), 11h},
  };
  for (const Case& each : cases) {
    const auto zone = load_time_zone(each.name);
    ASSERT_TRUE(zone) << zone.error().message;
    EXPECT_EQ(zone->name(), each.name);
    const TimeZone::Span span = zone->span_at(each.inside);
    EXPECT_EQ(span.begin, each.begin) << each.name << " " << format_time(span.begin);
    EXPECT_EQ(span.end, each.end) << each.name << " " << format_time(span.end);
    EXPECT_EQ(span.offset, each.offset) << each.name;
  }
}

TEST(TimeZones, without_summer_time_have_one_span) {
  const auto seoul = load_time_zone("Asia/Seoul");
  ASSERT_TRUE(seoul) << seoul.error().message;
  EXPECT_EQ(seoul->span_at(utc(2026, 7, 1)).offset, 9h);
  EXPECT_EQ(seoul->span_at(utc(2026, 7, 1)).end, TimePoint::max());
}

TEST(TimeZones, an_unknown_name_is_answered_with_the_nearest) {
  const std::pair<const char*, const char*> cases[] = {
      {"Asia/Soul", "unknown time zone 'Asia/Soul'; did you mean Asia/Seoul?"},
      {"asia/seoul", "did you mean Asia/Seoul?"},
      {"Seoul", "did you mean Asia/Seoul?"},
      {"America/New York", "did you mean America/New_York?"},
      {"new york", "did you mean America/New_York?"},
      {"Europe/Berln", "did you mean Europe/Berlin?"},
      {"utc", "UTC"},
  };
  for (const auto& [name, answer] : cases) {
    const auto zone = load_time_zone(name);
    ASSERT_FALSE(zone) << name;
    EXPECT_EQ(zone.error().kind, ErrorKind::not_found);
    EXPECT_THAT(zone.error().message, HasSubstr(answer));
  }
}

TEST(TimeZones, a_name_is_never_a_path) {
  for (const std::string_view name :
       {"", ".", "..", "/", "../../etc/passwd", "/etc/passwd", "/usr/share/zoneinfo/Europe/Berlin", "Europe", "Europe/",
        "Europe/../Europe/Berlin", "./Europe/Berlin", "posix/Europe/Berlin", "right/Europe/Berlin", "tzdata.zi", "zone.tab",
        "leapseconds", "localtime", ":Europe/Berlin"}) {
    const auto zone = load_time_zone(name);
    ASSERT_FALSE(zone) << name;
    EXPECT_EQ(zone.error().kind, ErrorKind::not_found) << name;
  }
  EXPECT_FALSE(load_time_zone(std::string_view("UTC\0", 4)));
  const auto far = load_time_zone(std::string(100'000, 'x'));
  ASSERT_FALSE(far);
  EXPECT_THAT(far.error().message, HasSubstr("expected an IANA name such as Europe/Berlin or UTC"));
}

}  // namespace
}  // namespace weir
