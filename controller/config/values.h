#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "controller/config/config.h"
#include "model/settings.h"
#include "model/time.h"

namespace weir {

/// Why a text is not a value: "expected true or false", and perhaps what to do about it.
struct Mismatch {
  std::string expected;
  std::string hint = {};
  bool operator==(const Mismatch&) const = default;
};
template <typename T>
using Parsed = std::expected<T, Mismatch>;

/// `90s`, `1h30m`: whole numbers with ms, s, m, h, d, each unit once, largest first; at most 100 years.
[[nodiscard]] Parsed<Duration> parse_duration(std::string_view text);
/// A decimal whole number that fits 32 bits.
[[nodiscard]] Parsed<std::int64_t> parse_integer(std::string_view text);
/// A finite decimal number.
[[nodiscard]] Parsed<double> parse_number(std::string_view text);
[[nodiscard]] Parsed<bool> parse_boolean(std::string_view text);
/// +N, -N, +N%, -N% or =N. A sign is needed: a bare 5 could mean two things.
[[nodiscard]] Parsed<Change> parse_change(std::string_view text);
/// N or N%.
[[nodiscard]] Parsed<Portion> parse_portion(std::string_view text);
/// N% between 0% and 100%, neither of them.
[[nodiscard]] Parsed<double> parse_percent(std::string_view text);
/// What check_version() allows.
[[nodiscard]] Parsed<std::string> parse_version(std::string_view text);
/// Splits as a POSIX shell splits words: blanks, quotes, backslashes; nothing else is special, and an unquoted operator (`|`, `>`,
/// `;`, `&`, `<`) is refused because no shell would see it.
[[nodiscard]] Parsed<std::vector<std::string>> parse_command(std::string_view text);
/// host:port or [ipv6]:port.
[[nodiscard]] Parsed<Listen> parse_listen(std::string_view text);

/// The word of `known` that `word` was probably meant to be; empty if none is near. Ignores case and `-` for `_`.
[[nodiscard]] std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known);

/// Replaces `${NAME}` by the variable's value and `$${` by `${`. The error is a message: it names what is missing.
[[nodiscard]] std::expected<std::string, std::string> substitute(std::string_view text, const Environment& environment);

/// Whether only this machine reaches that host.
[[nodiscard]] bool is_loopback(const std::string& host);

}  // namespace weir
