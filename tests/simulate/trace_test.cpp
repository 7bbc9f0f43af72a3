#include "controller/simulate/trace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <clocale>
#include <fstream>

#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

TimePoint at(std::int64_t seconds) { return TimePoint{std::chrono::seconds{seconds}}; }

Trace parsed(const std::string& text, const TraceOptions& options = {}) {
  auto trace = parse_trace(text, "load", options);
  EXPECT_TRUE(trace) << trace.error().message;
  return trace ? *std::move(trace) : Trace{};
}

/// What is wrong with it, or nothing.
std::string complaint(const std::string& text, const TraceOptions& options = {}) {
  const auto trace = parse_trace(text, "load", options);
  if (trace) return "";
  EXPECT_EQ(trace.error().kind, ErrorKind::invalid);
  return trace.error().message;
}

TEST(ParseTrace, reads_times_and_loads) {
  const Trace trace = parsed("timestamp,requests_per_second\n100,1\n160,2.5\n220,0\n");
  EXPECT_EQ(trace.name, "load");
  EXPECT_THAT(trace.at, ElementsAre(at(100), at(160), at(220)));
  EXPECT_THAT(trace.load, ElementsAre(1, 2.5, 0));
  EXPECT_EQ(trace.step, 60s);
  EXPECT_THAT(trace.gaps, IsEmpty());
  EXPECT_THAT(trace.notes, IsEmpty());
}

TEST(ParseTrace, takes_the_forms_that_mean_the_same) {
  const Trace expected = parsed("timestamp,requests_per_second\n100,1\n160,2.5\n220,0\n");
  const std::string mark = "\xEF\xBB\xBF";
  for (const std::string& text : std::vector<std::string>{
           "timestamp,requests_per_second\n100,1\n160,2.5\n220,0",
           "timestamp,requests_per_second\r\n100,1\r\n160,2.5\r\n220,0\r\n",
           mark + "timestamp,requests_per_second\n100,1\n160,2.5\n220,0\n",
           "\n# recorded by hand\ntimestamp,x\n\n100,1\n  # and more\n160,2.5\n \t\n220,0\n\n",
           "100,1\n160,2.5\n220,0\n",
           mark + "100,1\n160,2.5\n220,0\n",
           "time,x\n100,1\n160,2.5\n220,0\n",
           "T,x\n100,1\n160,2.5\n220,0\n",
           "\"Time\",\"rate(x{a=\"\"b\"\", c=\"\"d\"\"}[5m])\"\n\"100\",\"1\"\n\"160\", \"2.5\"\n\"220\",\"0\"\n",
           " 100 ,\t1\n 160 , +2.5 \n220,-0\n",
           "timestamp,x\n1970-01-01T00:01:40Z,1\n1970-01-01T09:02:40+09:00,2.5\n1970-01-01T00:03:40.000Z,0e0\n",
           "1.0e2,1\n160.0,25e-1\n220,0\n",
       }) {
    const Trace trace = parsed(text);
    EXPECT_EQ(trace.at, expected.at) << text;
    EXPECT_EQ(trace.load, expected.load) << text;
  }
}

TEST(ParseTrace, keeps_fractions_of_seconds_to_the_millisecond) {
  EXPECT_THAT(parsed("804571200.25,1\n804571200.5004,1\n804571201,1\n").at,
              ElementsAre(at(804571200) + 250ms, at(804571200) + 500ms, at(804571201)));
}

TEST(ParseTrace, the_comma_of_a_locale_changes_nothing) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8"}) {
    if (std::setlocale(LC_ALL, name) != nullptr) break;  // where there is none the test is that of the plain locale
  }
  EXPECT_THAT(parsed("1,1.5\n2,2.5\n3,3.5\n").load, ElementsAre(1.5, 2.5, 3.5));
  std::setlocale(LC_ALL, before.c_str());
}

