#include "receivers/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/text.h"
#include "tests/receivers/support.h"

namespace weir {
namespace {

using testing::ElementsAre;

TEST(MessageText, one_event_is_its_own_heading) {
  EXPECT_EQ(heading_of(message_of({scaled_out()})), "[info] app: scaled out from 2 to 4: votes: cpu-high wants 4");
}

TEST(MessageText, an_end_tells_how_long_it_lasted) {
  EXPECT_EQ(heading_of(message_of({at_max(Event::Stage::ended)})),
            "[over] app: over after 5m: at max 6, and 9 are wanted: cpu-high: 91 > 70 & <!channel> *bold* é");
}

TEST(MessageText, several_are_counted_under_the_gravest) {
  EXPECT_EQ(heading_of(message_of({scaled_out(), at_max()}, 3)), "[critical] app: 5 events");
  Event other = scaled_out();
  other.group = "web";
  EXPECT_EQ(heading_of(message_of({scaled_out(), other})), "[info] 2 events");
  EXPECT_EQ(heading_of(message_of({at_max(Event::Stage::ended), at_max(Event::Stage::ended)})), "[over] app: 2 events");
  EXPECT_THAT(lines_of(message_of({scaled_out()}, 3)), ElementsAre("[info] app: scaled out from 2 to 4: votes: cpu-high wants 4",
                                                                   "and 3 more: see the log of weir, or `weir history`"));
}

TEST(MessageText, is_cut_between_characters) {
  EXPECT_EQ(shortened("short", 5), "short");
  for (std::size_t most = 0; most < 12; ++most) {
    const std::string text = shortened("ééééééé", most);
    EXPECT_LE(text.size(), most);
    EXPECT_TRUE(is_utf8(text)) << most;
  }
  EXPECT_EQ(shortened("abcdefghij", 8), "abcde…");
}

}  // namespace
}  // namespace weir
