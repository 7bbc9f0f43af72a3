#include "tests/docs/documents.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
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

/// Letters of other scripts stay; arrows, dashes and the like, which begin with the byte E2, go as punctuation does.
std::string anchor_of(const std::string& heading) {
  std::string anchor;
  for (std::size_t i = 0; i < heading.size(); ++i) {
    const auto byte = static_cast<unsigned char>(heading[i]);
    if (byte == 0xE2) {
      i += 2;
    } else if (byte == ' ') {
      anchor += '-';
    } else if (byte >= 0x80 || byte == '-' || byte == '_' || std::isalnum(byte) != 0) {
      anchor += static_cast<char>(std::tolower(byte));
    }
  }
  return anchor;
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
      std::istringstream says(line.substr(kFence.size()));
      open = Block{file, number + 1, {}, {}};
      says >> open->language >> open->name;
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
      const std::string whole = line.substr(i + 2, line.find(')', i + 2) - i - 2);
      if (whole.empty() || whole.contains("://")) continue;
      const std::size_t hash = std::min(whole.find('#'), whole.size());
      links.push_back({file, number, whole.substr(0, hash), whole.substr(std::min(hash + 1, whole.size()))});
    }
  }
  return links;
}

std::vector<std::string> anchors(const std::string& markdown) {
  std::vector<std::string> found;
  std::map<std::string, int> seen;
  bool fenced = false;
  std::istringstream in(markdown);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) fenced = !fenced;
    if (fenced || !line.starts_with('#')) continue;
    const std::string name = anchor_of(line.substr(line.find_first_not_of("# ")));
    const int before = seen[name]++;
    found.push_back(before == 0 ? name : name + "-" + std::to_string(before));
  }
  return found;
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
