#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace weir::structure {

/// One `#include` line.
struct Include {
  std::string path;
  bool quoted = false;  ///< "…", not <…>
  std::size_t line = 0;
};

/// One source file, three ways: as it stands, and without what is not code.
struct SourceFile {
  std::string path;                ///< from the root of the project: model/error.h
  std::vector<std::string> lines;  ///< as written
  std::vector<std::string> code;   ///< the same lines with comments blanked and literals emptied
  std::vector<Include> includes;
};

/// Takes text apart. Knows comments, string, character and raw string literals.
[[nodiscard]] SourceFile parse_source(std::string path, const std::string& text);

/// All *.h and *.cpp below `root`, sorted by path, without build/ and hidden folders.
[[nodiscard]] std::vector<SourceFile> read_source_tree(const std::filesystem::path& root);

}  // namespace weir::structure
