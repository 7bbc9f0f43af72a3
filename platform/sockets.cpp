#include "platform/sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <compare>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_set>

#include "platform/file.h"

namespace weir {
namespace {

using Inodes = std::unordered_set<std::uint64_t>;

/// An IPv4 address is kept as the IPv6 address it is mapped to, so that both socket families compare.
struct Endpoint {
  std::array<std::uint8_t, 16> address{};
  std::uint16_t port = 0;
  auto operator<=>(const Endpoint&) const = default;
};

Endpoint from_ipv4(const in_addr& address, std::uint16_t port) {
  Endpoint endpoint{{}, port};
  endpoint.address[10] = endpoint.address[11] = 0xff;
  std::memcpy(endpoint.address.data() + 12, &address, 4);
  return endpoint;
}

std::optional<Endpoint> parse_endpoint(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  if (const auto parsed = std::from_chars(text.data() + colon + 1, end, port); parsed.ec != std::errc() || parsed.ptr != end) {
    return std::nullopt;
  }
  std::string host = text.substr(0, colon);
  if (in_addr address{}; ::inet_pton(AF_INET, host.c_str(), &address) == 1) return from_ipv4(address, port);
  if (host.size() < 2 || host.front() != '[' || host.back() != ']') return std::nullopt;
  host = host.substr(1, host.size() - 2);
  Endpoint endpoint{{}, port};
  if (::inet_pton(AF_INET6, host.c_str(), endpoint.address.data()) != 1) return std::nullopt;
  return endpoint;
}

template <typename Number>
std::optional<Number> number(std::string_view text, int base) {
  Number value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

/// `0100007F:0BB8` or the same with 32 digits: words of the address as the machine holds them, then the port.
std::optional<Endpoint> parse_kernel_endpoint(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  const auto port = number<std::uint16_t>(text.substr(colon + 1), 16);
  if (!port) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t at = 0; at < colon; at += 8) {
    const auto word = number<std::uint32_t>(text.substr(at, 8), 16);
    if (!word) return std::nullopt;
    std::memcpy(bytes.data() + at / 2, &*word, 4);
  }
  if (colon == 32) return Endpoint{bytes, *port};
  in_addr address{};
  std::memcpy(&address, bytes.data(), 4);
  return from_ipv4(address, *port);
}

std::string_view next_word(std::string_view& line) {
  const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  const std::size_t end = std::min(line.find(' ', begin), line.size());
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

struct Row {
  Endpoint remote;
  std::string_view state;
  std::uint64_t inode = 0;
};

std::optional<Row> parse_row(std::string_view line) {
  std::array<std::string_view, 10> words;  // sl local remote state queues timer retransmits uid timeout inode
  for (std::string_view& word : words) word = next_word(line);
  const auto remote = parse_kernel_endpoint(words[2]);
  const auto inode = number<std::uint64_t>(words[9], 10);
  if (!remote || !inode) return std::nullopt;
  return Row{*remote, words[3], *inode};
}

bool is_open(std::string_view state) {
  return state == "01" || state == "02" || state == "08";  // ESTABLISHED, SYN_SENT, CLOSE_WAIT
}

bool is_gone(int error) { return error == ENOENT || error == ESRCH; }

std::unexpected<Error> not_shown(const std::string& path, int error) {
  const bool denied = error == EACCES || error == EPERM;
  return failure(denied ? ErrorKind::denied : ErrorKind::unavailable,
                 fmt::format("cannot read {}: {}{}", path, std::strerror(error), denied ? " (needs root or CAP_SYS_PTRACE)" : ""));
}

/// What a link in /proc says; an errno in case of failure.
std::expected<std::string, int> read_link(const std::string& path) {
  std::array<char, 128> target{};
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  if (length < 0) return std::unexpected(errno);
  return std::string(target.data(), static_cast<std::size_t>(length));
}

/// A process that is ending has no memory left and so no command line, and is closed to everybody but root.
bool is_ending(pid_t process) {
  const auto line = read_file(fmt::format("/proc/{}/cmdline", process));
  return line ? line->empty() : line.error().kind == ErrorKind::not_found;
}

/// Adds the socket inodes of one process; a process that has ended has none.
Result<void> add_sockets(pid_t process, Inodes& inodes) {
  const std::string path = fmt::format("/proc/{}/fd", process);
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory) return is_gone(errno) ? Result<void>{} : not_shown(path, errno);
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) return errno == 0 || is_gone(errno) ? Result<void>{} : not_shown(path, errno);
    if (entry->d_name[0] == '.') continue;
    const auto target = read_link(path + "/" + entry->d_name);
    if (!target && !is_gone(target.error())) return not_shown(path, target.error());
    if (!target || !target->starts_with("socket:[")) continue;
    if (const auto inode = number<std::uint64_t>(std::string_view(*target).substr(8, target->size() - 9), 10))
      inodes.insert(*inode);
  }
}

using Counts = std::map<Endpoint, int>;

/// Adds the connections that one of the kernel's tables (as `process` sees it) shows for these sockets. Counted ones are taken
/// from `inodes`: a table that changes while it is read may show a row twice.
Result<void> add_connections(pid_t process, std::string_view table, Inodes& inodes, Counts& counts) {
  const auto text = read_file(fmt::format("/proc/{}/net/{}", process, table));
  if (!text && text.error().kind == ErrorKind::not_found && table == "tcp6") return {};  // a kernel without IPv6
  if (!text) return std::unexpected(text.error());
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size() - 1);
    const auto row = parse_row(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    if (!row || !is_open(row->state) || inodes.erase(row->inode) == 0) continue;
    const auto counted = counts.find(row->remote);
    if (counted != counts.end()) ++counted->second;
  }
  return {};
}

}  // namespace

Result<std::vector<BalancerView::Connections>> count_connections(std::span<const pid_t> processes,
                                                                 std::span<const std::string> addresses) {
  Counts counts;
  std::vector<Endpoint> endpoints;
  for (const std::string& address : addresses) {
    const auto endpoint = parse_endpoint(address);
    if (!endpoint)
      return failure(ErrorKind::invalid, fmt::format("cannot count connections to '{}': not an IP address and port", address));
    endpoints.push_back(*endpoint);
    counts.emplace(*endpoint, 0);
  }
  Inodes inodes;
  std::map<std::string, pid_t> namespaces;  // each with one process that sees it
  for (const pid_t process : processes) {
    if (auto added = add_sockets(process, inodes); !added && !is_ending(process)) return std::unexpected(added.error());
    const std::string path = fmt::format("/proc/{}/ns/net", process);
    const auto name = read_link(path);
    if (name) namespaces.emplace(*name, process);
    if (!name && !is_gone(name.error()) && !is_ending(process)) return not_shown(path, name.error());
  }
  for (const auto& [name, process] : namespaces) {
    for (const std::string_view table : {"tcp", "tcp6"}) {
      if (auto added = add_connections(process, table, inodes, counts); !added) return std::unexpected(added.error());
    }
  }
  std::vector<BalancerView::Connections> result;
  for (std::size_t i = 0; i < endpoints.size(); ++i) result.push_back({addresses[i], counts[endpoints[i]]});
  return result;
}

}  // namespace weir
