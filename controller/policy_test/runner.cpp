#include "controller/policy_test/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <regex>

#include "controller/policy_test/world.h"

namespace weir {
namespace {

std::string vote_text(const Vote& vote) {
  return vote.stance == Vote::Stance::wants ? fmt::format("wants {}", vote.wants) : std::string(to_string(vote.stance));
}

std::string counts_text(const std::map<std::string, int>& counts) {
  std::string text;
  for (const auto& [kind, count] : counts) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, kind);
  return text.empty() ? "none" : text;
}

/// Compares one turn with what is expected of it.
class Comparison {
 public:
  Comparison(const Expectation& expected, const Turn& turn) : expected_(expected), turn_(turn), decision_(turn.plan.decision) {}

  std::vector<Difference> differences() && {
    compare("desired", expected_.desired, decision_.desired);
    compare("min", expected_.min, decision_.min);
    compare("max", expected_.max, decision_.max);
    const auto in_service = std::ranges::count(turn_.observation.servers, Phase::in_service, &Server::phase);
    compare("in_service", expected_.in_service, static_cast<int>(in_service));
    compare_stages();
    compare_votes();
    compare_actions();
    if (!expected_.why.empty() && !some_reason_matches()) add("why", "a reason that matches " + expected_.why, "none that does");
    return std::move(differences_);
  }

 private:
  void add(std::string what, std::string expected, std::string got) {
    differences_.push_back({std::move(what), std::move(expected), std::move(got)});
  }

  void compare(std::string what, std::optional<int> expected, int got) {
    if (expected && *expected != got) add(std::move(what), std::to_string(*expected), std::to_string(got));
  }

  void compare_stages() {
    for (const auto& [stage, expected] : expected_.stages) {
      const auto step = std::ranges::find(decision_.steps, stage, &Step::stage);
      if (step == decision_.steps.end()) {
        add("stage " + stage, std::to_string(expected), "no such stage in this turn");
      } else {
        compare("stage " + stage, expected, step->to);
      }
    }
  }

  void compare_votes() {
    for (const auto& [policy, expected] : expected_.votes) {
      const auto vote = std::ranges::find(decision_.votes, policy, &Vote::policy);
      const std::string got = vote == decision_.votes.end() ? "no vote in this turn" : vote_text(*vote);
      if (got != expected) add("vote of " + policy, expected, got);
    }
  }

  void compare_actions() {
    if (!expected_.actions) return;
    std::map<std::string, int> counts;
    for (const Action& action : turn_.plan.actions) ++counts[std::string(to_string(action.kind))];
    if (counts != *expected_.actions) add("actions", counts_text(*expected_.actions), counts_text(counts));
  }

  [[nodiscard]] bool some_reason_matches() const {
    const std::regex pattern(expected_.why);
    const auto matches = [&](const std::string& text) { return std::regex_search(text, pattern); };
    return std::ranges::any_of(decision_.steps, matches, &Step::why) || std::ranges::any_of(decision_.votes, matches, &Vote::why) ||
           std::ranges::any_of(turn_.plan.notes, matches);
  }

  const Expectation& expected_;
  const Turn& turn_;
  const Decision& decision_;
  std::vector<Difference> differences_;
};

/// A plan that verify() refused is a bug of weir's, and no test expects it.
void note_refusal(const Turn& turn, Duration offset, TestResult& result) {
  if (turn.plan.refused.empty()) return;
  result.failures.push_back({.mark = result.mark,
                             .offset = offset,
                             .at = turn.observation.at,
                             .differences = {{"plan", "one that is safe", "refused: " + turn.plan.refused}},
                             .decision = turn.plan.decision});
}

}  // namespace

TestResult run_policy_test(const PolicyTest& test, const std::filesystem::path& file) {
  TestResult result{.name = test.name, .file = file, .mark = test.mark, .failures = {}};
  const Policies policies = make_policies(test.group);
  TestWorld world(test, policies);
  Duration offset{0};
  auto next = test.expectations.begin();
  while (next != test.expectations.end()) {
    const Turn& turn = world.advance();
    note_refusal(turn, offset, result);
    for (; next != test.expectations.end() && next->at < offset + test.group.interval; ++next) {
      auto differences = Comparison(*next, turn).differences();
      if (differences.empty()) continue;
      result.failures.push_back({.mark = next->mark,
                                 .offset = offset,
                                 .at = turn.observation.at,
                                 .differences = std::move(differences),
                                 .decision = turn.plan.decision});
    }
    offset += test.group.interval;
  }
  return result;
}

}  // namespace weir
