#include "tests/receivers/alertmanager_server.h"

#include <fmt/format.h>

#include <chrono>
#include <fstream>

#include "tests/support/free_port.h"
#include "tests/support/wait_until.h"

namespace weir {

Result<std::unique_ptr<AlertmanagerServer>> AlertmanagerServer::start() {
  std::unique_ptr<AlertmanagerServer> server(new AlertmanagerServer(free_port()));
  const auto& directory = server->directory_.path();
  std::ofstream(directory / "alertmanager.yml") << "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
  auto program =
      Program::start({.command = {"prometheus-alertmanager", "--config.file=" + (directory / "alertmanager.yml").string(),
                                  "--storage.path=" + (directory / "data").string(),
                                  fmt::format("--web.listen-address=127.0.0.1:{}", server->port_), "--cluster.listen-address="},
                      .directory = directory,
                      .log = directory / "log"});
  if (!program) return std::unexpected(program.error());
  server->program_.emplace(std::move(*program));
  const auto is_ready = [&] {
    const auto answer = server->http_.fetch({.url = server->url() + "/-/ready"});
    return answer && answer->status == 200;
  };
  if (wait_until(std::chrono::seconds(30), is_ready)) return server;
  return failure(ErrorKind::not_found, "prometheus-alertmanager is not there, or was not ready after 30 s");
}

std::string AlertmanagerServer::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

std::string AlertmanagerServer::alerts() {
  const auto answer = http_.fetch({.url = url() + "/api/v2/alerts"});
  return answer ? answer->body : answer.error().message;
}

}  // namespace weir
