#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "examples/stand/process.h"
#include "model/error.h"
#include "model/time.h"
#include "platform/http_client.h"

namespace weir {

/// One program of a stand, which can come and go. Its log is kept across restarts.
class Piece {
 public:
  using Probe = std::function<Result<void>()>;

  Piece(std::string name, ProgramOptions options, Probe ready);

  /// Returns when it is ready to be used. Starting what runs is success.
  /// Errors: it ended, or was not ready within 20 s (then it is killed); the end of its log is in the message. Cancelled.
  Result<void> start(const std::stop_token& stop = {});
  /// SIGTERM; the error says that it took SIGKILL.
  Result<void> stop();
  Result<void> restart();
  /// SIGKILL, as a crash would.
  void kill();
  /// SIGHUP, SIGSTOP …
  void signal(int number) const;

  [[nodiscard]] bool running();
  [[nodiscard]] pid_t pid() const;  ///< 0 while it does not run
  [[nodiscard]] const std::filesystem::path& log() const { return options_.log; }

 private:
  std::string name_;
  ProgramOptions options_;
  Probe ready_;
  std::optional<Program> program_;
};

struct StandOptions {
  std::string weir = {};                     ///< the weir program; empty for a stand without
  std::string app = {};                      ///< the weir-example-app program
  std::vector<std::string> weir_under = {};  ///< the words of a command that runs weir: {"env", "NAME=value"}
  Duration scrape_interval{1000};
  enum class Layout { servers, upstream };
  Layout layout = Layout::servers;  ///< what weir's file for nginx holds: lines inside an upstream block, or the whole block
  std::filesystem::path directory =
      {};  ///< an empty or missing one to work in and to keep; empty: a temporary one, removed at the end
};

/// The part of weir's configuration that says what to do with the app servers.
struct StandGroup {
  std::string name = "app";
  std::string version = "v1";
  std::vector<std::string> app_options = {};  ///< for weir-example-app, besides --port and --version
  int min = 2;
  int max = 8;
  Duration interval{1000};  ///< controller.interval
  std::string rest = {};    ///< more YAML lines of the group, not indented: policies, warm_up, health, scale_out …
};

/// One line of nginx's access log.
struct AccessEntry {
  int status = 0;
  double seconds = 0;
  std::string upstreams;  ///< the servers asked, in their order: "127.0.0.1:9001, 127.0.0.1:9002"
};

/// A small site on this machine: nginx in front, app servers behind, Prometheus watching, weir deciding. Everything on free ports
/// of 127.0.0.1 in one directory; nothing of it outlives the object, however its process ends. Not thread-safe.
class Stand {
 public:
  /// Makes directory and configurations; starts nothing.
  [[nodiscard]] static Result<std::unique_ptr<Stand>> create(StandOptions options);
  ~Stand();
  Stand(const Stand&) = delete;
  Stand& operator=(const Stand&) = delete;

  [[nodiscard]] Piece& nginx() { return *nginx_; }
  [[nodiscard]] Piece& prometheus() { return *prometheus_; }
  /// Needs write_weir_config() first.
  [[nodiscard]] Piece& weir() { return *weir_; }

  /// Where clients go.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::string prometheus_url() const;
  [[nodiscard]] std::string weir_url() const;
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  /// Weir's file for nginx: layout as in StandOptions. Holds a placeholder at first.
  [[nodiscard]] std::filesystem::path upstream_file() const { return directory_ / "nginx" / "upstream.conf"; }
  /// Weir's file for Prometheus' file_sd. Missing at first.
  [[nodiscard]] std::filesystem::path targets_file() const { return directory_ / "prometheus" / "targets.json"; }
  [[nodiscard]] std::filesystem::path weir_config_file() const { return directory_ / "weir.yaml"; }
  /// The directory of weir's state.
  [[nodiscard]] std::filesystem::path state_directory() const { return directory_ / "state"; }

  /// Address of the n-th app port, counted from 0.
  [[nodiscard]] std::string app_address(int index) const;
  [[nodiscard]] int app_ports() const;

  /// A weir.yaml with this group: process provider, nginx and file_sd. Who writes another one must give the servers
  /// `env: {WEIR_STAND: directory()}`: the process provider hands down little of weir's environment, and by this mark the stand
  /// finds the servers that weir leaves running.
  [[nodiscard]] std::string weir_config(const StandGroup& group) const;
  [[nodiscard]] Result<void> write_weir_config(const std::string& text) const;

  /// Starts an app server by hand on the n-th app port, without weir.
  [[nodiscard]] Result<std::unique_ptr<Piece>> start_app(int index, const std::vector<std::string>& options);
  /// Writes weir's file for nginx by hand; takes effect with reload_nginx().
  [[nodiscard]] Result<void> write_upstream(const std::vector<std::string>& addresses) const;
  /// SIGHUP; returns when only the new workers accept connections.
  Result<void> reload_nginx();

  /// GET, within 5 s; a status that is not 2xx is an error.
  [[nodiscard]] Result<std::string> get(const std::string& url);
  /// GET on weir's API: weir_get("/v1/groups").
  [[nodiscard]] Result<std::string> weir_get(const std::string& path) { return get(weir_url() + path); }
  /// POST of JSON to weir's API, with the bearer token. Any status is a success here.
  [[nodiscard]] Result<HttpResponse> weir_post(const std::string& path, const std::string& json);
  /// The value of an instant query that answers one number; not_found if it answers none.
  [[nodiscard]] Result<double> query(const std::string& expression);
  [[nodiscard]] Result<std::vector<AccessEntry>> access_log() const;
  /// The last lines of every log, for the message of a failed test.
  [[nodiscard]] std::string logs() const;

  /// Asks again and again until it is so; false when `timeout` passed or stop was requested first.
  [[nodiscard]] static bool eventually(const std::function<bool()>& is_so, Duration timeout, const std::stop_token& stop = {});

 private:
  Stand(StandOptions options, std::filesystem::path directory, PortBlock ports, Keeper keeper);
  Result<void> write_files();
  [[nodiscard]] Piece::Probe answers(std::string url);

  StandOptions options_;
  std::filesystem::path directory_;
  PortBlock ports_;
  HttpClient client_;
  Keeper keeper_;  ///< outlives the pieces: sweeps up after them
  std::unique_ptr<Piece> nginx_;
  std::unique_ptr<Piece> prometheus_;
  std::unique_ptr<Piece> weir_;
};

}  // namespace weir
