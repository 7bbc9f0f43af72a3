#include "tests/support/nginx_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <sstream>

#include "balancers/nginx/processes.h"
#include "tests/support/free_port.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

std::string replaced(std::string text, std::string_view what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

std::string contents(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

constexpr const char* kConfig = R"(daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log notice;
worker_processes 2;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path {directory}/client_body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
{http}
}
)";

constexpr std::chrono::seconds kPatience{20};

pid_t spawn(const std::vector<std::string>& command) {
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, words.front(), &files, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  return error == 0 ? pid : 0;
}

bool is_alive(pid_t pid) { return ::kill(pid, 0) == 0 && !contents(fmt::format("/proc/{}/cmdline", pid)).empty(); }

}  // namespace

std::optional<HttpAnswer> http_get(int port, const std::string& path) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{30, 0};
  (void)::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string request = fmt::format("GET {} HTTP/1.0\r\nHost: test\r\n\r\n", path);
  std::string text;
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::send(socket, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    std::array<char, 4096> part{};
    for (ssize_t count = 0; (count = ::recv(socket, part.data(), part.size(), 0)) > 0;)
      text.append(part.data(), static_cast<std::size_t>(count));
  }
  ::close(socket);
  const std::size_t body = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.") || body == std::string::npos) return std::nullopt;
  return HttpAnswer{std::stoi(text.substr(9, 3)), text.substr(body + 4)};
}

NginxServer::NginxServer(const std::string& http) : port_(free_port()) {
  // The workers run as another user.
  std::filesystem::permissions(directory(), std::filesystem::perms::others_read | std::filesystem::perms::others_exec,
                               std::filesystem::perm_options::add);
  const std::string text =
      replaced(replaced(replaced(kConfig, "{http}", http), "{directory}", directory().string()), "{port}", std::to_string(port_));
  std::ofstream(config_file()) << text;
}

NginxServer::~NginxServer() { stop(); }

std::string NginxServer::proxy() {
  return "upstream app { include {directory}/upstream.conf; }\n"
         "server { listen 127.0.0.1:{port}; location / { proxy_pass http://app; } }";
}

std::string NginxServer::proxy_to_included_block() {
  return "include {directory}/upstream.conf;\n"
         "server { listen 127.0.0.1:{port}; location / { proxy_pass http://app; } }";
}

std::string NginxServer::answering(const std::string& text) {
  return "server { listen 127.0.0.1:{port}; location / { return 200 '" + text + "'; } }";
}

bool NginxServer::start() {
  // With the death signal it cannot outlive a test that crashed.
  std::vector<std::string> words = {"setpriv", "--pdeathsig", "TERM", "--"};
  const std::vector<std::string> nginx = command({});
  words.insert(words.end(), nginx.begin(), nginx.end());
  pid_ = spawn(words);
  return pid_ != 0 &&
         wait_until(kPatience, [this] { return find_nginx_master(pid_file()) == pid_ && serving_workers(pid_).size() == 2; });
}

void NginxServer::stop() {
  if (pid_ == 0) return;
  const std::vector<pid_t> family = nginx_processes(pid_);
  for (const pid_t pid : family) (void)::kill(pid, SIGKILL);
  (void)::waitpid(pid_, nullptr, 0);
  (void)wait_until(kPatience, [&] {
    for (const pid_t pid : family) {
      if (is_alive(pid)) return false;
    }
    return true;
  });
  pid_ = 0;
}

std::string NginxServer::address() const { return fmt::format("127.0.0.1:{}", port_); }

std::vector<std::string> NginxServer::command(std::vector<std::string> more) const {
  std::vector<std::string> words = {
      "nginx", "-p", directory().string(), "-c", config_file().string(), "-e", (directory() / "error.log").string()};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::vector<std::string> NginxServer::test_command() const { return command({"-t"}); }
std::vector<std::string> NginxServer::reload_command() const { return command({"-s", "reload"}); }

std::string NginxServer::error_log() const { return contents(directory() / "error.log"); }

int NginxServer::reloads() const {
  const std::string log = error_log();
  int count = 0;
  for (std::size_t at = log.find("reconfiguring"); at != std::string::npos; at = log.find("reconfiguring", at + 1)) ++count;
  return count;
}

}  // namespace weir
