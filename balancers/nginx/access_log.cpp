#include "balancers/nginx/access_log.h"

#include <algorithm>

namespace weir {

std::vector<std::string_view> failed_upstreams(std::string_view line) {
  constexpr std::string_view kUpstream = R"( upstream=")";
  std::vector<std::string_view> found;
  const std::size_t at = line.rfind(kUpstream);
  if (at == std::string_view::npos) return found;
  const std::string_view before = line.substr(0, at);
  if (!before.ends_with("status=502") && !before.ends_with("status=504")) return found;
  std::string_view tried = line.substr(at + kUpstream.size());
  tried = tried.substr(0, tried.find('"'));
  // `a, b` after a failed try, `a : b` after an internal redirect.
  while (!tried.empty()) {
    const std::size_t begin = tried.find_first_not_of(", ");
    if (begin == std::string_view::npos) break;
    const std::size_t end = std::min(tried.find_first_of(", ", begin), tried.size());
    if (const std::string_view word = tried.substr(begin, end - begin); word != ":") found.push_back(word);
    tried.remove_prefix(end);
  }
  return found;
}

Result<int> AccessLog::lost(std::span<const std::string> leaving, std::span<const Peer> peers, Steady::time_point now) {
  for (const Peer& peer : peers) leaving_.erase(peer.address);
  for (const std::string& address : leaving) leaving_[address] = now;
  int count = 0;
  const auto blame = [&](std::string_view line) {
    const std::vector<std::string_view> tried = failed_upstreams(line);
    if (std::ranges::any_of(tried, [&](std::string_view address) { return leaving_.contains(address); })) ++count;
  };
  const Result<void> read = file_.read(leaving_.empty() ? std::function<void(std::string_view)>() : blame);
  std::erase_if(leaving_, [&](const auto& one) { return now - one.second >= kAfterlife; });
  if (!read) return std::unexpected(read.error());
  return count;
}

}  // namespace weir
