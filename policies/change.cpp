#include "policies/change.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/limits.h"

namespace weir {

int changed_size(const Change& change, int from, int least) {
  switch (change.kind) {
    case Change::Kind::to_exactly:
      return static_cast<int>(change.amount);
    case Change::Kind::by_servers:
      return std::max(0, from + static_cast<int>(change.amount));
    case Change::Kind::by_percent:
      break;
  }
  const double most = std::min<double>(kMostServers, std::floor(from * std::abs(change.amount) / 100 + 1e-9));
  const int servers = std::max(least, static_cast<int>(most));
  return change.amount > 0 ? from + servers : std::max(0, from - servers);
}

std::string change_text(const Change& change) {
  switch (change.kind) {
    case Change::Kind::to_exactly:
      return fmt::format("={:.0f}", change.amount);
    case Change::Kind::by_percent:
      return fmt::format("{:+g}%", change.amount);
    case Change::Kind::by_servers:
      break;
  }
  return fmt::format("{:+.0f}", change.amount);
}

int whole_servers(double servers) { return static_cast<int>(std::ceil(std::clamp<double>(servers, 0, kMostServers) - 1e-9)); }

}  // namespace weir