TEST(ParseTrace, a_missing_row_is_a_gap_and_is_not_filled_in) {
  const Trace trace = parsed("0,1\n60,2\n120,3\n300,4\n360,5\n420,6\n600,7\n");
  EXPECT_THAT(trace.at, SizeIs(7));
  EXPECT_EQ(trace.step, 60s);
  EXPECT_THAT(trace.gaps, ElementsAre(Pair(at(120), at(300)), Pair(at(420), at(600))));
  EXPECT_THAT(trace.notes,
              ElementsAre("2 gaps where nothing was recorded, the longest of 3m from 1970-01-01T00:02:00Z; the load is "
                          "drawn across and not judged there"));
}

TEST(ParseTrace, a_hole_of_one_and_a_half_steps_is_no_gap_yet) {
  EXPECT_THAT(parsed("0,1\n60,2\n120,3\n210,4\n270,5\n").gaps, IsEmpty());
  EXPECT_THAT(parsed("0,1\n60,2\n120,3\n210.001,4\n270.001,5\n").gaps, SizeIs(1));
}

TEST(ParseTrace, what_is_no_number_is_a_row_that_is_missing_and_counted) {
  const Trace trace = parsed("0,1\n60,NaN\n120,3\n180,inf\n240,5\n300,\n360,-Infinity\n420,7\n480,8\n540,9\n600,10\n");
  EXPECT_THAT(trace.load, ElementsAre(1, 3, 5, 7, 8, 9, 10));
  EXPECT_THAT(trace.gaps, ElementsAre(Pair(at(0), at(120)), Pair(at(120), at(240)), Pair(at(240), at(420))));
  EXPECT_THAT(trace.notes, testing::Contains("4 rows without a number (NaN, infinite or empty): taken for missing"));
}

TEST(ParseTrace, takes_the_column_it_is_told) {
  const std::string text = "timestamp,web,api\n0,1,10\n60,2,20\n120,3,30\n";
  EXPECT_THAT(parsed(text, {.column = "api"}).load, ElementsAre(10, 20, 30));
  EXPECT_THAT(parsed(text, {.column = "web"}).load, ElementsAre(1, 2, 3));
  EXPECT_THAT(parsed("t,web\n0,1\n60,2\n120,3\n", {.column = "web"}).load, ElementsAre(1, 2, 3));
}

TEST(ParseTrace, the_step_is_the_median_distance) {
  EXPECT_EQ(parsed("0,1\n10,1\n20,1\n1000,1\n").step, 10s);
  EXPECT_EQ(parsed("0,1\n10,1\n30,1\n").step, 10s) << "of two the lower";
  EXPECT_EQ(parsed("0,1\n30,1\n90,1\n100,1\n").step, 30s);
  EXPECT_EQ(parsed("0,1\n0.001,1\n0.002,1\n").step, 1ms);
}

