#include "platform/posix_time_zone.h"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

std::string text_of(const PosixTimeZone& zone, int year) {
  std::string text = std::to_string(zone.offset.count());
  if (!zone.summer) return text;
  for (const TimeZone::Transition& change : changes_of(zone, *zone.summer, std::chrono::year{year})) {
    text += " " + format_time(change.from).substr(0, 16) + "=" + std::to_string(change.offset.count());
  }
  return text;
}

TEST(PosixTimeZone, reads_the_forms_that_zone_files_end_in) {
  struct Case {
    std::string_view text;
    int year;
    std::string_view means;
  };
  const Case cases[] = {
      {"UTC0", 2050, "0"},
      {"KST-9", 2050, "32400"},
      {"<-03>3", 2050, "-10800"},
      {"<+0545>-5:45", 2050, "20700"},
      {"MMT-0:44:30", 2050, "2670"},
      {"CET-1CEST,M3.5.0,M10.5.0/3", 2050, "3600 2050-03-27T01:00=7200 2050-10-30T01:00=3600"},
      {"EST5EDT,M3.2.0,M11.1.0", 2099, "-18000 2099-03-08T07:00=-14400 2099-11-01T06:00=-18000"},
      {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 2040, "37800 2040-10-06T15:30=39600 2040-03-31T15:00=37800"},
      {"IST-1GMT0,M10.5.0,M3.5.0/1", 2040, "3600 2040-10-28T01:00=0 2040-03-25T01:00=3600"},
      {"EET-2EEST,M3.4.4/50,M10.4.4/50", 2040, "7200 2040-03-24T00:00=10800 2040-10-26T23:00=7200"},
      {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 2040, "-7200 2040-03-25T01:00=-3600 2040-10-28T01:00=-7200"},
      {"AAA0BBB,J59/0,J60/0", 2028, "0 2028-02-28T00:00=3600 2028-02-29T23:00=0"},
      {"AAA0BBB,J60/0,J365/0", 2027, "0 2027-03-01T00:00=3600 2027-12-30T23:00=0"},
      {"AAA0BBB,59/0,365/0", 2028, "0 2028-02-29T00:00=3600 2028-12-30T23:00=0"},
      {"AAA0BBB-1:30:15,M1.1.0/+1:02:03,M12.5.6", 2028, "0 2028-01-02T01:02=5415 2028-12-30T00:29=0"},
  };
  for (const Case& each : cases) {
    const auto zone = parse_posix_time_zone(each.text);
    ASSERT_TRUE(zone) << zone.error().message;
    EXPECT_EQ(text_of(*zone, each.year), each.means) << each.text;
  }
}

TEST(PosixTimeZone, refuses_what_is_not_one) {
  for (const std::string_view text :
       {"", "UTC", "U0", "<UTC0", "UTC25", "UTC0 ", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0/3,",
        "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J1", "CET-1CEST,J1,366",
        "CET-1CEST,M3.5.0/168,M10.5.0", "CET-1:60CEST,M3.5.0,M10.5.0", "CET-1CEST,M3.5.0/,M10.5.0", "/etc/passwd",
        "CET-9999999999999"}) {
    const auto zone = parse_posix_time_zone(text);
    ASSERT_FALSE(zone) << text;
    EXPECT_EQ(zone.error().kind, ErrorKind::invalid);
    EXPECT_EQ(zone.error().message,
              "expected a POSIX time zone such as CET-1CEST,M3.5.0,M10.5.0/3, found '" + std::string(text) + "'");
  }
}

}  // namespace
}  // namespace weir
