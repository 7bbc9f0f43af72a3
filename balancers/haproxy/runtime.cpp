#include "balancers/haproxy/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "model/text.h"
#include "platform/unix_socket.h"

namespace weir {
namespace {

constexpr std::string_view kState = "# be_id ";
constexpr std::string_view kConnections = "# bkname/svname ";
constexpr std::string_view kStatistics = "# pxname,";
constexpr std::size_t kMaxQuote = 300;

/// Reasons not to send new requests: maintenance by command, of a server it tracks, drained by command, of a tracked one, or for
/// want of an address. The bit 4 only remembers that the configuration began with maintenance.
constexpr int kNotReady = 0x01 | 0x02 | 0x08 | 0x10 | 0x20;

std::vector<std::string_view> split(std::string_view line, char separator) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t end = line.find(separator);
    words.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return words;
    line.remove_prefix(end + 1);
  }
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

/// HAProxy's words on one line.
std::string quote(std::string_view answer) {
  const std::size_t begin = std::min(answer.find_first_not_of(" \r\n"), answer.size());
  answer.remove_prefix(begin);
  // `[3]: ` or `[error]: `, where the socket is configured with severity-output.
  constexpr std::size_t kLongestSeverity = 12;
  const std::size_t severity = answer.starts_with('[') ? answer.find("]: ") : std::string_view::npos;
  if (severity < kLongestSeverity) answer.remove_prefix(severity + 3);
  // The help that follows an unknown command is long and helps nobody here.
  answer = answer.substr(0, answer.find('\n'));
  const std::string line = quoted_line(answer, kMaxQuote);
  // Saying nothing means yes.
  return line.empty() && !answer.empty() ? "(no text)" : line;
}

/// The rows of one table: from the line that begins with `heading` to the next empty one. Absent if there is no such table, or not
/// all of it.
struct Table {
  std::vector<std::string_view> columns;
  std::vector<std::vector<std::string_view>> rows;

