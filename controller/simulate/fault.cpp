#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <vector>

#include "controller/config/values.h"
#include "controller/simulate/world.h"

namespace weir {
namespace {

constexpr std::array kKinds = {Fault::Kind::prometheus, Fault::Kind::provider, Fault::Kind::slow_boot, Fault::Kind::quota,
                               Fault::Kind::balancer};

std::string kinds_text() {
  std::vector<std::string_view> names;
  for (const Fault::Kind kind : kKinds) names.push_back(to_string(kind));
  return fmt::format("{}", fmt::join(names, ", "));
}

Result<Duration> part(std::string_view text, std::string_view whole, std::string_view what) {
  const auto parsed = parse_duration(text);
  if (parsed) return *parsed;
  return failure(ErrorKind::invalid, fmt::format("'{}': {} after the {}, found '{}'", whole, parsed.error().expected, what, text));
}

}  // namespace

std::string_view to_string(Fault::Kind kind) {
  switch (kind) {
    case Fault::Kind::prometheus:
      return "prometheus";
    case Fault::Kind::provider:
      return "provider";
    case Fault::Kind::slow_boot:
      return "slow-boot";
    case Fault::Kind::quota:
      return "quota";
    case Fault::Kind::balancer:
      break;
  }
  return "balancer";
}

Result<Fault> parse_fault(std::string_view text) {
  const std::size_t at = text.find('@');
  const std::size_t plus = text.find('+', at == std::string_view::npos ? 0 : at);
  if (at == std::string_view::npos || plus == std::string_view::npos) {
    return failure(ErrorKind::invalid, fmt::format("'{}': expected WHAT@WHEN+HOW_LONG, such as prometheus@2h+10m", text));
  }
  const auto* const kind = std::ranges::find(kKinds, text.substr(0, at), [](Fault::Kind one) { return to_string(one); });
  if (kind == kKinds.end()) {
    return failure(ErrorKind::invalid, fmt::format("'{}': expected one of {} before the '@'", text, kinds_text()));
  }
  const auto begin = part(text.substr(at + 1, plus - at - 1), text, "'@'");
  if (!begin) return std::unexpected(begin.error());
  const auto length = part(text.substr(plus + 1), text, "'+'");
  if (!length) return std::unexpected(length.error());
  return Fault{*kind, *begin, *length};
}

}  // namespace weir
