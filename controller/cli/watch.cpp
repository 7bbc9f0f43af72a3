#include "controller/cli/watch.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <ranges>
#include <string_view>
#include <utility>

#include "controller/cli/assemble.h"
#include "controller/cli/console.h"
#include "controller/render/json.h"
#include "controller/render/rfc3339.h"
#include "controller/render/watch.h"
#include "controller/state/state_reader.h"

namespace weir {
namespace {

/// As far back as the widest picture shows.
constexpr int kTurns = 60;
/// Of a group that was looked at a second ago.
constexpr int kNewTurns = 4;

class StateSource final : public WatchSource {
 public:
  explicit StateSource(const Config& config) : state_(config.controller.state) {
    for (const Group& group : config.groups) names_.push_back(group.name);
  }

  Result<std::vector<GroupOnWatch>> groups() override {
    std::vector<GroupOnWatch> groups;
    for (const std::string& name : names_) groups.push_back({.name = name, .last_turn = {}});
    return groups;
  }

  Result<std::vector<std::string>> turns(const std::string& group, int limit) override {
    if (auto opened = open(); !opened) return std::unexpected(opened.error());
    if (!reader_) return std::vector<std::string>();
    auto kept = reader_->history(group, limit);
    if (!kept) return std::unexpected(kept.error());
    std::vector<std::string> records;
    for (KeptRecord& one : *kept) records.push_back(std::move(one.json));
    return records;
  }

 private:
  /// Once there is a file.
  Result<void> open() {
    if (reader_) return {};
    auto reader = StateReader::open(state_);
    if (reader) reader_ = std::move(*reader);
    if (!reader && reader.error().kind != ErrorKind::not_found) return std::unexpected(reader.error());
    return {};
  }

  std::filesystem::path state_;
  std::vector<std::string> names_;
  std::unique_ptr<StateReader> reader_;
};

class ControllerSource final : public WatchSource {
 public:
  explicit ControllerSource(Connection connection) : connection_(std::move(connection)) {}

  Result<std::vector<GroupOnWatch>> groups() override {
    const auto answer = ask("/v1/groups", "groups");
    if (!answer) return std::unexpected(answer.error());
    std::vector<GroupOnWatch> groups;
    for (const nlohmann::json& group : *answer)
      groups.push_back({.name = text(group, "name"), .last_turn = parse_rfc3339(text(group, "last_turn"))});
    return groups;
  }

  Result<std::vector<std::string>> turns(const std::string& group, int limit) override {
    const auto answer = ask(fmt::format("/v1/groups/{}/decisions?limit={}", url_encoded(group), limit), "decisions");
    if (!answer) return std::unexpected(answer.error());
    std::vector<std::string> records;
    for (const nlohmann::json& record : *answer) records.push_back(record.dump());
    return records;
  }

 private:
  static std::string text(const nlohmann::json& object, const char* key) {
    const bool has = object.is_object() && object.contains(key) && object[key].is_string();
    return has ? object[key].get<std::string>() : "";
  }

  /// The list called `key` in the answer.
  Result<nlohmann::json> ask(const std::string& path, const char* key) {
    const auto body = get_from(http_, connection_, path);
    if (!body) return std::unexpected(body.error());
    nlohmann::json json = nlohmann::json::parse(*body, nullptr, false);
    if (json.is_object() && json.contains(key) && json[key].is_array()) return json[key];
    return failure(ErrorKind::unavailable, fmt::format("{}{} is not answered as weir would", connection_.url, path));
  }

  Connection connection_;
  HttpClient http_;
};

/// Follows the groups of a source, without asking again for what it knows.
class Watcher {
 public:
  explicit Watcher(WatchSource& source) : source_(source) {}

  /// The groups as they are now. What cannot be learned is said with the group; an error only if there is nothing to show.
  Result<std::vector<WatchedGroup>> look() {
    const auto groups = source_.groups();
    if (!groups && groups_.empty()) return std::unexpected(groups.error());
    if (groups) {
      keep_only(*groups);
      for (const GroupOnWatch& group : *groups) follow(group);
    }
    std::vector<WatchedGroup> all;
    for (auto& [name, group] : groups_) {
      if (!groups) group.trouble = groups.error().message;
      all.push_back(group);
    }
    return all;
  }

 private:
  void keep_only(const std::vector<GroupOnWatch>& groups) {
    std::erase_if(groups_,
                  [&](const auto& known) { return std::ranges::find(groups, known.first, &GroupOnWatch::name) == groups.end(); });
    for (const GroupOnWatch& group : groups) groups_[group.name].name = group.name;
  }