  [[nodiscard]] std::optional<std::size_t> column(std::string_view name) const {
    const auto found = std::ranges::find(columns, name);
    if (found == columns.end()) return std::nullopt;
    return static_cast<std::size_t>(found - columns.begin());
  }
};

std::optional<Table> table(std::string_view answer, std::string_view heading, char separator) {
  const std::size_t begin = answer.starts_with(heading) ? 0 : answer.find(fmt::format("\n{}", heading));
  if (begin == std::string_view::npos) return std::nullopt;
  const std::size_t end = answer.find("\n\n", begin + 1);
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view text = answer.substr(begin, end - begin);
  if (text.starts_with('\n')) text.remove_prefix(1);
  Table result;
  for (const std::string_view line : split(text, '\n')) {
    if (result.columns.empty()) {
      result.columns = split(line.substr(2), separator);
    } else {
      result.rows.push_back(split(line, separator));
    }
  }
  return result;
}

/// A row's value under a heading, if it has one.
std::optional<std::string_view> value(const Table& from, const std::vector<std::string_view>& row, std::string_view name) {
  const auto column = from.column(name);
  if (!column || *column >= row.size()) return std::nullopt;
  return row[*column];
}

std::optional<int> integer(const Table& from, const std::vector<std::string_view>& row, std::string_view name) {
  const auto text = value(from, row, name);
  return text ? number(*text) : std::nullopt;
}

/// A number of connections or requests.
std::optional<int> count(const Table& from, const std::vector<std::string_view>& row, std::string_view name) {
  constexpr int kMost = 1'000'000'000;  // two of them can be added
  const auto found = integer(from, row, name);
  return found && *found >= 0 && *found <= kMost ? found : std::nullopt;
}

std::optional<HaproxyServer> parse_state(const Table& from, const std::vector<std::string_view>& row) {
  const auto name = value(from, row, "srv_name");
  const auto ip = value(from, row, "srv_addr");
  const auto port = value(from, row, "srv_port");
  const auto weight = integer(from, row, "srv_uweight");
  const auto admin = integer(from, row, "srv_admin_state");
  const auto operation = integer(from, row, "srv_op_state");
  if (!name || name->empty() || !ip || !port || !weight || !admin || !operation) return std::nullopt;
  const bool six = ip->contains(':');
  return HaproxyServer{.name = std::string(*name),
                       .address = fmt::format("{}{}{}:{}", six ? "[" : "", *ip, six ? "]" : "", *port),
                       .weight = *weight,
                       .ready = (*admin & kNotReady) == 0,
                       .up = *operation != 0};
}

using Sessions = std::map<std::string, int, std::less<>>;

/// By server: connections that are in use.
std::optional<Sessions> parse_connections(const Table& from, std::string_view backend) {
  Sessions sessions;
  for (const auto& row : from.rows) {
    // A server added at run time has fewer columns at the end.
    const auto used = count(from, row, "used_cur");
    const std::string before = fmt::format("{}/", backend);
    if (!used || !row.front().starts_with(before)) return std::nullopt;
    sessions.emplace(row.front().substr(before.size()), *used);
  }
  return sessions;
}

/// By server: requests that run, and those that wait for it.
std::optional<Sessions> parse_statistics(const Table& from, std::string_view backend) {
  Sessions sessions;
  for (const auto& row : from.rows) {
    // Some versions answer for all backends, whichever is asked for.
    if (value(from, row, "pxname") != backend) continue;
    const auto name = value(from, row, "svname");
    if (name == "BACKEND" || name == "FRONTEND") continue;
    const auto running = count(from, row, "scur");
    const auto waiting = count(from, row, "qcur");
    if (!name || !running || !waiting) return std::nullopt;
    sessions.emplace(*name, *running + *waiting);
  }
  return sessions;
}

int at(const Sessions& sessions, const std::string& name) {
  const auto found = sessions.find(name);
  return found == sessions.end() ? 0 : found->second;  // gone between the first answer and this one
}

struct Text {
  std::string_view begin;
  ErrorKind kind;
  std::string_view advice = {};
};

constexpr std::array kTexts = {
    Text{"Permission denied", ErrorKind::denied, "; the socket needs `level admin`"},
    Text{"No such backend", ErrorKind::not_found},
    Text{"Can't find backend", ErrorKind::not_found},
    Text{"No such server", ErrorKind::not_found},
    Text{"Can't find the target PID", ErrorKind::not_found},
    Text{"Already exists a server with the same name", ErrorKind::unavailable},
    Text{"Only servers in maintenance mode", ErrorKind::unavailable},
    Text{"Server still has connections", ErrorKind::unavailable},
    Text{"Backend must use a dynamic load balancing", ErrorKind::invalid,
         "; use roundrobin, leastconn, first, random, or hash-type consistent"},
    Text{"Unknown command", ErrorKind::invalid, "; weir needs HAProxy 2.6 or later"},
};

std::unexpected<Error> refused(std::string_view answer) {
  const std::string said = quote(answer);
  const auto* text = std::ranges::find_if(kTexts, [&](const Text& each) { return said.starts_with(each.begin); });
  if (text == kTexts.end()) return failure(ErrorKind::invalid, said);
  return failure(text->kind, said + std::string(text->advice));
}

std::unexpected<Error> says(const std::filesystem::path& socket, std::string_view command, const Error& error) {
  return failure(error.kind, fmt::format("HAProxy at {}, {}: {}", socket.string(), command, error.message));
}

}  // namespace

