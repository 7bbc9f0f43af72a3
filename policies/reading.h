#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/memory.h"
#include "model/query.h"
#include "policies/formula.h"
#include "policies/policy.h"

namespace weir {

/// What a policy may believe of what it measured, after the rules for missing data. Either one number for the whole group, or the
/// servers' own numbers, those of warmed servers only.
struct Reading {
  bool trusted = false;
  double value = 0;  ///< the number, or the mean of the measured servers
  bool per_server = false;
  int measured = 0;             ///< warmed servers with a number
  int missing = 0;              ///< warmed servers without one
  std::optional<int> at_least;  ///< not trusted, but the user wants no fewer servers than this meanwhile
  std::string why;              ///< why it is not trusted
  std::string doubt;            ///< non-empty: good enough to grow on, not to shrink on, and why
};

/// What a policy measures: one query or a formula over several, and what must hold before the answer may shrink anything (the keys
/// of kQueryKeys). Immutable; any thread.
class Signal {
 public:
  /// Of settings that check_signal() found good.
  explicit Signal(const Settings& settings);

  [[nodiscard]] std::size_t query_count() const { return queries_.size(); }
  void append_queries(std::vector<Query>& queries) const { queries.insert(queries.end(), queries_.begin(), queries_.end()); }

  /// Applies on_empty and on_nan, matches series to servers (by id or address) and asks the trust gate. Remembers a good value for
  /// `last`. `samples` answer append_queries(); more may follow.
  [[nodiscard]] Reading read(std::span<const Sample> samples, const Fleet& fleet, TimePoint at, PolicyMemory& memory) const;

 private:
  /// Which of the queries asks what, when asked at all.
  struct Gate {
    std::optional<std::size_t> age;
    double max_age = 0;  ///< seconds
    std::optional<std::size_t> series;
    double max_loss = 0;  ///< percent
    std::optional<std::size_t> cross_check;
    std::optional<double> above;
    std::optional<double> below;
  };
  [[nodiscard]] Reading read_formula(std::span<const Sample> samples, const Fleet& fleet, TimePoint at, PolicyMemory& memory) const;
  [[nodiscard]] std::string doubt(std::span<const Sample> samples, TimePoint at, PolicyMemory& memory) const;
  [[nodiscard]] std::string doubt_series(const Sample& sample, TimePoint at, PolicyMemory& memory) const;
  [[nodiscard]] std::string doubt_cross_check(const Sample& sample) const;
  std::size_t add(const std::string& expression, const Settings& settings);

  std::vector<Query> queries_;      ///< the first is the one, or the formula's first
  std::optional<Formula> formula_;  ///< its names are the first queries, in order
  Gate gate_;
};

/// What is wrong with the settings of kQueryKeys beyond each key by itself.
[[nodiscard]] std::vector<SettingsError> check_signal(const Settings& settings);

/// The vote of a policy whose reading cannot be trusted: it abstains, or wants the `at_least` the user asked for.
void vote_untrusted(const Reading& reading, const Fleet& fleet, Vote& vote);

/// Takes back a wish to shrink that rests on a reading in doubt: then the policy abstains.
void vote_in_doubt(const Reading& reading, const Fleet& fleet, Vote& vote);

/// Takes back a wish to shrink that rests on a reading that lacks servers: then the policy is content.
void keep_if_partial(const Reading& reading, const Fleet& fleet, Vote& vote);

/// Why a reading that lacks servers shrinks nothing: "2 of 5 servers have no number: …".
[[nodiscard]] std::string partial_text(const Reading& reading);

inline constexpr std::array kTrustKeys = {
    Key{.name = "age", .doc = "PromQL for how old the data is, in seconds: `time() - max(timestamp(metric))`."},
    Key{.name = "max_age", .type = KeyType::duration, .doc = "Older data shrinks nothing.", .fallback = "2m", .minimum = 1},
    Key{.name = "series", .doc = "PromQL for how many series are behind the query: `count(metric)`."},
    Key{.name = "max_loss",
        .type = KeyType::number,
        .doc = "Percent of those series that may be gone within 10 minutes; beyond that nothing shrinks.",
        .fallback = "20",
        .minimum = 0,
        .maximum = 100},
    Key{.name = "cross_check", .doc = "PromQL for another measure of the same load; nothing shrinks unless it agrees."},
    Key{.name = "above", .type = KeyType::number, .doc = "What cross_check has to be greater than."},
    Key{.name = "below", .type = KeyType::number, .doc = "What cross_check has to be less than."},
};

/// The keys of every policy that asks a query.
inline constexpr std::array kQueryKeys = {
    Key{.name = "query", .doc = "PromQL for one number, or for one series per server with server_label."},
    Key{.name = "queries", .type = KeyType::text_map, .doc = "Several queries by name, for `formula`, instead of `query`."},
    Key{.name = "formula",
        .doc = "Arithmetic over the named queries: `web + 0.5 * jobs`, `max(a, b)`, `a ?? b` (b if a has no data)."},
    Key{.name = "server_label", .doc = "Label that names the server, by its id or its host:port."},
    Key{.name = "select",
        .type = KeyType::text_map,
        .doc = "Labels that pick this group's series out of a query that many groups share word for word."},
    Key{.name = "on_empty", .type = KeyType::fallback, .doc = "What an answer without any series means.", .fallback = "hold"},
    Key{.name = "on_nan", .type = KeyType::fallback, .doc = "What NaN or an infinite value means.", .fallback = "hold"},
    Key{.name = "trust",
        .type = KeyType::section,
        .doc = "What must hold before the answer may shrink anything. Growing does not wait for it.",
        .keys = kTrustKeys},
};

/// kQueryKeys and a policy's own, as one table.
template <std::size_t N>
[[nodiscard]] constexpr std::array<Key, kQueryKeys.size() + N> with_query_keys(const std::array<Key, N>& own) {
  std::array<Key, kQueryKeys.size() + N> all{};
  std::copy(kQueryKeys.begin(), kQueryKeys.end(), all.begin());
  std::copy(own.begin(), own.end(), all.begin() + kQueryKeys.size());
  return all;
}

}  // namespace weir