TEST(ParseTrace, says_what_is_wrong_and_where) {
  struct Case {
    std::string text;
    std::string expected;
    std::string column = {};
  };
  const std::string head = "timestamp,rps\n";
  const Case cases[] = {
      {"", "load: no samples; expected three or more lines of time,load"},
      {head, "load: no samples; expected three or more lines of time,load"},
      {head + "0,1\n60,2\n120,NaN\n", "load: only 2 samples; expected three or more lines of time,load"},
      {head + "120,1\n60,2\n180,3\n",
       "load:3: the time 1970-01-01T00:01:00Z is before 1970-01-01T00:02:00Z of line 2; expected rows in order of time"},
      {head + "0,1\n# between\n60,nan\n30,3\n",
       "load:5: the time 1970-01-01T00:00:30Z is before 1970-01-01T00:01:00Z of line 4; expected rows in order of time"},
      {head + "60,1\n\n60,1\n", "load:4: the time 1970-01-01T00:01:00Z is that of line 2 too; expected each once"},
      {head + "0,1\n60,-0.5\n120,1\n", "load:3: the load -0.5 is negative; expected 0 or more"},
      {head + "0,1\n60,1,2\n", "load:3: 3 cells; expected 2: 60,1,2"},
      {head + "0,1\n60\n", "load:3: 1 cell; expected 2: 60"},
      {head + "0,1\n60,many\n", "load:3: the load 'many' is not a number: 60,many"},
      {head + "0,1\n60,1e999\n", "load:3: the load '1e999' is not a number: 60,1e999"},
      {head + "yesterday,1\n",
       "load:2: the time 'yesterday' is not unix seconds or RFC 3339 (2026-03-01T09:30:00Z) in the years 0 to 9999: yesterday,1"},
      {head + "1397088240000,1\n",
       "load:2: the time '1397088240000' is not unix seconds or RFC 3339 (2026-03-01T09:30:00Z) in the years "
       "0 to 9999: 1397088240000,1"},
      {head + "nan,1\n",
       "load:2: the time 'nan' is not unix seconds or RFC 3339 (2026-03-01T09:30:00Z) in the years 0 to 9999: nan,1"},
      {"2014-04-10 00:04:00,1\n",
       "load:1: expected a header like timestamp,requests_per_second (or time, or t, as its first name), or a first row whose time "
       "is unix "
       "seconds or RFC 3339 (2026-03-01T09:30:00Z): 2014-04-10 00:04:00,1"},
      {"timestamp;rps\n1;2\n",
       "load:1: expected a header like timestamp,requests_per_second (or time, or t, as its first name), or a first row whose time "
       "is unix "
       "seconds or RFC 3339 (2026-03-01T09:30:00Z): timestamp;rps"},
      {"timestamp\n1\n", "load:1: expected a second column, the load: timestamp"},
      {"timestamp,web,api\n0,1,2\n", "load:1: more than one column beside the time; choose one of web, api: timestamp,web,api"},
      {"timestamp,web,api\n0,1,2\n", "load:1: no column 'db'; there are web, api: timestamp,web,api", "db"},
      {"timestamp,web,web\n0,1,2\n", "load:1: two columns 'web'; expected names that differ: timestamp,web,web", "web"},
      {"0,1,2\n", "load:1: 3 columns and no header that names them; expected time,load"},
      {"0,1\n", "load:1: no header, so there is no column 'web'", "web"},
      {std::string("\x1f\x8b\x08\x00\x00rubbish,\n", 14),
       "load:1: not text (byte 0x1f): binary, compressed or UTF-16? Expected CSV in UTF-8"},
      {std::string("\xff\xfet\0,\0r\0\n\0", 10),
       "load:1: not text (byte 0x00): binary, compressed or UTF-16? Expected CSV in UTF-8"},
  };
  for (const Case& each : cases) EXPECT_EQ(complaint(each.text, {.column = each.column}), each.expected) << each.text;
}

TEST(ParseTrace, a_line_may_have_4096_bytes_and_no_more) {
  const auto with_line = [](std::size_t length, const std::string& end) {
    return "0,1" + end + "60," + std::string(length - 4, ' ') + "2" + end + "120,3" + end;
  };
  for (const std::string end : {"\n", "\r\n"}) {
    EXPECT_EQ(complaint(with_line(4096, end)), "");
    EXPECT_THAT(complaint(with_line(4097, end)), testing::StartsWith("load:2: longer than 4096 bytes: 60,  "));
  }
  EXPECT_EQ(complaint("0,1\n60,2\n120," + std::string(4091, ' ') + "3"), "");
  EXPECT_THAT(complaint("\xEF\xBB\xBF#" + std::string(4093, '#') + "\n0,1\n60,2\n120,3\n"), HasSubstr("load:1: longer"));
  EXPECT_THAT(complaint("0,1\n60,2\n" + std::string(5'000'000, '#')), HasSubstr("load:3: longer than 4096 bytes"));
}

TEST(ParseTrace, more_rows_than_allowed_are_refused) {
  EXPECT_EQ(complaint("0,1\n60,2\n120,3\n", {.most_rows = 3}), "");
  EXPECT_EQ(complaint("0,1\n60,2\n120,3\n180,4\n", {.most_rows = 3}), "load:4: more than 3 rows; cut the file");
}

