#include "providers/kubernetes/ledger.h"

#include <algorithm>
#include <deque>
#include <ranges>
#include <set>

#include "providers/kubernetes/json_fields.h"

namespace weir::kubernetes {
namespace {

bool holds(const std::vector<std::string>& texts, const std::string& text) { return std::ranges::find(texts, text) != texts.end(); }

std::unexpected<Error> damaged() {
  return failure(ErrorKind::invalid,
                 "the annotation weir.dev/tokens is damaged: repair it, or remove it and let weir adopt the pods");
}

Result<Ledger::Entry> parse_entry(const nlohmann::json& entry) {
  const bool usable = entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_string();
  if (!usable) return damaged();
  return Ledger::Entry{entry[0].get<std::string>(), entry[1].get<std::string>()};
}

/// Uids of the pods that are alive, not on their way out, and nobody's yet; in order.
std::deque<std::string> free_pods(const Ledger& ledger, const LedgerFacts& facts) {
  std::set<std::string> taken(ledger.removing.begin(), ledger.removing.end());
  for (const Ledger::Entry& entry : ledger.entries) taken.insert(entry.pod);
  std::deque<std::string> free;
  for (const std::string& pod : facts.alive) {
    if (!taken.contains(pod)) free.push_back(pod);
  }
  return free;
}

}  // namespace

bool Ledger::is_removing(const std::string& pod) const { return holds(removing, pod); }

const Ledger::Entry* Ledger::find_token(const std::string& token) const {
  const auto found = std::ranges::find(entries, token, &Entry::token);
  return found == entries.end() ? nullptr : &*found;
}

std::string Ledger::token_of(const std::string& pod) const {
  const auto found = std::ranges::find(entries, pod, &Entry::pod);
  return found == entries.end() ? std::string() : found->token;
}

void Ledger::forget_pod(const std::string& pod) {
  std::erase_if(entries, [&](const Entry& entry) { return entry.pod == pod; });
}

Result<Ledger> parse_ledger(const std::string& text) {
  if (text.empty()) return Ledger{};
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return damaged();
  Ledger ledger{.group = text_field(json, {"group"}), .port = int_field(json, {"port"}, 0)};
  for (const nlohmann::json& entry : list_field(json, {"tokens"})) {
    Result<Ledger::Entry> parsed = parse_entry(entry);
    if (!parsed) return std::unexpected(parsed.error());
    ledger.entries.push_back(std::move(*parsed));
  }
  for (const nlohmann::json& pod : list_field(json, {"removing"})) {
    if (!pod.is_string()) return damaged();
    ledger.removing.push_back(pod.get<std::string>());
  }
  return ledger;
}

std::string to_text(const Ledger& ledger) {
  nlohmann::json tokens = nlohmann::json::array();
  for (const Ledger::Entry& entry : ledger.entries) tokens.push_back(nlohmann::json::array({entry.token, entry.pod}));
  return nlohmann::json{{"group", ledger.group}, {"port", ledger.port}, {"tokens", tokens}, {"removing", ledger.removing}}.dump();
}

Ledger settled(Ledger ledger, const LedgerFacts& facts, const std::map<std::string, std::string>& remembered) {
  std::erase_if(ledger.removing, [&](const std::string& pod) { return !holds(facts.present, pod); });
  std::vector<std::size_t> never_had;
  std::vector<std::size_t> lost;
  for (std::size_t index = 0; index < ledger.entries.size(); ++index) {
    Ledger::Entry& entry = ledger.entries[index];
    const auto seen = remembered.find(entry.token);
    if (entry.pod.empty() && seen != remembered.end()) entry.pod = seen->second;
    if (holds(facts.alive, entry.pod)) continue;
    (entry.pod.empty() ? never_had : lost).push_back(index);
    entry.pod.clear();
  }
  std::deque<std::string> free = free_pods(ledger, facts);
  const auto alive = std::ranges::count_if(facts.alive, [&](const std::string& pod) { return !ledger.is_removing(pod); });
  auto room = std::max<std::ptrdiff_t>(0, facts.replicas - alive);  // for pods that are yet to be made
  std::set<std::size_t> dropped;
  never_had.insert(never_had.end(), lost.begin(), lost.end());
  for (const std::size_t index : never_had) {
    Ledger::Entry& entry = ledger.entries[index];
    // Nobody waits for the successor of a pod that was nobody's.
    const bool wanted = !entry.token.empty();
    if (wanted && !free.empty()) {
      entry.pod = free.front();
      free.pop_front();
    } else if (wanted && room > 0) {
      --room;
    } else {
      dropped.insert(index);
    }
  }
  for (const std::size_t index : std::ranges::reverse_view(dropped)) {
    ledger.entries.erase(ledger.entries.begin() + static_cast<std::ptrdiff_t>(index));
  }
  return ledger;
}

Ledger with_all_known(Ledger ledger, const LedgerFacts& facts) {
  for (std::string& pod : free_pods(ledger, facts)) ledger.entries.push_back({"", std::move(pod)});
  return ledger;
}

}  // namespace weir::kubernetes