Result<std::vector<HaproxyServer>> parse_servers(std::string_view answer, std::string_view backend) {
  const auto state = table(answer, kState, ' ');
  const auto connections = table(answer, kConnections, ' ');
  const auto statistics = table(answer, kStatistics, ',');
  const std::string said = quote(answer);
  if (!state && answer.contains('\n') && !said.empty() && said != "1") return refused(answer);  // "1": the format's version
  const auto garbled = [&] {
    return failure(ErrorKind::unavailable, fmt::format("an answer that is not complete: '{}'", quote(answer)));
  };
  if (!state || !connections || !statistics) return garbled();
  const auto used = parse_connections(*connections, backend);
  const auto running = parse_statistics(*statistics, backend);
  if (!used || !running) return garbled();
  std::vector<HaproxyServer> servers;
  for (const auto& row : state->rows) {
    auto server = parse_state(*state, row);
    if (!server || value(*state, row, "be_name") != backend) return garbled();
    server->sessions = std::max(at(*used, server->name), at(*running, server->name));
    servers.push_back(std::move(*server));
  }
  return servers;
}

Result<void> judge_answer(std::string_view answer) {
  const std::string said = quote(answer);
  if (said == "New server registered." || said == "Server deleted.") return {};
  if (said.empty() && answer.contains('\n')) return {};
  if (said.empty()) return failure(ErrorKind::unavailable, "closed the connection without an answer");
  return refused(answer);
}

Result<std::vector<int>> parse_old_workers(std::string_view answer) {
  const auto garbled = [&] { return failure(ErrorKind::unavailable, fmt::format("no list of processes: '{}'", quote(answer))); };
  if (!answer.starts_with("#<PID>") || !answer.ends_with("\n\n") || !answer.contains("\n# workers\n")) return garbled();
  std::vector<int> pids;
  bool old = false;
  for (const std::string_view line : split(answer, '\n')) {
    if (line.starts_with('#')) old = line == "# old workers";
    if (!old || line.empty() || line.starts_with('#')) continue;
    const auto pid = number(line.substr(0, line.find(' ')));
    if (!pid || *pid <= 0) return garbled();
    pids.push_back(*pid);
  }
  return pids;
}

Result<std::vector<HaproxyServer>> HaproxyRuntime::ask(const std::filesystem::path& socket, const std::string& prefix,
                                                       const std::string& backend, const std::stop_token& stop) const {
  // 4: servers; -1: all of them.
  const std::string command =
      fmt::format("{0}show servers state {1}; {0}show servers conn {1}; {0}show stat {1} 4 -1", prefix, backend);
  const auto answer = ask_unix_socket(socket, command + "\n", timeout_, stop);
  auto servers = answer ? parse_servers(*answer, backend) : std::unexpected(answer.error());
  if (!servers) return says(socket, fmt::format("{}show servers state {}", prefix, backend), servers.error());
  return servers;
}

Result<std::vector<HaproxyServer>> HaproxyRuntime::servers(const std::string& backend, const std::stop_token& stop) const {
  return ask(socket_, "", backend, stop);
}

Result<std::vector<HaproxyServer>> HaproxyRuntime::old_servers(const std::string& backend, const std::stop_token& stop) const {
  std::vector<HaproxyServer> all;
  if (master_.empty()) return all;
  const auto answer = ask_unix_socket(master_, "show proc\n", timeout_, stop);
  const auto workers = answer ? parse_old_workers(*answer) : std::unexpected(answer.error());
  if (!workers) return says(master_, "show proc", workers.error());
  for (const int pid : *workers) {
    auto servers = ask(master_, fmt::format("@!{} ", pid), backend, stop);
    const bool gone =
        !servers && servers.error().kind == ErrorKind::not_found;  // the worker meanwhile, or it never had the backend
    if (!servers && !gone) return servers;
    if (servers) std::ranges::move(*servers, std::back_inserter(all));
  }
  return all;
}

Result<void> HaproxyRuntime::change(const std::string& command, const std::stop_token& stop) const {
  const auto answer = ask_unix_socket(socket_, command + "\n", timeout_, stop);
  if (!answer) return says(socket_, command, answer.error());
  if (const auto good = judge_answer(*answer); !good) return says(socket_, command, good.error());
  return {};
}

}  // namespace weir
