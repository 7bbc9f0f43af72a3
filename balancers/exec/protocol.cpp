#include "balancers/exec/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "model/text.h"

namespace weir {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

constexpr std::array<std::pair<std::string_view, ErrorKind>, 4> kKinds = {{{"invalid", ErrorKind::invalid},
                                                                           {"not_found", ErrorKind::not_found},
                                                                           {"unavailable", ErrorKind::unavailable},
                                                                           {"denied", ErrorKind::denied}}};

Error error_of(const json& said) {
  const std::string kind = said.at("kind").get<std::string>();
  const auto* known = std::ranges::find(kKinds, kind, &std::pair<std::string_view, ErrorKind>::first);
  return {known == kKinds.end() ? ErrorKind::unavailable : known->second, said.at("message").get<std::string>()};
}

Peer peer_of(const json& said) {
  Peer peer{.server = said.value("server", ""), .address = said.at("address").get<std::string>()};
  if (said.contains("weight")) peer.weight = said.at("weight").get<int>();
  return peer;
}

/// Throws what the library throws for a missing or wrong member.
Result<ExecAnswer> answer_of(ExecVerb verb, const json& said) {
  if (const json& version = said.at("protocol"); version != kVersion) {
    return failure(ErrorKind::invalid, fmt::format("answers in version {} of the protocol; this is {}", version.dump(), kVersion));
  }
  if (said.contains("error")) return std::unexpected(error_of(said.at("error")));
  ExecAnswer answer{.detail = said.value("detail", "")};
  if (verb == ExecVerb::diff && said.contains("diff")) answer.diff = said.at("diff").get<std::string>();
  if (verb != ExecVerb::read) return answer;
  for (const json& peer : said.at("peers")) answer.peers.push_back(peer_of(peer));
  std::ranges::sort(answer.peers, {}, &Peer::address);
  answer.in_force = said.at("in_force").get<bool>();
  if (!said.contains("connections")) return answer;
  answer.connections.emplace();
  for (const auto& [address, count] : said.at("connections").items()) answer.connections->push_back({address, count.get<int>()});
  return answer;
}

}  // namespace

std::string_view to_string(ExecVerb verb) {
  switch (verb) {
    case ExecVerb::read:
      return "read";
    case ExecVerb::write:
      return "write";
    case ExecVerb::diff:
      return "diff";
  }
  return "";
}

std::string exec_question(ExecVerb verb, const std::string& group, std::span<const Peer> peers,
                          std::span<const std::string> count) {
  json question{{"protocol", kVersion}, {"verb", to_string(verb)}, {"group", group}};
  if (verb == ExecVerb::read) {
    question["count"] = count;
  } else {
    json& list = question["peers"] = json::array();
    for (const Peer& peer : peers) list.push_back({{"server", peer.server}, {"address", peer.address}, {"weight", peer.weight}});
  }
  return question.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<ExecAnswer> parse_exec_answer(ExecVerb verb, std::string_view text) {
  constexpr std::size_t kMaxQuote = 200;
  try {
    return answer_of(verb, json::parse(text));
  } catch (const json::exception& error) {
    const bool nothing = text.find_first_not_of(" \t\r\n") == std::string_view::npos;
    const std::string said = nothing ? "nothing" : fmt::format("'{}'", quoted_line(text, kMaxQuote));
    return failure(ErrorKind::unavailable,
                   fmt::format("says {}, which is no answer ({})", said, quoted_line(error.what(), kMaxQuote)));
  }
}

}  // namespace weir
