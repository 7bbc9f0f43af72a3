#include "balancers/haproxy/text.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <set>

namespace weir {
namespace {

constexpr std::string_view kHeaderStart = "# Managed by weir for group ";
constexpr std::string_view kHeaderEnd = "; edits are overwritten.";
constexpr std::string_view kServer = "    server ";
constexpr std::string_view kBeforeId = " # ";
constexpr std::string_view kBlanks = " \t\r\n";
constexpr char kBeforeMark = ':';  // HAProxy takes it in a name; ids that have it themselves get a mark
constexpr std::size_t kLongestName = 60;
constexpr int kMostWeight = 256;

std::string header(std::string_view group) { return fmt::format("{}{}{}", kHeaderStart, group, kHeaderEnd); }

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

/// FNV-1a: short, the same everywhere and for ever. Names need no more.
std::uint32_t hash(std::string_view text) {
  std::uint32_t value = 2166136261U;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 16777619U;
  return value;
}

std::string mark(std::string_view id, std::string_view address) {
  return fmt::format("{:08x}", hash(fmt::format("{}\n{}", id, address)));
}

std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  const std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

template <typename Address>
std::optional<std::string> numeric(int family, const std::string& host) {
  Address address{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_pton(family, host.c_str(), &address) != 1) return std::nullopt;
  if (::inet_ntop(family, &address, text.data(), text.size()) == nullptr) return std::nullopt;
  return std::string(text.data());
}

Result<void> check_peer(const Peer& peer) {
  if (!plain_address(peer.address)) {
    return failure(ErrorKind::invalid,
                   fmt::format("server {}: '{}' is no IP address and port, as HAProxy needs it", peer.server, peer.address));
  }
  if (peer.weight < 0 || peer.weight > kMostWeight) {
    return failure(ErrorKind::invalid,
                   fmt::format("server {}: weight {}; HAProxy takes 0 to {}", peer.server, peer.weight, kMostWeight));
  }
  // An id must not be able to end its comment.
  if (std::ranges::any_of(peer.server, [](char c) { return static_cast<unsigned char>(c) < ' '; })) {
    return failure(ErrorKind::invalid, fmt::format("server at {}: its id has control characters", peer.address));
  }
  return {};
}

std::optional<Peer> parse_line(std::string_view line) {
  const std::size_t end = line.find(kBeforeId);
  if (!line.starts_with(kServer) || end == std::string_view::npos) return std::nullopt;
  std::string_view words = line.substr(kServer.size(), end - kServer.size());
  (void)next_word(words);
  Peer peer{.server = std::string(line.substr(end + kBeforeId.size())), .address = std::string(next_word(words))};
  if (next_word(words) != "weight") return std::nullopt;
  const std::string_view weight = next_word(words);
  const auto parsed = std::from_chars(weight.data(), weight.data() + weight.size(), peer.weight);
  return parsed.ec == std::errc() ? std::optional(peer) : std::nullopt;
}

}  // namespace

HaproxyOwner haproxy_owner(std::string_view text, std::string_view group) {
  if (text.find_first_not_of(kBlanks) == std::string_view::npos) return HaproxyOwner::nobody;
  const std::string_view first = text.substr(0, text.find('\n'));
  if (first == header(group)) return HaproxyOwner::this_group;
  return first.starts_with(kHeaderStart) && first.ends_with(kHeaderEnd) ? HaproxyOwner::other_group : HaproxyOwner::stranger;
}

std::string haproxy_name(const Peer& peer) {
  const bool plain = !peer.server.empty() && peer.server.size() <= kLongestName && std::ranges::all_of(peer.server, is_plain);
  return plain ? peer.server : haproxy_marked_name(peer);
}

std::string haproxy_marked_name(const Peer& peer) {
  std::string name = peer.server.substr(0, kLongestName);
  std::ranges::replace_if(name, [](char c) { return !is_plain(c); }, '_');
  return fmt::format("{}{}{}", name, kBeforeMark, mark(peer.server, peer.address));
}

bool is_haproxy_name_of(std::string_view name, const Peer& peer) {
  return name == haproxy_name(peer) || name == haproxy_marked_name(peer);
}

std::string id_of_haproxy_name(const std::string& name, const std::string& address) {
  const std::size_t end = name.rfind(kBeforeMark);
  if (end == std::string::npos) return name;
  std::string stem = name.substr(0, end);
  return name.substr(end + 1) == mark(stem, address) ? stem : std::string();
}

std::optional<std::string> plain_address(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::uint16_t port = 0;
  const std::string_view digits = address.substr(colon + 1);
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() || port == 0) return std::nullopt;
  std::string host(address.substr(0, colon));
  if (const auto ip = numeric<in_addr>(AF_INET, host)) return fmt::format("{}:{}", *ip, port);
  if (host.size() < 2 || host.front() != '[' || host.back() != ']') return std::nullopt;
  const auto ip = numeric<in6_addr>(AF_INET6, host.substr(1, host.size() - 2));
  return ip ? std::optional(fmt::format("[{}]:{}", *ip, port)) : std::nullopt;
}

Result<void> check_peers(std::span<const Peer> peers) {
  std::set<std::string> names;
  std::set<std::string> addresses;
  for (const Peer& peer : peers) {
    if (auto good = check_peer(peer); !good) return good;
    const bool fresh = names.insert(haproxy_name(peer)).second && addresses.insert(*plain_address(peer.address)).second;
    if (!fresh) {
      return failure(ErrorKind::invalid,
                     fmt::format("server {} at {}: another peer has this name or address", peer.server, peer.address));
    }
  }
  return {};
}

std::string server_words(const HaproxyFormat& format, const Peer& peer) {
  return fmt::format("{} weight {}{}{}", peer.address, peer.weight, format.options.empty() ? "" : " ",
                     fmt::join(format.options, " "));
}

Result<std::string> render_backend(const HaproxyFormat& format, std::span<const Peer> peers) {
  if (auto good = check_peers(peers); !good) return std::unexpected(good.error());
  std::string text = fmt::format("{}\nbackend {}{}\n", header(format.group), format.backend,
                                 format.defaults.empty() ? "" : " from " + format.defaults);
  for (const std::string& line : format.lines) text += fmt::format("    {}\n", line);
  for (const Peer& peer : peers)
    text += fmt::format("{}{} {}{}{}\n", kServer, haproxy_name(peer), server_words(format, peer), kBeforeId, peer.server);
  return text;
}

std::vector<Peer> parse_backend(std::string_view text) {
  std::vector<Peer> peers;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (auto peer = parse_line(text.substr(0, end))) peers.push_back(std::move(*peer));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return peers;
}

std::vector<std::string> own_servers(const HaproxyFormat& format) {
  std::vector<std::string> names;
  for (std::string_view line : format.lines) {
    if (next_word(line) == "server") names.emplace_back(next_word(line));
  }
  return names;
}

}  // namespace weir
