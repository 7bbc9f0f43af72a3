#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/group.h"
#include "model/query.h"
#include "policies/policy.h"

namespace weir {

/// What a query stands for where there is no metric source to ask.
enum class Meaning {
  load,                 ///< of the whole group
  load_per_server,      ///< divided by the servers that get traffic
  utilization,          ///< 0 to 1: the share of its capacity that a server uses; it cannot show more than all of it
  utilization_percent,  ///< the same, 0 to 100
  wait_seconds,         ///< how long a request waits for a server
  nothing,              ///< no data, as if the metric source did not answer
};

/// "load", "load_per_server", …
[[nodiscard]] std::string_view to_string(Meaning meaning);
/// Nothing for a text that names none.
[[nodiscard]] std::optional<Meaning> meaning_named(std::string_view name);

/// By policy name; for a query of a formula by `policy.query`.
using Meanings = std::map<std::string, Meaning>;

/// What the query of every policy is taken for: as `said`, else as the policy's own keys tell. A target of up to 1.5 is a
/// utilization, one of up to 100 a percentage.
[[nodiscard]] Meanings meanings_of(const Group& group, Meanings said);

/// One interval as the metrics show it.
struct MeasuredMoment {
  double load = 0;
  double utilization = 0;  ///< 0 to 1
  int serving = 0;
  double wait_seconds = 0;
  std::span<const std::string> servers;  ///< ids of those with metrics of their own
};

/// Answers the queries of a group's policies in a simulated world, also those about its past. Not thread-safe; group and policies
/// must outlive it.
class Questions {
 public:
  /// `meanings` says what queries stand for; for the rest the policy's own keys tell: a target of up to 1.5 is a utilization, one
  /// of up to 100 a percentage.
  Questions(const Group& group, const Policies& policies, Meanings meanings);

  /// From now on forecasts look this far ahead.
  void look_ahead(Duration horizon);
  /// One more interval has passed. What the past was like is answered from what came here.
  void remember(double load);
  /// Answers all, in order.
  void answer(const MeasuredMoment& now, std::vector<Sample>& samples) const;
  /// The same while no query is answered.
  void fail(std::string_view why, std::vector<Sample>& samples) const;

  /// What every policy's query was taken for, in sentences.
  [[nodiscard]] std::vector<std::string> assumptions() const;

 private:
  struct Question {
    Meaning meaning = Meaning::nothing;
    std::optional<double> constant;
    std::optional<PastWindow> past;
    bool per_server = false;
  };
  [[nodiscard]] Question question_of(const PolicySpec& spec, const Query& query) const;
  void answer(const Question& question, const MeasuredMoment& now, Sample& sample) const;
  [[nodiscard]] std::optional<double> past(const PastWindow& window) const;

  const Group& group_;
  const Policies& policies_;
  Meanings meanings_;
  std::vector<Question> questions_;
  std::vector<double> loads_;      ///< per interval since the beginning
  std::vector<double> load_sums_;  ///< of loads_, up to each
};

}  // namespace weir
