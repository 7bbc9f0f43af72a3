#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "model/memory.h"
#include "model/query.h"
#include "policies/policy.h"

namespace weir {

/// What a policy may believe of one sample, after the query's rules for missing data. Either one number for the whole group, or
/// the servers' own numbers, those of warmed servers only.
struct Reading {
  bool trusted = false;
  double value = 0;  ///< the number, or the mean of the measured servers
  bool per_server = false;
  int measured = 0;             ///< warmed servers with a number
  int missing = 0;              ///< warmed servers without one
  std::optional<int> at_least;  ///< not trusted, but the user wants no fewer servers than this meanwhile
  std::string why;              ///< why it is not trusted
};

/// Applies on_empty and on_nan and matches series to servers (by id or address). Remembers a good value for `last`.
[[nodiscard]] Reading read_sample(const Query& query, const Sample& sample, const Fleet& fleet, TimePoint at, PolicyMemory& memory);

/// The vote of a policy whose reading cannot be trusted: it abstains, or wants the `at_least` the user asked for.
void vote_untrusted(const Reading& reading, const Fleet& fleet, Vote& vote);

/// Why a reading that lacks servers shrinks nothing: "2 of 5 servers have no number: …".
[[nodiscard]] std::string partial_text(const Reading& reading);

/// The keys of every policy that asks a query.
inline constexpr std::array kQueryKeys = {
    Key{.name = "query", .doc = "PromQL for one number, or for one series per server with server_label.", .required = true},
    Key{.name = "server_label", .doc = "Label that names the server, by its id or its host:port."},
    Key{.name = "select",
        .type = KeyType::text_map,
        .doc = "Labels that pick this group's series out of a query that many groups share word for word."},
    Key{.name = "on_empty", .type = KeyType::fallback, .doc = "What an answer without any series means.", .fallback = "hold"},
    Key{.name = "on_nan", .type = KeyType::fallback, .doc = "What NaN or an infinite value means.", .fallback = "hold"},
};

/// kQueryKeys and a policy's own, as one table.
template <std::size_t N>
[[nodiscard]] constexpr std::array<Key, kQueryKeys.size() + N> with_query_keys(const std::array<Key, N>& own) {
  std::array<Key, kQueryKeys.size() + N> all{};
  std::copy(kQueryKeys.begin(), kQueryKeys.end(), all.begin());
  std::copy(own.begin(), own.end(), all.begin() + kQueryKeys.size());
  return all;
}

/// The query that settings read by such a table say.
[[nodiscard]] Query query_from(const Settings& settings);

}  // namespace weir
