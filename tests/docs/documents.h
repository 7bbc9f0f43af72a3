#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace weir::docs {

/// A text that stands in the documentation: a fenced block, or a whole file.
struct Block {
  std::string file;      ///< from the root of the project
  std::size_t line = 0;  ///< of its first line of text
  std::string language;  ///< as the fence names it: yaml, sh
  std::string text;
  std::string name = {};  ///< of the file that a reader saves it as, where the fence says so: yaml weir.yaml
};

/// A link to a file of the project, as written.
struct Link {
  std::string file;
  std::size_t line = 0;
  std::string target;       ///< empty: the same page
  std::string anchor = {};  ///< behind the #
};

/// The fenced blocks of a Markdown text.
[[nodiscard]] std::vector<Block> fenced_blocks(const std::string& file, const std::string& markdown);

/// The links that do not lead elsewhere.
[[nodiscard]] std::vector<Link> local_links(const std::string& file, const std::string& markdown);

/// What links to the headings of a Markdown text call them, as GitHub makes it: "Two versions at once" is two-versions-at-once.
[[nodiscard]] std::vector<std::string> anchors(const std::string& markdown);

/// Every *.md of the project, from its root: README.md, docs/tutorial.md, …
[[nodiscard]] std::vector<std::string> markdown_files(const std::filesystem::path& root);

/// What is shown as a configuration of weir: each yaml block with `groups:` in it, and each such *.yaml below examples/ and
/// packaging/.
[[nodiscard]] std::vector<Block> shown_configurations(const std::filesystem::path& root);

[[nodiscard]] std::string read_text(const std::filesystem::path& path);

}  // namespace weir::docs
