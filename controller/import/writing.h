#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace weir {

// How foreign words become words of a configuration. Whatever is given, the result cannot break out of its place in a line.

/// One line of valid UTF-8 without control characters, at most `longest` bytes, for comments and messages.
[[nodiscard]] std::string clean(std::string_view text, std::size_t longest = 120);

/// A YAML scalar that a configuration reads as exactly this text, quoted if need be; `${` is kept from being a variable.
[[nodiscard]] std::string yaml_text(std::string_view text);

/// As short as it can be and still the same number.
[[nodiscard]] std::string number_text(double value);
/// `90s`, `5m`, `1h30m`.
[[nodiscard]] std::string seconds_text(double seconds);

/// Lower-case letters, digits and '-', as a group's name: `WebServerGroup` becomes web-server-group. Not in `taken`, which it
/// joins.
[[nodiscard]] std::string group_name(std::string_view text, std::set<std::string>& taken);
/// Likewise a policy's name.
[[nodiscard]] std::string policy_name(std::string_view text, std::set<std::string>& taken);

// ---- PromQL

/// A quoted string of PromQL.
[[nodiscard]] std::string promql_text(std::string_view text);
/// The nearest name of a metric or label: `nvidia.com/gpu` becomes nvidia_com_gpu.
[[nodiscard]] std::string promql_name(std::string_view text);
/// As CloudWatch's exporter writes names: `ApproximateNumberOfMessages` becomes approximate_number_of_messages.
[[nodiscard]] std::string snake_case(std::string_view text);
/// The text as a regular expression that matches only itself.
[[nodiscard]] std::string literal_regex(std::string_view text);

}  // namespace weir
