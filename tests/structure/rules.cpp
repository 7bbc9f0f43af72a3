#include "tests/structure/rules.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>

namespace weir::structure {
namespace {

using Text = std::string_view;

/// `folder` may include from `allowed`, and from itself.
struct Arrow {
  Text folder;
  std::vector<Text> allowed;
};

const std::vector<Arrow>& arrows() {
  static const std::vector<Arrow> all = {
      {"model", {}},
      {"policies", {"model"}},
      {"deploy", {"model"}},
      {"platform", {"model"}},
      {"providers", {"model", "platform"}},
      {"balancers", {"model", "platform"}},
      {"receivers", {"model", "platform"}},
      {"controller/reconcile", {"model", "policies", "deploy"}},
      {"controller/ports", {"model"}},
      {"controller/notifications", {"model", "controller/ports"}},
      {"controller", {"model", "policies", "deploy", "platform", "providers", "balancers", "receivers"}},
      {"examples", {"model", "policies", "deploy", "platform", "providers", "balancers", "receivers", "controller"}},
      {"benchmarks", {"model", "policies", "deploy", "platform", "providers", "balancers", "receivers", "controller", "tests"}},
      {"tests", {"model", "policies", "deploy", "platform", "providers", "balancers", "receivers", "controller", "examples"}},
  };
  return all;
}

/// Families of which one member never includes another. Their root (the port, the catalog) knows all members.
constexpr Text kFamilies[] = {"providers", "balancers", "receivers"};

constexpr Text kPureFolders[] = {"model", "policies", "deploy", "controller/reconcile", "controller/notifications"};
constexpr Text kImpureHeaders[] = {
    "thread",     "stop_token", "fstream",  "filesystem",         "random",    "iostream", "mutex",   "shared_mutex", "atomic",
    "ctime",      "future",     "time.h",   "condition_variable", "semaphore", "latch",    "barrier", "unistd.h",     "sys/time.h",
    "sys/stat.h", "fcntl.h",    "syslog.h", "pthread.h",          "print"};
constexpr Text kImpureNames[] = {"now",  "getenv", "secure_getenv", "spdlog",    "cout",         "cerr",
                                 "clog", "printf", "fprintf",       "puts",      "rand",         "srand",
                                 "time", "system", "fopen",         "sleep_for", "clock_gettime"};

/// A name that one file may use all the same, and why.
struct Exception {
  Text file;
  Text name;
  Text reason;
};
constexpr Exception kExceptions[] = {
    {"model/settings.cpp", "fprintf", "says what is wrong before it aborts on a bug"},
    {"tests/support/wait_until.h", "sleep_for", "the one place where tests poll a condition"},
};

constexpr Text kPublicHeaders[] = {"model/",
                                   "platform/",
                                   "controller/ports/",
                                   "controller/reconcile/reconcile.h",
                                   "policies/policy.h",
                                   "policies/decide.h",
                                   "deploy/deploy.h",
                                   "providers/provider.h",
                                   "balancers/balancer.h",
                                   "receivers/receiver.h"};

constexpr Text kSharedTestFolders[] = {"fakes",  "properties", "scenarios", "contract", "faults",   "e2e",       "fuzz",
                                       "golden", "structure",  "docs",      "support",  "examples", "monitoring"};

bool is_under(Text path, Text folder) {
  return path == folder || (path.starts_with(folder) && path.substr(folder.size()).starts_with('/'));
}

Text folder_of(Text path) {
  const std::size_t slash = path.rfind('/');
  return slash == Text::npos ? Text{} : path.substr(0, slash);
}

bool is_header(Text path) { return path.ends_with(".h"); }

std::string at(const SourceFile& file, std::size_t line) { return file.path + ":" + std::to_string(line) + ": "; }

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Where `word` stands by itself in `line`.
std::optional<std::size_t> find_word(Text line, Text word) {
  for (std::size_t i = line.find(word); i != Text::npos; i = line.find(word, i + 1)) {
    const bool begins = i == 0 || !is_word(line[i - 1]);
    const bool ends = i + word.size() == line.size() || !is_word(line[i + word.size()]);
    if (begins && ends) return i;
  }
  return std::nullopt;
}

bool has_word(Text line, Text word) { return find_word(line, word).has_value(); }

/// now and time are ordinary words; only calling them asks for the time.
bool uses(Text line, Text name) {
  if (name != "now" && name != "time") return has_word(line, name);
  const auto found = find_word(line, name);
  return found && line.substr(*found + name.size()).starts_with('(');
}

const Arrow* arrow_for(Text path) {
  const Arrow* best = nullptr;
  for (const Arrow& arrow : arrows()) {
    if (is_under(path, arrow.folder) && (best == nullptr || arrow.folder.size() > best->folder.size())) best = &arrow;
  }
  return best;
}

/// "process" for providers/process/x.cpp, nothing for providers/catalog.cpp.
Text member_of(Text path, Text family) {
  const Text rest = path.substr(family.size() + 1);
  const std::size_t slash = rest.find('/');
  return slash == Text::npos ? Text{} : rest.substr(0, slash);
}

bool crosses_family(Text from, Text to) {
  return std::ranges::any_of(kFamilies, [&](Text family) {
    if (!is_under(from, family) || !is_under(to, family)) return false;
    const Text member = member_of(from, family);
    const Text other = member_of(to, family);
    return !member.empty() && !other.empty() && member != other;
  });
}

bool allows(const Arrow& arrow, Text target) {
  return is_under(target, arrow.folder) ||
         std::ranges::any_of(arrow.allowed, [&](Text folder) { return is_under(target, folder); });
}

bool is_pure(Text path) {
  return std::ranges::any_of(kPureFolders, [&](Text folder) { return is_under(path, folder); });
}

bool is_excepted(Text path, Text name) {
  return std::ranges::any_of(kExceptions, [&](const Exception& each) { return each.file == path && each.name == name; });
}

bool is_blank(Text line) { return line.find_first_not_of(" \t") == Text::npos; }

Text trimmed(Text line) {
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == Text::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t") - first + 1);
}

void check_own_header_first(const SourceFile& file, const std::set<Text>& paths, Violations& found) {
  if (is_header(file.path)) return;
  const std::string header = file.path.substr(0, file.path.size() - 4) + ".h";
  if (!paths.contains(header)) return;
  if (file.includes.empty() || file.includes.front().path != header)
    found.push_back(at(file, 1) + "includes its own header not first");
}

/// Walks the statements at namespace scope of one header.
class DocumentationCheck {
 public:
  explicit DocumentationCheck(const SourceFile& file) : file_(file) {}

