#include "tests/docs/documents.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

namespace weir::docs {
namespace {

namespace fs = std::filesystem;

bool is_ours(const fs::path& relative) {
  const std::string top = relative.begin()->string();
  return top != "build" && !top.starts_with('.');
}

std::vector<std::string> files_ending_in(const fs::path& root, const std::string& extension) {
  std::vector<std::string> files;
  auto walk = fs::recursive_directory_iterator(root);
  for (const auto& entry : walk) {
    const fs::path relative = entry.path().lexically_relative(root);
    if (!is_ours(relative)) {
      walk.disable_recursion_pending();
    } else if (entry.is_regular_file() && relative.extension() == extension) {
      files.push_back(relative.generic_string());
    }
  }
  std::ranges::sort(files);
  return files;
}

bool configures_groups(const std::string& text) { return text.starts_with("groups:") || text.contains("\ngroups:"); }

}  // namespace

std::vector<Block> fenced_blocks(const std::string& file, const std::string& markdown) {
  constexpr std::string_view kFence = "```";
  std::vector<Block> blocks;
  std::optional<Block> open;
  std::istringstream in(markdown);
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const bool fence = line.starts_with(kFence);
    if (fence && open) {
      blocks.push_back(std::move(*open));
      open.reset();
    } else if (fence) {
      open = Block{file, number + 1, line.substr(kFence.size()), {}};
    } else if (open) {
      open->text += line + "\n";
    }
  }
  return blocks;
}

std::vector<Link> local_links(const std::string& file, const std::string& markdown) {
  std::vector<Link> links;
  std::istringstream in(markdown);
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    for (std::size_t i = line.find("]("); i != std::string::npos; i = line.find("](", i + 2)) {
      const std::string target = line.substr(i + 2, line.find_first_of(")#", i + 2) - i - 2);
      if (!target.empty() && !target.contains("://")) links.push_back({file, number, target});
    }
  }
  return links;
}

std::vector<std::string> markdown_files(const fs::path& root) { return files_ending_in(root, ".md"); }

std::vector<Block> shown_configurations(const fs::path& root) {
  std::vector<Block> shown;
  for (const std::string& file : markdown_files(root)) {
    for (Block& block : fenced_blocks(file, read_text(root / file))) {
      if (block.language == "yaml" && configures_groups(block.text)) shown.push_back(std::move(block));
    }
  }
  for (const std::string folder : {"examples", "packaging"}) {
    for (const std::string& file : files_ending_in(root / folder, ".yaml")) {
      Block whole{folder + "/" + file, 1, "yaml", read_text(root / folder / file)};
      if (configures_groups(whole.text)) shown.push_back(std::move(whole));
    }
  }
  return shown;
}

std::string read_text(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace weir::docs
