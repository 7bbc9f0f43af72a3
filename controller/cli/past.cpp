#include "controller/cli/past.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "controller/cli/questions.h"
#include "controller/render/json.h"
#include "controller/render/rfc3339.h"

namespace weir {
namespace {

// Keeps the fields in the order in which they came.
using json = nlohmann::ordered_json;

/// So many of a fleet of a thousand servers are an answer that the client takes.
constexpr int kPage = 100;

KeptRecord numbered(KeptRecord kept) {
  kept.json = numbered_json(std::move(kept.json), kept.number);
  return kept;
}

/// One of the list that GET …/decisions answers.
std::optional<KeptRecord> kept_of(const json& decision) {
  if (!decision.is_object()) return std::nullopt;
  const auto turn = decision.find("turn");
  const auto at = decision.find("at");
  if (turn == decision.end() || !turn->is_number_integer() || at == decision.end() || !at->is_string()) return std::nullopt;
  const std::optional<TimePoint> time = parse_rfc3339(at->get<std::string>());
  if (!time) return std::nullopt;
  return KeptRecord{.number = turn->get<std::int64_t>(), .at = *time, .json = decision.dump()};
}

class Asking {
 public:
  Asking(const Connection& connection, const std::string& group)
      : connection_(connection), path_("/v1/groups/" + url_encoded(group)) {}

  Result<std::vector<KeptRecord>> newest() { return decisions("limit=1"); }

  /// Page by page.
  Result<std::vector<KeptRecord>> changes(int limit) {
    std::vector<KeptRecord> turns;
    std::string before;
    for (int missing = limit; missing > 0; missing = limit - static_cast<int>(turns.size())) {
      const int wanted = std::min(missing, kPage);
      auto page = decisions(fmt::format("changes=true&limit={}{}", wanted, before));
      if (!page) return page;
      std::ranges::move(*page, std::back_inserter(turns));
      if (std::ssize(*page) < wanted) break;
      before = "&before=" + url_encoded(oldest_);
    }
    return turns;
  }

  Result<Manual> manual() {
    const auto status = get_from(http_, connection_, path_);
    if (!status) return std::unexpected(status.error());
    const auto manual = parse_manual(*status);
    return manual ? manual : not_weirs(path_);
  }

 private:
  Result<std::vector<KeptRecord>> decisions(const std::string& query) {
    const std::string path = fmt::format("{}/decisions?{}", path_, query);
    const auto body = get_from(http_, connection_, path);
    if (!body) return std::unexpected(body.error());
    const json answer = json::parse(*body, nullptr, false);
    if (!answer.is_object() || !answer.contains("decisions") || !answer["decisions"].is_array()) return not_weirs(path);
    std::vector<KeptRecord> turns;
    for (const json& decision : answer["decisions"]) {
      auto kept = kept_of(decision);
      if (!kept) return not_weirs(path);
      turns.push_back(std::move(*kept));
      oldest_ = decision["at"].get<std::string>();
    }
    return turns;
  }

  [[nodiscard]] std::unexpected<Error> not_weirs(const std::string& path) const {
    return failure(ErrorKind::unavailable, fmt::format("{}{} is not answered as weir would", connection_.url, path));
  }

  const Connection& connection_;
  std::string path_;
  std::string oldest_;  ///< the time of the last decision that was read, as it was written
  HttpClient http_;
};

}  // namespace

Result<Past> past_on_disk(const Config& config, const PastAsked& asked) {
  const auto reader = reader_for(config, asked.group);
  if (!reader) return std::unexpected(reader.error());
  Past past;
  if (asked.changes > 0) {
    auto kept = (*reader)->history(asked.group, asked.changes, {}, StateReader::Which::changes);
    if (!kept) return std::unexpected(kept.error());
    for (KeptRecord& one : *kept) past.turns.push_back(numbered(std::move(one)));
  }
  auto last = (*reader)->last(asked.group);
  if (!last) return std::unexpected(last.error());
  if (!*last) return past;
  past.newest_turn = (*last)->number;
  if (asked.changes > 0) return past;
  past.turns.push_back(numbered(std::move(**last)));
  auto memory = (*reader)->load(asked.group);
  if (!memory) return std::unexpected(memory.error());
  past.manual = std::move(memory->manual);
  return past;
}

Result<Past> past_from(const Connection& connection, const PastAsked& asked) {
  Asking asking(connection, asked.group);
  Past past;
  if (asked.changes > 0) {
    auto changes = asking.changes(asked.changes);
    if (!changes) return std::unexpected(changes.error());
    past.turns = std::move(*changes);
  }
  auto newest = asking.newest();
  if (!newest) return std::unexpected(newest.error());
  if (newest->empty()) return past;
  past.newest_turn = newest->front().number;
  if (asked.changes > 0) return past;
  past.turns = std::move(*newest);
  auto manual = asking.manual();
  if (!manual) return std::unexpected(manual.error());
  past.manual = std::move(*manual);
  return past;
}

}  // namespace weir
