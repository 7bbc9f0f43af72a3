#include "tests/providers/aws_asg/moto_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <vector>

#include "platform/command.h"
#include "platform/http_client.h"
#include "tests/support/free_port.h"
#include "tests/support/wait_until.h"

namespace weir {

bool MotoServer::is_installed() {
  const auto asked = run_command({"python3", "-c", "import moto.server"}, std::chrono::seconds(60));
  return asked && asked->status == 0;
}

MotoServer::~MotoServer() {
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

std::string MotoServer::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

Result<void> MotoServer::start() {
  port_ = free_port();
  const std::string log = (directory_.path() / "log").string();
  std::vector<std::string> arguments = {"python3", "-m", "moto.server", "-H", "127.0.0.1", "-p", std::to_string(port_)};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  const int error = ::posix_spawnp(&process_, "python3", &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) process_ = -1;
  if (error != 0) return failure(ErrorKind::not_found, fmt::format("cannot start moto: {}", std::strerror(error)));
  HttpClient client;
  const auto answers = [&] {
    const auto response = client.fetch({.url = url() + "/moto-api/data.json"});
    return response && response->status == 200;
  };
  if (wait_until(std::chrono::seconds(60), answers)) return {};
  return failure(ErrorKind::unavailable, "moto did not answer within 60 s");
}

}  // namespace weir
