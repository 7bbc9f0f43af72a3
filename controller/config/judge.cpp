#include "controller/config/judge.h"

#include <fmt/format.h>

#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace weir {
namespace {

constexpr std::string_view kVersion = "{version}";

class JudgeReader {
 public:
  JudgeReader(const std::string& path, Reader& reader) : path_(path), reader_(reader) {}

  JudgeRule read(const Settings& judge) {
    JudgeRule rule{.interval = judge.duration("interval")};
    // What could not be read has had its complaint.
    if (judge.has("failure_limit")) rule.failure_limit = judge.integer("failure_limit");
    if (judge.has("inconclusive_after")) rule.inconclusive_after = judge.duration("inconclusive_after");
    read_samples(judge, rule);
    const Settings::Sections& checks = judge.sections("checks");
    if (judge.has("checks") && checks.empty()) complain(judge, path_, "checks", "expected at least one check");
    for (std::size_t i = 0; i < checks.size(); ++i) {
      rule.checks.push_back(read_check(checks[i], join_path(join_path(path_, "checks"), i)));
    }
    return rule;
  }

 private:
  void read_samples(const Settings& judge, JudgeRule& rule) {
    if (!judge.has("samples")) {
      const bool given = judge.mark("min_samples").line > 0;
      if (given) complain(judge, path_, "min_samples", "expected 'samples' beside it, the query that says how many there are");
      return;
    }
    rule.samples = judge.text("samples");
    if (judge.has("min_samples")) rule.min_samples = judge.integer("min_samples");
    check_query(judge, path_, "samples");
  }

  JudgeCheck read_check(const Settings& settings, const std::string& path) {
    JudgeCheck check{.name = settings.text("name"), .query = settings.text("query")};
    for (const auto& [key, bound] : {std::pair("below", &check.below), std::pair("above", &check.above),
                                     std::pair("below_old", &check.below_old), std::pair("above_old", &check.above_old)}) {
      if (settings.has(key)) *bound = settings.number(key);
    }
    if (settings.has("name") && !names_.insert(check.name).second) {
      complain(settings, path, "name", fmt::format("'{}' is already the name of another check", check.name));
    }
    if (settings.has("query")) check_query(settings, path, "query");
    check_bounds(settings, path, check);
    return check;
  }

  void check_query(const Settings& settings, const std::string& path, std::string_view key) {
    if (settings.text(key).contains(kVersion)) return;
    complain(settings, path, key, fmt::format("expected {} in it, in place of the version that is asked about", kVersion));
  }

  void check_bounds(const Settings& settings, const std::string& path, const JudgeCheck& check) {
    const bool none = !check.below && !check.above && !check.below_old && !check.above_old;
    if (none && settings.has("query")) {
      complain(settings, path, "query", "expected a bound beside it: below, above, below_old or above_old");
    }
    check_room(settings, path, "below", check.above, check.below);
    check_room(settings, path, "below_old", check.above_old, check.below_old);
    if (check.below_old == 0) complain(settings, path, "below_old", "expected more than 0: else it never holds");
  }

  void check_room(const Settings& settings, const std::string& path, std::string_view key, std::optional<double> low,
                  std::optional<double> high) {
    if (!low || !high || *low < *high) return;
    const std::string_view other = key == "below" ? "above" : "above_old";
    complain(settings, path, key, fmt::format("expected more than {}, which is {:.6g}: else it never holds", other, *low));
  }

  void complain(const Settings& settings, const std::string& path, std::string_view key, std::string message) {
    reader_.complain(settings.mark(key), join_path(path, key), std::move(message));
  }

  const std::string& path_;
  Reader& reader_;
  std::set<std::string> names_;
};

}  // namespace

JudgeRule read_judge(const Settings& judge, const std::string& path, Reader& reader) {
  return JudgeReader(path, reader).read(judge);
}

}  // namespace weir
