#include "tests/support/process_world.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdlib>

#include "platform/file.h"
#include "tests/support/free_port.h"
#include "tests/support/settings.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

constexpr int kBlock = 32;
constexpr int kFirstBlock = 10'000;
constexpr int kBlocks = (free_port_detail::kFirst - kFirstBlock) / kBlock;  // none that free_port() gives to others

int listen_on(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int yes = 1;
  (void)::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 && ::listen(socket, 1) == 0) return socket;
  ::close(socket);
  return -1;
}

bool all_free(int first, int last) {
  for (int port = first; port <= last; ++port) {
    const int socket = listen_on(port);
    if (socket < 0) return false;
    ::close(socket);
  }
  return true;
}

/// Empty for a process that ends while it is read: a stream would throw.
std::string text_of(const std::filesystem::path& path) { return read_file(path).value_or(""); }

/// One thread's own view: a process whose first thread has ended still has an environment in the others.
bool lives_in(const std::filesystem::path& thread, const std::string& mark) {
  const std::string stat = text_of(thread / "stat");
  const std::size_t name_end = stat.rfind(')');
  const bool ended = name_end == std::string::npos || stat.substr(name_end + 2, 1) == "Z";
  return !ended && text_of(thread / "environ").find(mark) != std::string::npos;
}

bool lives_in_any_thread(const std::filesystem::path& process, const std::string& mark) {
  std::error_code gone;
  std::filesystem::directory_iterator thread(process / "task", gone);
  for (; !gone && thread != std::filesystem::directory_iterator(); thread.increment(gone)) {
    if (lives_in(thread->path(), mark)) return true;
  }
  return false;
}

}  // namespace

ProcessWorld::ProcessWorld() {
  for (int tried = 0; tried < kBlocks && lock_ < 0; ++tried) {
    const int block = kFirstBlock + kBlock * ((static_cast<int>(::getpid()) + tried) % kBlocks);
    lock_ = listen_on(block);
    if (lock_ < 0) continue;
    first_port_ = block + 1;
    if (all_free(first_port_, block + kBlock - 1)) continue;
    ::close(lock_);
    lock_ = -1;
  }
  if (lock_ < 0) std::abort();
}

ProcessWorld::~ProcessWorld() {
  for (const pid_t pid : processes()) (void)::kill(pid, SIGKILL);
  (void)wait_until(std::chrono::seconds(20), [this] { return processes().empty(); });
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  ::close(lock_);
}

std::vector<pid_t> ProcessWorld::processes() const {
  std::vector<pid_t> found;
  const std::string mark = std::string("WEIR_TEST_WORLD=") + path().string() + '\0';
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc{}) continue;
    if (lives_in_any_thread(entry.path(), mark)) found.push_back(pid);
  }
  return found;
}

std::unique_ptr<Provider> ProcessWorld::open(std::function<void(LaunchStep)> on_step) {
  return make_process_provider(
      {.directory = directory(), .now = [this] { return TimePoint(now_.load()); }, .on_step = std::move(on_step)});
}

Group ProcessWorld::group(const std::string& name, std::vector<std::string> arguments) const {
  Group group;
  group.name = name;
  group.max = 8;
  group.server = with_defaults(process_provider_type().server_keys);
  arguments.insert(arguments.begin(), CHILD_APP);
  group.server.set("command", std::move(arguments));
  group.server.set("ports", ports(kBlock - 1));
  group.server.set("env", Settings::TextMap{{"WEIR_TEST_WORLD", path().string()}});
  return group;
}

std::string ProcessWorld::ports(int count) const {
  return std::to_string(first_port_) + "-" + std::to_string(first_port_ + count - 1);
}

void ProcessWorld::launch_and_die(const LaunchRequest& request, LaunchStep step) {
  const pid_t weir = ::fork();
  if (weir == 0) {
    (void)open([step](LaunchStep now) {
      if (now == step) (void)::kill(::getpid(), SIGKILL);
    })->launch(request, {});
    ::_exit(0);
  }
  int status = 0;
  if (weir < 0 || ::waitpid(weir, &status, 0) != weir || !WIFSIGNALED(status)) std::abort();
}

}  // namespace weir
