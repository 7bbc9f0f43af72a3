#include "platform/followed_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FollowedFileTest : public ::testing::Test {
 protected:
  std::vector<std::string> lines() {
    std::vector<std::string> found;
    const Result<void> read = file_.read([&](std::string_view line) { found.emplace_back(line); });
    EXPECT_TRUE(read) << read.error().message;
    return found;
  }
  void append(const std::string& text) const { std::ofstream(path_, std::ios::app) << text; }

  TempDirectory directory_;
  const std::filesystem::path path_ = directory_.path() / "access.log";
  FollowedFile file_{path_};
};

TEST_F(FollowedFileTest, begins_at_the_end_and_gives_what_is_appended_line_by_line) {
  append("old\n");
  EXPECT_THAT(lines(), IsEmpty());
  append("one\ntwo\nthr");
  EXPECT_THAT(lines(), ElementsAre("one", "two"));
  append("ee\n");
  EXPECT_THAT(lines(), ElementsAre("three"));
  EXPECT_THAT(lines(), IsEmpty());
}

TEST_F(FollowedFileTest, a_file_that_was_not_there_is_read_from_its_beginning) {
  const Result<void> read = file_.read({});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::not_found);
  append("one\n");
  EXPECT_THAT(lines(), ElementsAre("one"));
}

TEST_F(FollowedFileTest, rotation_by_renaming_loses_no_line) {
  append("old\n");
  EXPECT_THAT(lines(), IsEmpty());
  append("one\n");
  std::filesystem::rename(path_, directory_.path() / "access.log.1");
  std::ofstream(directory_.path() / "access.log.1", std::ios::app) << "two\n";
  EXPECT_THAT(lines(), ElementsAre("one", "two")) << "the new file is not there yet";
  append("three\n");
  EXPECT_THAT(lines(), ElementsAre("three"));
}

TEST_F(FollowedFileTest, what_the_renamed_file_got_comes_before_the_new_one) {
  append("old\n");
  EXPECT_THAT(lines(), IsEmpty());
  append("one\n");
  std::filesystem::rename(path_, directory_.path() / "access.log.1");
  append("two\n");
  EXPECT_THAT(lines(), ElementsAre("one", "two"));
}

TEST_F(FollowedFileTest, a_truncated_file_is_read_from_its_new_beginning) {
  append("a rather long old line\n");
  EXPECT_THAT(lines(), IsEmpty());
  std::ofstream(path_, std::ios::trunc) << "one\n";
  EXPECT_THAT(lines(), ElementsAre("one"));
}

TEST_F(FollowedFileTest, lines_passed_over_do_not_come_back) {
  append("old\n");
  EXPECT_THAT(lines(), IsEmpty());
  append("one\nhalf of tw");
  ASSERT_TRUE(file_.read({}));
  append("o\nthree\n");
  EXPECT_THAT(lines(), ElementsAre("o", "three"));
}

TEST_F(FollowedFileTest, a_line_without_end_does_not_grow_for_ever) {
  append("");
  EXPECT_THAT(lines(), IsEmpty());
  for (int i = 0; i < 10; ++i) {
    append(std::string(100'000, 'x'));
    EXPECT_THAT(lines(), IsEmpty());
  }
  append("end\n");
  const auto found = lines();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_LE(found[0].size(), 200'000);
  EXPECT_TRUE(found[0].ends_with("xend"));
}

TEST_F(FollowedFileTest, a_pipe_or_a_directory_is_refused_and_not_waited_for) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(file_.read({}).error().kind, ErrorKind::invalid);
  EXPECT_EQ(FollowedFile(directory_.path()).read({}).error().kind, ErrorKind::invalid);
}

}  // namespace
}  // namespace weir