TEST(ParseTrace, many_columns_are_named_in_part) {
  std::string header = "timestamp";
  for (int column = 0; column < 100; ++column) header += fmt::format(",c{}", column);
  EXPECT_THAT(complaint(header + "\n"), HasSubstr("c18, c19 and 80 more"));
}

class ReadTrace : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name), std::ios::binary) << text;
    return file(name);
  }
  std::filesystem::path file(const std::string& name) const { return directory_.path() / name; }
  static std::string message(const Result<Trace>& trace) { return trace ? "" : trace.error().message; }

 private:
  TempDirectory directory_;
};

TEST_F(ReadTrace, reads_what_parse_reads_however_the_pieces_fall) {
  std::string text = "timestamp,requests_per_second\r\n";
  for (int row = 0; row < 100'000; ++row) text += fmt::format("{},{}\r\n", 804571200 + row * 60, (row * 37 % 1000) / 8.0);
  const auto read = read_trace(write("long.csv", text));
  ASSERT_TRUE(read) << read.error().message;
  const Trace expected = parsed(text);
  EXPECT_EQ(read->name, "long");
  EXPECT_EQ(read->at, expected.at);
  EXPECT_EQ(read->load, expected.load);
}

TEST_F(ReadTrace, errors_name_the_file_and_the_line) {
  const std::filesystem::path path = write("bad.csv", "0,1\n60,-1\n");
  EXPECT_EQ(message(read_trace(path)), fmt::format("{}:2: the load -1 is negative; expected 0 or more", path.string()));
}

TEST_F(ReadTrace, refuses_what_is_no_file_of_reasonable_size) {
  EXPECT_THAT(message(read_trace(file("absent.csv"))), HasSubstr("No such file"));
  EXPECT_EQ(read_trace(file("absent.csv")).error().kind, ErrorKind::not_found);
  EXPECT_THAT(message(read_trace(file(""))), HasSubstr("is a directory"));
  EXPECT_THAT(message(read_trace("/dev/zero")), HasSubstr("is not a regular file"));
  ASSERT_EQ(::mkfifo(file("pipe").c_str(), 0600), 0);
  EXPECT_THAT(message(read_trace(file("pipe"))), HasSubstr("is not a regular file"));
  EXPECT_THAT(message(read_trace(write("empty.csv", ""))), HasSubstr("is empty"));
  std::filesystem::resize_file(write("huge.csv", "0,1\n"), 3'000'000'000);
  EXPECT_THAT(message(read_trace(file("huge.csv"))), HasSubstr("has 3000000000 bytes; 2147483648 are the most"));
  std::filesystem::resize_file(write("hole.csv", "0,1\n60,1\n120,1\n"), 1'000'000);
  EXPECT_THAT(message(read_trace(file("hole.csv"))), HasSubstr("hole.csv:4: not text")) << "zeroes without an end of line";
}

struct Recording {
  std::string file;
  std::size_t rows;
  Duration step;
  std::size_t gaps;
};
class Recorded : public testing::TestWithParam<Recording> {};

TEST_P(Recorded, is_read_as_it_is) {
  const auto trace = read_trace(std::filesystem::path(WEIR_SOURCE_DIR) / "tests/data/traces" / GetParam().file);
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->at.size(), GetParam().rows);
  EXPECT_EQ(trace->load.size(), GetParam().rows);
  EXPECT_EQ(trace->step, GetParam().step);
  EXPECT_EQ(trace->gaps.size(), GetParam().gaps);
}

INSTANTIATE_TEST_SUITE_P(All, Recorded,
                         testing::Values(Recording{"nasa_http_1995-07-13.csv", 1478, 60s, 1},
                                         Recording{"ms_mongo01_2018-04-26.csv", 1440, 60s, 0},
                                         Recording{"aws_elb_2014.csv", 4032, 5min, 8}),
                         [](const auto& test) { return test.param.file.substr(0, test.param.file.find('_')); });

TEST(CutTrace, takes_the_range_with_both_its_ends) {
  const Trace trace = parsed("0,1\n60,2\n120,3\n300,4\n360,5\n420,6\n480,7\n");
  const auto part = cut(trace, at(60), at(420));
  ASSERT_TRUE(part) << part.error().message;
  EXPECT_THAT(part->at, ElementsAre(at(60), at(120), at(300), at(360), at(420)));
  EXPECT_THAT(part->load, ElementsAre(2, 3, 4, 5, 6));
  EXPECT_THAT(part->gaps, SizeIs(1));
  EXPECT_EQ(part->step, 60s);
  EXPECT_THAT(cut(trace, at(121), at(480))->gaps, IsEmpty()) << "a gap of which one end was cut off";
  EXPECT_EQ(cut(trace, std::nullopt, std::nullopt)->at, trace.at);
  EXPECT_EQ(cut(trace, at(-1000), at(1000))->at, trace.at);
  EXPECT_THAT(cut(trace, at(300), std::nullopt)->at, SizeIs(4));
}

TEST(CutTrace, refuses_a_reversed_range_and_one_without_samples) {
  const Trace trace = parsed("0,1\n60,2\n120,3\n180,4\n");
  EXPECT_EQ(cut(trace, at(120), at(60)).error().message,
            "the range from 1970-01-01T00:02:00.000Z to 1970-01-01T00:01:00.000Z is reversed; expected the earlier time first");
  EXPECT_THAT(
      cut(trace, at(60), at(120)).error().message,
      AllOf(HasSubstr("has 2 samples in the range"), HasSubstr("covers 1970-01-01T00:00:00.000Z to 1970-01-01T00:03:00.000Z")));
  EXPECT_THAT(cut(trace, at(600), std::nullopt).error().message, HasSubstr("has 0 samples"));
  EXPECT_THAT(cut(trace, at(61), at(119)).error().message, HasSubstr("has 0 samples"));
}

TEST(LoadCursor, draws_a_line_between_the_samples) {
  const Trace trace = parsed("0,10\n60,20\n120,0\n");
  LoadCursor cursor(trace);
  const std::pair<Duration, double> expected[] = {{0s, 10}, {30s, 15}, {60s, 20}, {90s, 10}, {105s, 5}, {120s, 0}};
  for (const auto& [time, load] : expected) {
    EXPECT_DOUBLE_EQ(cursor.at(TimePoint{time}).value, load) << format_duration(time);
    EXPECT_FALSE(cursor.at(TimePoint{time}).in_gap) << format_duration(time);
  }
}

TEST(LoadCursor, says_where_nothing_was_recorded) {
  const Trace trace = parsed("0,10\n60,20\n120,30\n420,90\n480,90\n");
  LoadCursor cursor(trace);
  struct Case {
    Duration time;
    double value;
    bool in_gap;
  };
  const Case cases[] = {{-1ms, 10, true},   {0s, 10, false},   {120s, 30, false}, {121s, 30.2, true}, {270s, 60, true},
                        {419s, 89.8, true}, {420s, 90, false}, {480s, 90, false}, {540s, 90, false},  {541s, 90, true}};
  for (const Case& each : cases) {
    EXPECT_NEAR(cursor.at(TimePoint{each.time}).value, each.value, 1e-9) << format_duration(each.time);
    EXPECT_EQ(cursor.at(TimePoint{each.time}).in_gap, each.in_gap) << format_duration(each.time);
  }
}

TEST(LoadCursor, a_clock_set_back_is_followed) {
  const Trace trace = parsed("0,0\n10,10\n20,0\n30,30\n40,0\n");
  LoadCursor cursor(trace);
  const std::pair<int, double> expected[] = {{35, 15}, {5, 5}, {0, 0}, {39, 3}, {10, 10}, {9, 9}, {40, 0}, {25, 15}};
  for (const auto& [second, load] : expected) EXPECT_DOUBLE_EQ(cursor.at(at(second)).value, load) << second;
}

}  // namespace
}  // namespace weir
