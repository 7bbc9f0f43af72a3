#include "tests/providers/aws_asg/moto_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/command.h"
#include "platform/http_client.h"
#include "tests/support/free_port.h"
#include "tests/support/wait_until.h"

namespace weir {

namespace {

constexpr std::chrono::seconds kPatience{60};

/// moto loads a service when it is first called, for longer than a call may take where the machine is busy.
constexpr std::pair<std::string_view, std::string_view> kFirstCalls[] = {
    {"ec2", "Action=DescribeVpcs&Version=2016-11-15"},
    {"autoscaling", "Action=DescribeAutoScalingGroups&Version=2011-01-01"},
    {"elasticloadbalancing", "Action=DescribeTargetGroups&Version=2015-12-01"},
};

bool has_loaded(HttpClient& client, const std::string& url, std::string_view service, std::string_view query) {
  HttpRequest request{.method = "POST", .url = url + "/", .body = std::string(query), .timeout = kPatience};
  const std::string scope = fmt::format("key/20200101/us-east-1/{}/aws4_request", service);
  request.access.headers = {
      {"Authorization", fmt::format("AWS4-HMAC-SHA256 Credential={}, SignedHeaders=host, Signature=0", scope)}};
  const auto response = client.fetch(std::move(request));
  return response && response->status == 200;
}

}  // namespace

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
  if (!wait_until(kPatience, answers)) return failure(ErrorKind::unavailable, "moto did not answer within a minute");
  for (const auto& [service, query] : kFirstCalls) {
    if (!has_loaded(client, url(), service, query)) {
      return failure(ErrorKind::unavailable, fmt::format("moto did not load {} within a minute", service));
    }
  }
  return {};
}

}  // namespace weir
