#include "providers/pm2/cli.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "platform/descriptor.h"

namespace weir::pm2 {
namespace {

/// An entry is some 8 KiB of JSON.
constexpr std::size_t kMostOutput = 64UL * 1024 * 1024;
/// PM2 takes the first piece that it reads of its standard input for all of it; a pipe carries 64 KiB in one piece.
constexpr std::size_t kLongestDocument = 60'000;

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

/// Without colours and other control characters.
std::string plain(std::string_view line) {
  constexpr std::size_t kLongest = 300;
  std::string text;
  bool in_colour = false;
  for (const char c : line) {
    if (c == '\x1B') in_colour = true;
    if (!in_colour && static_cast<unsigned char>(c) >= 0x20 && text.size() < kLongest) text += c;
    if (c == 'm') in_colour = false;
  }
  return text;
}

/// The line that it calls an error, otherwise the last one that says anything.
std::string complaint_in(const CommandResult& result) {
  std::string words = "without a word";
  for (std::string_view output : {std::string_view(result.output), std::string_view(result.errors)}) {
    while (!output.empty()) {
      const std::string line = plain(output.substr(0, output.find('\n')));
      if (line.contains("[ERROR]")) return line;
      if (line.find_first_not_of(' ') != std::string::npos) words = line;
      output.remove_prefix(output.contains('\n') ? output.find('\n') + 1 : output.size());
    }
  }
  return words;
}

}  // namespace

Result<CommandResult> Cli::run(const std::vector<std::string>& arguments, std::string input, const std::stop_token& stop) const {
  if (Result<void> daemon = require_daemon(home_); !daemon) return std::unexpected(daemon.error());
  // By env(1), since what runs here is to have these variables and no others.
  std::vector<std::string> words{"env", "-i", fmt::format("PM2_HOME={}", home_.string())};
  for (const char* name : kInherited) {
    if (const char* value = std::getenv(name)) words.push_back(fmt::format("{}={}", name, value));
  }
  words.insert(words.end(), command_.begin(), command_.end());
  words.insert(words.end(), arguments.begin(), arguments.end());
  const std::string said = fmt::format("{} {}", fmt::join(command_, " "), fmt::join(arguments, " "));
  Result<CommandResult> result = run_command(
      {.argv = std::move(words), .input = std::move(input), .errors = Command::Errors::apart, .most_output = kMostOutput}, timeout_,
      stop);
  if (!result) {
    // Its own message would show the whole environment.
    const bool cancelled = result.error().kind == ErrorKind::cancelled;
    const std::string why = cancelled ? "ended, we are stopping" : fmt::format("no end within {}", format_duration(timeout_));
    return failure(result.error().kind, fmt::format("{}: {}", said, why));
  }
  if (result->status == 0) return result;
  // env(1) says with these that it could not run what it was given.
  const bool absent = result->status == 126 || result->status == 127;
  return failure(absent ? ErrorKind::not_found : ErrorKind::invalid,
                 fmt::format("{}: status {}: {}", said, result->status, complaint_in(*result)));
}

Result<std::vector<Entry>> Cli::list(const std::stop_token& stop) const {
  const Result<CommandResult> answer = run({"jlist"}, {}, stop);
  const auto fault = [&](std::string_view what) {
    return failure(ErrorKind::unavailable, fmt::format("PM2 of {}: {}", home_.string(), what));
  };
  if (!answer && answer.error().kind == ErrorKind::invalid) return fault(answer.error().message);
  if (!answer) return std::unexpected(answer.error());
  if (!answer->complete) return fault("its list is longer than 64 MiB");
  // What a daemon knows that this very question has made is nothing, and no news of the one that was meant.
  if (answer->output.contains("Spawning PM2 daemon")) return fault("its daemon was gone, and a new one knows nothing yet");
  Result<std::vector<Entry>> entries = parse_list(answer->output);
  if (!entries) return fault(entries.error().message);
  // A daemon without a single entry is that of a wrong home, or has lost its list: there is nothing to copy in either case.
  if (entries->empty()) return fault("it knows no app at all; is this the right home, and was `pm2 resurrect` run?");
  return entries;
}

Result<void> Cli::start(const std::string& name, const std::string& document, const std::stop_token& stop) const {
  if (document.size() > kLongestDocument) {
    return failure(ErrorKind::invalid, fmt::format("cannot start {}: arguments and environment of the app are {} bytes, and PM2 "
                                                   "reads only {} from its input; nothing was started",
                                                   name, document.size(), kLongestDocument));
  }
  const Result<CommandResult> answer = run({"start", "-"}, document, stop);
  if (!answer) return std::unexpected(answer.error());
  // The status is 0 even if the script is not there.
  if (answer->output.contains(fmt::format("App [{}] launched", name))) return {};
  return failure(ErrorKind::invalid, fmt::format("{} start -: {}", fmt::join(command_, " "), complaint_in(*answer)));
}

Result<void> Cli::remove(const std::string& name_or_id, const std::stop_token& stop) const {
  const Result<CommandResult> answer = run({"delete", name_or_id}, {}, stop);
  if (!answer) return std::unexpected(answer.error());
  return {};
}

}  // namespace weir::pm2
