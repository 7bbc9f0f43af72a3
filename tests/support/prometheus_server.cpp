#include "tests/support/prometheus_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>

#include "platform/command.h"
#include "tests/support/free_port.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

std::string config_for(std::span<const PrometheusServer::Job> jobs, const std::string& interval) {
  std::string text =
      fmt::format("global: {{scrape_interval: {0}, scrape_timeout: {0}, evaluation_interval: {0}}}\nscrape_configs:\n", interval);
  for (const PrometheusServer::Job& job : jobs) {
    text +=
        fmt::format("  - job_name: {}\n    static_configs: [{{targets: [\"{}\"]}}]\n", job.name, fmt::join(job.targets, "\", \""));
  }
  return jobs.empty() ? text + "  []\n" : text;
}

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

Result<std::unique_ptr<PrometheusServer>> PrometheusServer::start(std::span<const Job> jobs, const std::string& scrape_interval,
                                                                  Door door, const std::string& past) {
  std::unique_ptr<PrometheusServer> server(new PrometheusServer(free_port(), std::move(door)));
  std::ofstream(server->directory_.path() / "prometheus.yml") << config_for(jobs, scrape_interval);
  std::ofstream(server->directory_.path() / "web.yml") << server->door_.config;
  if (const Result<void> written = server->write_past(past); !written) return std::unexpected(written.error());
  if (const Result<void> spawned = server->spawn(); !spawned) return std::unexpected(spawned.error());
  if (const Result<void> ready = server->wait_until_ready(); !ready) return std::unexpected(ready.error());
  return server;
}

PrometheusServer::~PrometheusServer() { stop(SIGKILL); }

std::string PrometheusServer::url() const { return fmt::format("http{}://127.0.0.1:{}", door_.config.empty() ? "" : "s", port_); }

void PrometheusServer::stop(int signal) {
  if (process_ < 0) return;
  ::kill(process_, signal);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

Result<void> PrometheusServer::write_past(const std::string& past) const {
  if (past.empty()) return {};
  const std::filesystem::path text = directory_.path() / "past.om";
  std::ofstream(text) << past << "# EOF\n";
  const std::vector<std::string> arguments = {
      "promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", text.string(), (directory_.path() / "data").string()};
  const auto made = run_command(arguments, std::chrono::seconds(60));
  if (!made) return std::unexpected(made.error());
  if (made->status == 0) return {};
  return failure(ErrorKind::invalid, "promtool: " + made->output);
}

Result<void> PrometheusServer::spawn() {
  const std::string log = (directory_.path() / "log").string();
  std::vector<std::string> arguments = {"prometheus",
                                        fmt::format("--config.file={}", (directory_.path() / "prometheus.yml").string()),
                                        fmt::format("--web.config.file={}", (directory_.path() / "web.yml").string()),
                                        fmt::format("--storage.tsdb.path={}", (directory_.path() / "data").string()),
                                        fmt::format("--web.listen-address=127.0.0.1:{}", port_),
                                        "--log.level=warn"};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  const int error = ::posix_spawnp(&process_, "prometheus", &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return {};
  process_ = -1;
  return failure(ErrorKind::not_found, fmt::format("cannot start prometheus: {}", std::strerror(error)));
}

Result<void> PrometheusServer::wait_until_ready() const {
  HttpClient client;
  const auto is_ready = [&] {
    const auto response = client.fetch({.url = url() + "/-/ready", .access = door_.key});
    return response && response->status == 200;
  };
  if (wait_until(std::chrono::seconds(30), is_ready)) return {};
  return failure(ErrorKind::unavailable,
                 fmt::format("prometheus was not ready after 30 s: {}", text_of(directory_.path() / "log")));
}

}  // namespace weir
