#include "providers/pm2/cli.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "platform/command.h"
#include "platform/descriptor.h"

namespace weir::pm2 {
namespace {

/// An entry is some 8 KiB of JSON.
constexpr std::size_t kMostOutput = 64UL * 1024 * 1024;

/// What the command line inherits of weir's environment. Not all of it: PM2 hands its own on to what it starts.
constexpr const char* kInherited[] = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"};

/// Whether somebody listens where the daemon of this home would. Its process number in a file proves less.
Result<void> require_daemon(const std::filesystem::path& home) {
  const std::string path = home / "rpc.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {};  // PM2 itself cannot use such a home: let it say so
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const bool listens =
      socket.get() >= 0 && ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (listens || errno == EAGAIN) return {};
  const ErrorKind kind = errno == EACCES || errno == EPERM ? ErrorKind::denied : ErrorKind::unavailable;
  return failure(kind,
                 fmt::format("no PM2 daemon answers at {}: {}; is this the PM2_HOME of the right user, and was `pm2 resurrect` "
                             "run since the machine started?",
                             path, std::strerror(errno)));
}

/// The last line that says anything, without the colours.
std::string last_words(std::string_view output) {
  constexpr std::size_t kLongest = 300;
  std::string words;
  std::string line;
  bool in_colour = false;
  for (const char c : output) {
    if (c == '\n' && line.find_first_not_of(' ') != std::string::npos) words = line;
    if (c == '\n') line.clear();
    if (c == '\x1B') in_colour = true;
    if (!in_colour && static_cast<unsigned char>(c) >= 0x20 && line.size() < kLongest) line += c;
    if (in_colour && c == 'm') in_colour = false;
  }
  return line.find_first_not_of(' ') != std::string::npos ? line : words;
}

}  // namespace

Result<std::string> Cli::run(const std::vector<std::string>& arguments, const std::stop_token& stop) const {
  if (Result<void> daemon = require_daemon(home_); !daemon) return std::unexpected(daemon.error());
  std::vector<std::string> words{"env", "-i", fmt::format("PM2_HOME={}", home_.string())};
  for (const char* name : kInherited) {
    if (const char* value = std::getenv(name)) words.push_back(fmt::format("{}={}", name, value));
  }
  words.insert(words.end(), command_.begin(), command_.end());
  words.insert(words.end(), arguments.begin(), arguments.end());
  const std::string said = fmt::format("{} {}", fmt::join(command_, " "), fmt::join(arguments, " "));
  Result<CommandResult> result = run_command(words, timeout_, stop, kMostOutput);
  if (!result) {
    // Its message would show the whole environment.
    const bool cancelled = result.error().kind == ErrorKind::cancelled;
    const std::string why = cancelled ? "killed, we are stopping" : fmt::format("no end within {}", format_duration(timeout_));
    return failure(result.error().kind, fmt::format("{}: {}", said, why));
  }
  if (result->status == 0) return std::move(result->output);
  // env(1) says with these that it could not run what it was given.
  const bool absent = result->status == 126 || result->status == 127;
  return failure(absent ? ErrorKind::not_found : ErrorKind::invalid,
                 fmt::format("{}: status {}: {}", said, result->status, last_words(result->output)));
}

Result<std::vector<Entry>> Cli::list(const std::stop_token& stop) const {
  const Result<std::string> output = run({"jlist"}, stop);
  if (!output) {
    const bool refused = output.error().kind == ErrorKind::invalid;
    return failure(refused ? ErrorKind::unavailable : output.error().kind, output.error().message);
  }
  Result<std::vector<Entry>> entries = parse_list(*output);
  if (!entries) entries.error().message = fmt::format("pm2 of {}: {}", home_.string(), entries.error().message);
  return entries;
}

Result<void> Cli::start(const std::filesystem::path& file, const std::stop_token& stop) const {
  const Result<std::string> output = run({"start", file.string()}, stop);
  if (!output) return std::unexpected(output.error());
  return {};
}

Result<void> Cli::remove(const std::string& name_or_id, const std::stop_token& stop) const {
  const Result<std::string> output = run({"delete", name_or_id}, stop);
  if (!output) return std::unexpected(output.error());
  return {};
}

}  // namespace weir::pm2
