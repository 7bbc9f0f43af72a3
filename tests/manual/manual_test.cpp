// What is made of the table of commands for people to read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/manual/manual.h"
#include "controller/manual/roff.h"
#include "controller/manual/words.h"
#include "tests/manual/made_up.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Words, a_synopsis_has_what_must_be_given) {
  const DescribedCommand program = made_up_program();
  EXPECT_EQ(synopsis_of(program.commands[0], "weir run"), "weir run [OPTION ...]");
  EXPECT_EQ(synopsis_of(program.commands[2], "weir import"), "weir import hpa|asg FILE [OPTION ...]");
  EXPECT_EQ(synopsis_of(program.commands[3], "weir test"), "weir test FILE ... [OPTION ...]");
  EXPECT_EQ(synopsis_of(program.commands[4].commands[0], "weir deploy start"), "weir deploy start --group GROUP [OPTION ...]");
}

TEST(Words, a_label_has_all_names_and_the_choices) {
  const DescribedCommand run = made_up_program().commands[0];
  EXPECT_EQ(label_of(run.options[0]), "-h, --help");
  EXPECT_EQ(label_of(run.options[1]), "-c, --config FILE");
  EXPECT_EQ(label_of(run.options[2]), "--format text|json");
}

TEST(Roff, nothing_in_a_text_is_a_request) {
  EXPECT_EQ(roff(".a\n'b\nc.d"), "\\&.a\n\\&'b\nc.d");
  EXPECT_EQ(roff("a\\b --c `d`"), "a\\eb \\-\\-c \\fBd\\fR");
}

TEST(ManPage, has_every_command_with_its_options) {
  const std::string page = command_man_page(made_up_program(), "1.2");
  EXPECT_THAT(page, testing::StartsWith(".TH WEIR 1 \"\" \"weir 1.2\""));
  for (const char* command : {"weir run", "weir plan", "weir import", "weir test", "weir deploy start", "weir deploy plan"}) {
    EXPECT_THAT(page, HasSubstr(std::string(".SS ") + command + "\n"));
  }
  EXPECT_THAT(page, AllOf(HasSubstr("\\-c, \\-\\-config FILE"), HasSubstr("Where it's written. Default: \\fB/etc/x\\fR.")));
  EXPECT_THAT(page, HasSubstr("Which [one]: by name. Required."));
}

TEST(Markdown, has_every_command_with_its_options) {
  const std::string page = command_markdown(made_up_program());
  EXPECT_THAT(page, AllOf(HasSubstr("\n## weir deploy start\n\nBegin.\n\n```\nweir deploy start --group GROUP [OPTION ...]\n```\n"),
                          HasSubstr("| `--group GROUP` | Which [one]: by name. Required. |\n")));
  EXPECT_THAT(page, HasSubstr("| `--format text\\|json` | How it looks. |"));
}

}  // namespace
}  // namespace weir
