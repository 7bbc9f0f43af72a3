#include "controller/api/rates.h"

#include <algorithm>

namespace weir {
namespace {

constexpr std::size_t kMostPeers = 4096;

/// Those that have rested long enough to begin anew; all, if that is not enough: connections are bounded all the same.
template <typename Buckets>
void forget_some(Buckets& buckets, PeerRates::Moment now) {
  if (buckets.size() < kMostPeers) return;
  std::erase_if(buckets, [now](const auto& bucket) { return bucket.second <= now; });
  if (buckets.size() >= kMostPeers) buckets.clear();
}

}  // namespace

void PeerRates::limit(const ApiRates& rates) {
  const std::lock_guard lock(mutex_);
  rates_ = rates;
}

std::optional<Duration> PeerRates::request(const std::string& peer, Moment now) {
  const std::lock_guard lock(mutex_);
  const auto step = std::chrono::duration_cast<Step>(std::chrono::duration<double>(1 / rates_.requests_per_second));
  return take(requests_, peer, now, step, rates_.burst);
}

std::optional<Duration> PeerRates::wrong_token(const std::string& peer, Moment now) {
  const std::lock_guard lock(mutex_);
  const Step step = Step(std::chrono::minutes(1)) / rates_.wrong_tokens_per_minute;
  return take(wrong_tokens_, peer, now, step, rates_.wrong_tokens_per_minute);
}

std::optional<Duration> PeerRates::take(Buckets& buckets, const std::string& peer, Moment now, Step step, int burst) {
  const auto known = buckets.find(peer);
  const Moment full_at = (known == buckets.end() ? now : std::max(known->second, now)) + step;
  const Moment at_most = now + step * burst;
  if (full_at > at_most) return std::max(std::chrono::ceil<Duration>(full_at - at_most), Duration{1});
  if (known != buckets.end()) {
    known->second = full_at;
    return std::nullopt;
  }
  forget_some(buckets, now);
  buckets.emplace(peer, full_at);
  return std::nullopt;
}

}  // namespace weir