  Violations run() {
    for (std::size_t i = 0; i < file_.code.size(); ++i) step(i);
    return found_;
  }

 private:
  void step(std::size_t i) {
    const Text code = trimmed(file_.code[i]);
    const Text raw = trimmed(file_.lines[i]);
    if (raw.empty()) documented_ = false;
    if (raw.starts_with("///")) documented_ = true;
    if (code.empty() || code.starts_with('#')) return;
    if (depth_ == 0 && complete_ && needs_comment(code)) begin_statement(i, raw);
    follow(code);
  }

  static bool needs_comment(Text code) {
    if (code.starts_with("namespace") || code.starts_with('}')) return false;
    const bool forward =
        (code.starts_with("struct ") || code.starts_with("class ")) && code.ends_with(';') && code.find('{') == Text::npos;
    return !forward;
  }

  void begin_statement(std::size_t i, Text raw) {
    const bool speaks_for_itself = has_word(raw, "to_string") || raw.find("operator") != Text::npos;
    if (!documented_ && !speaks_for_itself && raw.find("///") == Text::npos) {
      found_.push_back(at(file_, i + 1) + "no /// above: " + std::string(raw));
    }
  }

  void follow(Text code) {
    if (code.starts_with("namespace")) return;
    for (const char c : code) {
      if (c == '{' || c == '(') ++depth_;
      if (c == '}' || c == ')') depth_ = std::max(0, depth_ - 1);  // the brace that closes the namespace
    }
    complete_ = depth_ == 0 && (code.ends_with(';') || code.ends_with('}'));
  }