  void follow(const GroupOnWatch& on_watch) {
    WatchedGroup& group = groups_[on_watch.name];
    group.trouble.clear();
    // What is told may be a moment before what is kept.
    if (group.last && on_watch.last_turn == group.last->at) return;
    read_turns_of(group);
  }

  void read_turns_of(WatchedGroup& group) {
    const auto records = source_.turns(group.name, group.last ? kNewTurns : kTurns);
    if (!records) {
      group.trouble = records.error().message;
      return;
    }
    for (const std::string& json : std::views::reverse(*records)) {
      auto record = parse_record(json);
      if (!record) {
        group.trouble = record.error().message;
        return;
      }
      add(group, std::move(*record));
    }
  }

  void add(WatchedGroup& group, StoredRecord stored) {
    if (group.last && stored.record.at <= group.last->at) return;
    group.turns.push_back(watched_turn(stored.record));
    if (std::ssize(group.turns) > kTurns) group.turns.erase(group.turns.begin());
    group.last = std::move(stored.record);
    names_[group.name] = std::move(stored.names);
  }

  WatchSource& source_;
  std::map<std::string, std::shared_ptr<const void>> names_;  ///< what the last records point into; goes after them
  std::map<std::string, WatchedGroup> groups_;
};

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

/// As POSIX finds the locale.
WatchView::Glyphs glyphs_here() {
  const char* terminal = std::getenv("TERM");
  if (terminal != nullptr && std::string_view(terminal) == "dumb") return WatchView::Glyphs::ascii;
  std::string locale;
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (locale.empty() && is_set(variable)) locale = std::getenv(variable);
  }
  std::ranges::transform(locale, locale.begin(),
                         [](char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter; });
  const bool unicode = locale.contains("utf-8") || locale.contains("utf8");
  return unicode ? WatchView::Glyphs::unicode : WatchView::Glyphs::ascii;
}

/// A terminal that can be written to in place.
bool can_draw() {
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && terminal != nullptr && *terminal != '\0' && std::string_view(terminal) != "dumb";
}

WatchView view_here() {
  WatchView view{.colour = can_draw() ? colour_for_output() : Colour::off, .glyphs = glyphs_here()};
  winsize size{};
  if (::isatty(STDOUT_FILENO) != 1 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return view;
  view.width = size.ws_col;
  // The last line stays free for the cursor.
  if (can_draw() && size.ws_row > 1) view.height = size.ws_row - 1;
  return view;
}

/// Blocks Ctrl-C and a polite kill, so that only the wait between two pictures sees them.
class Interrupts {
 public:
  Interrupts() {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals_, signal);
    (void)pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  /// Waits a second; false if there was one meanwhile.
  [[nodiscard]] bool wait_a_second() const {
    const timespec second{1, 0};
    return sigtimedwait(&signals_, nullptr, &second) < 0;
  }

 private:
  sigset_t signals_{};
};

/// No cursor while we draw; it is back however this ends.
class Screen {
 public:
  explicit Screen(bool drawn) : drawn_(drawn) {
    if (drawn_) put("\x1b[?25l\x1b[2J");
  }
  ~Screen() {
    if (drawn_) put("\x1b[?25h");
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// False: nobody reads any more.
  [[nodiscard]] bool show(const std::string& text) const {
    if (!drawn_) return put(text);
    std::string drawn = "\x1b[H";
    for (const char character : text) drawn += character == '\n' ? "\x1b[K\n" : std::string(1, character);
    return put(drawn + "\x1b[J");
  }

 private:
  static bool put(const std::string& text) {
    (void)std::fwrite(text.data(), 1, text.size(), stdout);
    return std::fflush(stdout) == 0;
  }
  bool drawn_;
};

}  // namespace

std::unique_ptr<WatchSource> watch_state(const Config& config) { return std::make_unique<StateSource>(config); }

std::unique_ptr<WatchSource> watch_controller(Connection connection) {
  return std::make_unique<ControllerSource>(std::move(connection));
}

Exit show_once(WatchSource& source) {
  Watcher watcher(source);
  const auto groups = watcher.look();
  if (!groups) return complain(groups.error().message);
  WatchView view = view_here();
  view.height = 0;
  print(watch_text(*groups, SystemClock().now(), view));
  return Exit::ok;
}

Exit show_live(WatchSource& source) {
  const Interrupts interrupts;
  Watcher watcher(source);
  auto groups = watcher.look();
  if (!groups) return complain(groups.error().message);
  const Screen screen(can_draw());
  while (screen.show(watch_text(*groups, SystemClock().now(), view_here())) && interrupts.wait_a_second()) {
    // One that looked well before is shown with its trouble until it is back.
    groups = watcher.look();
    if (!groups) return complain(groups.error().message);
  }
  return Exit::ok;
}

}  // namespace weir
