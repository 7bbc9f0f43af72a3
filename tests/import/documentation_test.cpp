// What docs/import.md shows is what import prints.
#include <gtest/gtest.h>

#include "tests/docs/documents.h"
#include "tests/import/support.h"

namespace weir {
namespace {

TEST(ImportPage, shows_what_each_of_its_files_becomes) {
  const std::string page = file_text(std::filesystem::path(WEIR_SOURCE_DIR) / "docs/import.md");
  int shown = 0;
  std::string input;
  std::string from;
  for (const docs::Block& block : docs::fenced_blocks("docs/import.md", page)) {
    if (block.language == "yaml" || block.language == "json") {
      input = block.text;
      from = block.language == "yaml" ? "hpa" : "asg";
    }
    if (block.language != "text") continue;
    const ImportResult result = import_text(from, input, from == "hpa" ? "web.yaml" : "cpu.json");
    ASSERT_TRUE(result.has_value()) << complaints(result.error());
    EXPECT_EQ(to_yaml(*result), block.text) << "line " << block.line;
    ++shown;
  }
  EXPECT_EQ(shown, 2);
}

}  // namespace
}  // namespace weir