  const SourceFile& file_;
  Violations found_;
  int depth_ = 0;
  bool complete_ = true;
  bool documented_ = false;
};

bool is_public_header(Text path) {
  return is_header(path) && std::ranges::any_of(kPublicHeaders, [&](Text start) { return path.starts_with(start); });
}

void check_test_line(const SourceFile& file, std::size_t i, Violations& found) {
  const Text code = file.code[i];
  for (const Text word : {"sleep_for", "sleep_until", "usleep", "nanosleep", "sleep"}) {
    if (has_word(code, word) && !is_excepted(file.path, word))
      found.push_back(at(file, i + 1) + "a test that sleeps: " + std::string(word));
  }
  if (code.find("DISABLED_") != Text::npos) found.push_back(at(file, i + 1) + "a disabled test");
  const auto skip = find_word(code, "GTEST_SKIP");
  if (skip && code.find("<<", *skip) == Text::npos) found.push_back(at(file, i + 1) + "skips without saying why");
}

void check_pure_includes(const SourceFile& file, Violations& found) {
  for (const Include& include : file.includes) {
    if (std::ranges::find(kImpureHeaders, include.path) == std::end(kImpureHeaders)) continue;
    found.push_back(at(file, include.line) + "a pure file includes <" + include.path + ">");
  }
}

void check_pure_line(const SourceFile& file, std::size_t i, Violations& found) {
  for (const Text name : kImpureNames) {
    if (uses(file.code[i], name) && !is_excepted(file.path, name))
      found.push_back(at(file, i + 1) + "a pure file uses " + std::string(name));
  }
}

void check_include(const SourceFile& file, const Arrow& arrow, const Include& include, Violations& found) {
  if (!include.quoted) return;
  const std::string where = at(file, include.line);
  if (arrow_for(include.path) == nullptr) {
    found.push_back(where + "\"" + include.path + "\" is not from the root");
    return;
  }
  if (!allows(arrow, include.path)) found.push_back(where + std::string(arrow.folder) + " must not include " + include.path);
  if (crosses_family(file.path, include.path)) found.push_back(where + "one of a family must not include another: " + include.path);
}

}  // namespace

Violations check_arrows(const Tree& tree) {
  Violations found;
  for (const SourceFile& file : tree) {
    const Arrow* arrow = arrow_for(file.path);
    if (arrow == nullptr) {
      found.push_back(file.path + ": in no folder of the house");
      continue;
    }
    for (const Include& include : file.includes) check_include(file, *arrow, include, found);
  }
  return found;
}

Violations check_purity(const Tree& tree) {
  Violations found;
  for (const SourceFile& file : tree) {
    if (!is_pure(file.path)) continue;
    check_pure_includes(file, found);
    for (std::size_t i = 0; i < file.code.size(); ++i) check_pure_line(file, i, found);
  }
  return found;
}

Violations check_headers(const Tree& tree) {
  std::set<Text> paths;
  for (const SourceFile& file : tree) paths.insert(file.path);
  Violations found;
  for (const SourceFile& file : tree) {
    check_own_header_first(file, paths, found);
    if (!is_header(file.path)) continue;
    const auto first = std::ranges::find_if_not(file.code, is_blank);
    if (first == file.code.end() || trimmed(*first) != "#pragma once")
      found.push_back(at(file, 1) + "does not begin with #pragma once");
    for (std::size_t i = 0; i < file.code.size(); ++i) {
      if (file.code[i].starts_with("using namespace")) found.push_back(at(file, i + 1) + "using namespace in a header");
    }
  }
  return found;
}

Violations check_documentation(const Tree& tree) {
  Violations found;
  for (const SourceFile& file : tree) {
    if (is_public_header(file.path)) std::ranges::copy(DocumentationCheck(file).run(), std::back_inserter(found));
  }
  return found;
}

Violations check_tests(const Tree& tree) {
  Violations found;
  for (const SourceFile& file : tree) {
    if (!is_under(file.path, "tests")) continue;
    for (std::size_t i = 0; i < file.code.size(); ++i) check_test_line(file, i, found);
  }
  return found;
}

Violations check_mirror(const Tree& tree) {
  std::set<Text> folders;
  std::set<Text> tested;
  for (const SourceFile& file : tree) {
    const Text folder = folder_of(file.path);
    if (is_under(folder, "tests")) {
      if (folder != "tests") tested.insert(folder.substr(Text("tests/").size()));
      continue;
    }
    for (Text each = folder; !each.empty(); each = folder_of(each)) folders.insert(each);
  }
  Violations found;
  for (const Text folder : tested) {
    const Text top = folder.substr(0, folder.find('/'));
    const std::string nested = "controller/" + std::string(folder);
    const bool shared = std::ranges::find(kSharedTestFolders, top) != std::end(kSharedTestFolders);
    if (shared || folders.contains(folder) || folders.contains(nested)) continue;
    found.push_back("tests/" + std::string(folder) + ": mirrors no folder of the product");
  }
  return found;
}

Violations check_catalogs(const Tree& tree) {
  Violations found;
  for (const Text family : kFamilies) {
    std::set<Text> members;
    std::set<Text> listed;
    for (const SourceFile& file : tree) {
      if (!is_under(file.path, family)) continue;
      if (const Text member = member_of(file.path, family); !member.empty()) members.insert(member);
      if (file.path != std::string(family) + "/catalog.cpp") continue;
      for (const Include& include : file.includes) {
        if (is_under(include.path, family)) listed.insert(member_of(include.path, family));
      }
    }
    for (const Text member : members) {
      if (!listed.contains(member)) found.push_back(std::string(family) + "/catalog.cpp: does not list " + std::string(member));
    }
  }
  return found;
}

}  // namespace weir::structure
