#include "controller/config/deploy.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir {
namespace {

/// What a canary gives the new version where nobody says otherwise, in percent of the traffic.
constexpr double kUsualSteps[] = {5, 25, 50};
/// A canary that nobody watches is none.
constexpr Duration kShortestUsualSoak = std::chrono::minutes(1);

class DeployReader {
 public:
  DeployReader(const Settings& deploy, Duration start, const std::string& path, Reader& reader)
      : deploy_(deploy), start_(start), path_(path), reader_(reader) {}

  DeployRule read() {
    DeployRule rule;
    // What could not be read has had its complaint.
    if (deploy_.text("strategy") == "blue_green") rule.strategy = Strategy::blue_green;
    if (deploy_.text("strategy") == "canary") rule.strategy = Strategy::canary;
    if (deploy_.has("max_surge")) rule.max_surge = deploy_.portion("max_surge");
    if (deploy_.has("max_unavailable")) rule.max_unavailable = deploy_.portion("max_unavailable");
    rule.soak = deploy_.duration("soak");
    rule.pause_at = deploy_.numbers("pause_at");
    rule.keep_old = deploy_.duration("keep_old");
    if (deploy_.has("failure_limit")) rule.failure_limit = deploy_.integer("failure_limit");
    rule.progress_deadline = deploy_.duration("progress_deadline");
    if (!is_given("progress_deadline")) rule.progress_deadline = std::max(rule.progress_deadline, start_);
    rule.steps = read_steps(std::max(rule.soak, kShortestUsualSoak));
    if (deploy_.has("judge")) rule.judge = read_judge(deploy_.section("judge"), join_path(path_, "judge"), reader_);
    if (deploy_.has("hooks")) rule.hooks = read_hooks(deploy_.section("hooks"));
    check_room(rule);
    check_patience(rule);
    check_belongs("steps", Strategy::canary, rule.strategy);
    check_belongs("keep_old", Strategy::blue_green, rule.strategy);
    return rule;
  }

 private:
  Hooks read_hooks(const Settings& settings) {
    Hooks hooks;
    for (const auto& [key, hook] :
         {std::pair("before", &hooks.before), std::pair("after_new_healthy", &hooks.after_new_healthy),
          std::pair("before_switch", &hooks.before_switch), std::pair("after", &hooks.after), std::pair("gate", &hooks.gate)}) {
      if (!settings.has(key)) continue;
      *hook = read_hook(settings.section(key), settings.mark(key), join_path(join_path(path_, "hooks"), key));
    }
    return hooks;
  }

  Hook read_hook(const Settings& given, const SourceMark& mark, const std::string& path) {
    const std::string url = given.has("url") ? given.text("url") : std::string();
    const bool asks = !url.empty();
    // One that could not be read has had its complaint.
    const bool runs = given.mark("command").line > 0;
    if (asks == runs) reader_.complain(mark, path, "expected either a command or a url");
    if (asks && !url.starts_with("http://") && !url.starts_with("https://")) {
      reader_.complain(given.mark("url"), join_path(path, "url"), "expected a URL that begins with http:// or https://");
    }
    return {.command = given.has("command") ? given.texts("command") : std::vector<std::string>(),
            .url = url,
            .timeout = given.duration("timeout"),
            .retry = given.duration("retry")};
  }

  std::vector<CanaryStep> read_steps(Duration usual_soak) {
    std::vector<CanaryStep> steps;
    const Settings::Sections& given = deploy_.sections("steps");
    if (given.empty()) {
      if (deploy_.has("steps")) complain("steps", "expected at least one step; without this key they are 5%, 25% and 50%");
      for (const double percent : kUsualSteps) steps.push_back({.percent = percent, .soak = usual_soak});
    }
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (!given[i].has("weight")) continue;
      const CanaryStep step{.percent = given[i].number("weight"),
                            .soak = given[i].has("soak") ? given[i].duration("soak") : usual_soak};
      if (!steps.empty() && step.percent <= steps.back().percent) {
        reader_.complain(given[i].mark("weight"), join_path(join_path(join_path(path_, "steps"), i), "weight"),
                         fmt::format("expected more than the {:g}% of the step before", steps.back().percent));
        continue;
      }
      steps.push_back(step);
    }
    return steps;
  }

  /// blue_green makes its own room.
  void check_room(const DeployRule& rule) {
    const bool none = rule.max_surge.amount == 0 && rule.max_unavailable.amount == 0;
    if (!none || rule.strategy == Strategy::blue_green) return;
    complain("max_surge",
             "expected more than 0, or else a max_unavailable of more than 0: with no server more and none fewer than the group's "
             "size, none could be replaced");
  }

  void check_patience(const DeployRule& rule) {
    if (!deploy_.has("progress_deadline") || rule.progress_deadline > rule.soak) return;
    if (is_given("progress_deadline")) {
      return complain("progress_deadline", fmt::format("expected more than soak, which is {}: while servers soak nothing moves",
                                                       format_duration(rule.soak)));
    }
    complain("soak", fmt::format("expected less than progress_deadline, which is {}: while servers soak nothing moves",
                                 format_duration(rule.progress_deadline)));
  }

  void check_belongs(std::string_view key, Strategy owner, Strategy strategy) {
    if (!is_given(key) || !deploy_.has("strategy") || strategy == owner) return;
    complain(key, fmt::format("only for strategy {}, and this one is {}", to_string(owner), to_string(strategy)));
  }

  /// In the file, rather than by default.
  [[nodiscard]] bool is_given(std::string_view key) const { return deploy_.mark(key).line > 0; }

  void complain(std::string_view key, std::string message) {
    reader_.complain(deploy_.mark(key), join_path(path_, key), std::move(message));
  }

  const Settings& deploy_;
  Duration start_;
  const std::string& path_;
  Reader& reader_;
};

}  // namespace

DeployRule read_deploy(const Settings& deploy, Duration start, const std::string& path, Reader& reader) {
  return DeployReader(deploy, start, path, reader).read();
}

}  // namespace weir
