#include "tests/support/haproxy_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include "platform/command.h"
#include "platform/file.h"
#include "platform/unix_socket.h"
#include "tests/support/free_port.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

constexpr std::chrono::seconds kPatience{20};

constexpr const char* kConfig = R"(global
    stats socket {directory}/admin.sock mode 600 level admin expose-fd listeners
    maxconn 400
defaults
    mode http
    balance roundrobin
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option redispatch
frontend site
    bind 127.0.0.1:{port}
    default_backend app
)";

}  // namespace

HaproxyProgram::HaproxyProgram(Mode mode, Backend backend) : mode_(mode), backend_(backend), port_(free_port()) {
  std::filesystem::create_directory(backend_file().parent_path());
  const std::string site = fmt::format(kConfig, fmt::arg("directory", directory().string()), fmt::arg("port", port_));
  std::ofstream(directory() / "site.cfg") << site;
  std::ofstream(directory() / "haproxy.cfg") << site << (backend_ == Backend::in_configuration ? "backend app\n" : "");
}

HaproxyProgram::~HaproxyProgram() { stop(); }

bool HaproxyProgram::is_here() {
  const auto version = run_command({"haproxy", "-v"}, kPatience);
  return version && version->status == 0;
}

std::string HaproxyProgram::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

std::filesystem::path HaproxyProgram::master_socket() const {
  return mode_ == Mode::master ? directory() / "master.sock" : std::filesystem::path();
}

std::vector<std::string> HaproxyProgram::command(const std::vector<std::string>& more) const {
  std::vector<std::string> words = {"haproxy", "-f", directory() / "haproxy.cfg"};
  if (backend_ == Backend::in_file) words.insert(words.end(), {"-f", backend_file()});
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::vector<std::string> HaproxyProgram::test_command() const {
  return {"haproxy", "-c", "-f", directory() / "site.cfg", "-f", "{file}"};
}

std::string HaproxyProgram::log() const { return read_file(directory() / "haproxy.log").value_or(""); }

int HaproxyProgram::worker() const {
  // A master becomes another program once its worker runs, and hears nothing until then.
  if (mode_ == Mode::master) {
    const auto processes = ask_unix_socket(master_socket(), "show proc\n", kPatience);
    if (!processes || !processes->contains("# workers\n")) return 0;
  }
  const auto answer = ask_unix_socket(socket(), "show info\n", kPatience);
  if (!answer) return 0;
  const std::size_t at = answer->find("\nPid: ");
  return at == std::string::npos ? 0 : std::atoi(answer->c_str() + at + 6);
}

bool HaproxyProgram::spawn(const std::vector<std::string>& haproxy) {
  // With the death signal it cannot outlive a test that crashed.
  std::vector<std::string> all = {"setpriv", "--pdeathsig", "TERM", "--"};
  all.insert(all.end(), haproxy.begin(), haproxy.end());
  std::vector<char*> words;
  for (const std::string& word : all) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const std::string log = directory() / "haproxy.log";
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, words.front(), &files, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  if (error == 0) processes_.push_back(pid);
  return error == 0;
}

bool HaproxyProgram::start() {
  const std::vector<std::string> more =
      mode_ == Mode::master ? std::vector<std::string>{"-W", "-S", master_socket()} : std::vector<std::string>{"-db"};
  return spawn(command(more)) && wait_until(kPatience, [this] { return worker() != 0; });
}

void HaproxyProgram::stop() {
  // A master stops its workers; what is left of them ends with the connections that the apps close.
  for (const pid_t pid : processes_) (void)::kill(pid, mode_ == Mode::master ? SIGTERM : SIGKILL);
  for (const pid_t pid : processes_) {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  processes_.clear();
  std::error_code ignored;
  std::filesystem::remove(socket(), ignored);
}

bool HaproxyProgram::reload() {
  const int before = worker();
  if (mode_ == Mode::master) {
    (void)::kill(processes_.front(), SIGUSR2);
  } else if (!spawn(command({"-db", "-x", socket(), "-sf", std::to_string(before)}))) {
    return false;
  }
  return wait_until(kPatience, [&] {
    const int now = worker();
    return now != 0 && now != before;
  });
}

}  // namespace weir
