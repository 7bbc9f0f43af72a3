#include "balancers/nginx/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace weir {
namespace {

constexpr std::string_view kHeaderStart = "# Managed by weir for group ";
constexpr std::string_view kHeaderEnd = "; edits are overwritten.";
constexpr std::string_view kPlaceholder = "127.0.0.1:9";  // the discard port: nobody listens there, and it is marked down besides
constexpr std::string_view kBeforeId = "; # ";
constexpr std::string_view kBlanks = " \t\r\n";

std::string header(std::string_view group) { return fmt::format("{}{}{}", kHeaderStart, group, kHeaderEnd); }

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool is_address(std::string_view text) {
  constexpr std::string_view kMore = ".:-_[]";
  return text.contains(':') && std::ranges::all_of(text, [&](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || kMore.contains(c);
         });
}

Result<void> check_peer(const Peer& peer) {
  if (!is_address(peer.address)) {
    return failure(ErrorKind::invalid,
                   fmt::format("server {}: '{}' is no host:port that nginx could take", peer.server, peer.address));
  }
  if (peer.weight < 1) {
    return failure(ErrorKind::invalid, fmt::format("server {}: weight {}; nginx takes 1 and more", peer.server, peer.weight));
  }
  // An id must not be able to end its comment.
  if (std::ranges::any_of(peer.server, [](char c) { return static_cast<unsigned char>(c) < ' '; })) {
    return failure(ErrorKind::invalid, fmt::format("server at {}: its id has control characters", peer.address));
  }
  return {};
}

std::string server_line(const NginxFormat& format, const Peer& peer) {
  std::string line = fmt::format("server {}", peer.address);
  if (const int weight = peer.weight * format.weight; weight != 1) line += fmt::format(" weight={}", weight);
  line += fmt::format(" max_fails={}", format.max_fails);
  if (format.fail_timeout.count() > 0) line += fmt::format(" fail_timeout={}s", format.fail_timeout.count());
  if (format.max_conns > 0) line += fmt::format(" max_conns={}", format.max_conns);
  if (format.backup) line += " backup";
  return fmt::format("{}{}{}", line, kBeforeId, peer.server);
}

std::vector<std::string> block_head(const NginxFormat& format) {
  std::vector<std::string> lines;
  if (!format.zone.empty()) lines.push_back(fmt::format("zone {} {};", format.upstream, format.zone));
  if (!format.method.empty() && format.method != "round_robin") lines.push_back(format.method + ";");
  return lines;
}

std::string_view next_word(std::string_view& text) {
  text = trim(text);
  const std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

std::optional<Peer> parse_line(const NginxFormat& format, std::string_view line) {
  line = trim(line);
  if (!line.starts_with("server ") && !line.starts_with("server\t")) return std::nullopt;
  const std::size_t end = line.find(';');
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view words = line.substr(0, end);
  (void)next_word(words);
  Peer peer{.server = {}, .address = std::string(next_word(words))};
  while (!words.empty()) {
    const std::string_view word = next_word(words);
    if (word == "down" && peer.address == kPlaceholder) return std::nullopt;
    if (!word.starts_with("weight=")) continue;
    (void)std::from_chars(word.data() + 7, word.data() + word.size(), peer.weight);
  }
  // A weight that the group's factor does not divide was written by another hand or under another factor; leave it to differ.
  if (peer.weight % format.weight == 0) peer.weight /= format.weight;
  if (line.substr(end).starts_with(kBeforeId)) peer.server = line.substr(end + kBeforeId.size());
  return peer;
}

template <typename Each>
void for_each_line(std::string_view text, Each each) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    each(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

NginxOwner owner_of(std::string_view text, std::string_view group) {
  if (trim(text).empty()) return NginxOwner::nobody;
  const std::string_view first = text.substr(0, text.find('\n'));
  if (first == header(group)) return NginxOwner::this_group;
  return first.starts_with(kHeaderStart) && first.ends_with(kHeaderEnd) ? NginxOwner::other_group : NginxOwner::stranger;
}

Result<std::string> render(const NginxFormat& format, std::span<const Peer> peers) {
  const bool block = format.layout == NginxFormat::Layout::upstream;
  std::vector<std::string> lines;
  if (block) lines = block_head(format);
  for (const Peer& peer : peers) {
    if (auto good = check_peer(peer); !good) return std::unexpected(good.error());
    lines.push_back(server_line(format, peer));
  }
  if (peers.empty()) lines.push_back(fmt::format("server {} down; # no server is in service", kPlaceholder));
  // nginx wants keepalive after the balancing method.
  if (block && format.keepalive > 0) lines.push_back(fmt::format("keepalive {};", format.keepalive));

  std::string text = header(format.group) + "\n";
  if (block) text += fmt::format("upstream {} {{\n", format.upstream);
  for (const std::string& line : lines) text += fmt::format("{}{}\n", block ? "    " : "", line);
  if (block) text += "}\n";
  return text;
}

std::vector<Peer> parse_peers(const NginxFormat& format, std::string_view text) {
  std::vector<Peer> peers;
  for_each_line(text, [&](std::string_view line) {
    if (auto peer = parse_line(format, line)) peers.push_back(std::move(*peer));
  });
  return peers;
}

}  // namespace weir
