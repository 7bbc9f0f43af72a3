#include "tests/structure/source_tree.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>

namespace weir::structure {
namespace {

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void blank(std::string& text, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < std::min(to, text.size()); ++i) {
    if (text[i] != '\n') text[i] = ' ';
  }
}

std::size_t end_of(const std::string& text, std::string_view closing, std::size_t from) {
  const std::size_t found = text.find(closing, from);
  return found == std::string::npos ? text.size() : found + closing.size();
}

/// End of a literal that begins at `from` with its quote; a backslash hides the next character.
std::size_t end_of_literal(const std::string& text, std::size_t from) {
  const char quote = text[from];
  std::size_t i = from + 1;
  while (i < text.size() && text[i] != quote && text[i] != '\n') i += text[i] == '\\' ? 2U : 1U;
  return std::min(i + 1, text.size());
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// End of the comment or literal that begins at `i`, or `i` if none does.
std::size_t end_of_noncode(const std::string& text, std::size_t i) {
  const std::string_view rest = std::string_view(text).substr(i);
  const bool after_word = i > 0 && is_word(text[i - 1]);
  if (rest.starts_with("//")) return std::min(text.find('\n', i), text.size());
  if (rest.starts_with("/*")) return end_of(text, "*/", i + 2);
  if (rest.starts_with("R\"") && !after_word) {
    const std::size_t open = text.find('(', i);
    if (open != std::string::npos) return end_of(text, ")" + text.substr(i + 2, open - i - 2) + "\"", open);
  }
  if (text[i] == '"') return end_of_literal(text, i);
  if (text[i] == '\'' && !after_word) return end_of_literal(text, i);  // after a digit it is a separator: 600'000
  return i;
}

std::string code_only(std::string text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = end_of_noncode(text, i);
    blank(text, i, end);
    i = std::max(end, i + 1);
  }
  return text;
}

std::vector<Include> find_includes(const std::vector<std::string>& lines) {
  std::vector<Include> includes;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    if (!line.starts_with("#include")) continue;
    const std::size_t open = line.find_first_of("\"<");
    if (open == std::string_view::npos) continue;
    const std::size_t close = line.find_first_of("\">", open + 1);
    includes.push_back({std::string(line.substr(open + 1, close - open - 1)), line[open] == '"', i + 1});
  }
  return includes;
}

bool is_source(const std::filesystem::path& path) { return path.extension() == ".h" || path.extension() == ".cpp"; }

bool is_ours(const std::filesystem::path& relative) {
  const std::string top = relative.begin()->string();
  return top != "build" && !top.starts_with('.');
}

std::string read_all(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

SourceFile parse_source(std::string path, const std::string& text) {
  SourceFile file{std::move(path), split_lines(text), split_lines(code_only(text)), {}};
  file.includes = find_includes(file.lines);
  return file;
}

std::vector<SourceFile> read_source_tree(const std::filesystem::path& root) {
  std::vector<SourceFile> files;
  auto walk = std::filesystem::recursive_directory_iterator(root);
  for (const auto& entry : walk) {
    const std::filesystem::path relative = entry.path().lexically_relative(root);
    if (!is_ours(relative)) {
      walk.disable_recursion_pending();
    } else if (entry.is_regular_file() && is_source(relative)) {
      files.push_back(parse_source(relative.generic_string(), read_all(entry.path())));
    }
  }
  std::ranges::sort(files, {}, &SourceFile::path);
  return files;
}

}  // namespace weir::structure
