#include "examples/stand/stand.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>

#include "platform/file.h"

namespace weir {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int kNginxPort = 1;
constexpr int kPrometheusPort = 2;
constexpr int kWeirPort = 3;
constexpr int kFirstAppPort = 8;
constexpr Duration kPollPause{20};
constexpr Duration kReadyWithin{20'000};
constexpr Duration kStopWithin{10'000};
constexpr const char* kToken = "token-of-the-stand";

/// A string as YAML and JSON both read it.
std::string quoted(const std::string& text) { return Json(text).dump(); }

std::string tail(const fs::path& file, std::size_t lines) {
  const Result<std::string> text = read_file(file);
  if (!text) return {};
  std::size_t start = text->size();
  for (std::size_t found = 0; found <= lines && start != std::string::npos && start > 0; ++found)
    start = text->rfind('\n', start - 1);
  return start == std::string::npos ? *text : text->substr(start);
}

/// The children of a process that has one thread.
std::set<std::string> children_of(pid_t pid) {
  const Result<std::string> text = read_file(fmt::format("/proc/{0}/task/{0}/children", pid));
  std::istringstream words(text.value_or(""));
  return {std::istream_iterator<std::string>(words), {}};
}

Result<fs::path> make_directory(const fs::path& wanted) {
  std::error_code failed;
  fs::path directory = wanted;
  if (wanted.empty()) {
    std::string name = (fs::temp_directory_path(failed) / "weir-stand.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      return failure(ErrorKind::unavailable, fmt::format("cannot make {}: {}", name, std::strerror(errno)));
    directory = name;
  }
  for (const char* part : {"nginx", "prometheus", "state", "apps", "logs"}) {
    if (!failed) fs::create_directories(directory / part, failed);
  }
  if (failed) return failure(ErrorKind::unavailable, fmt::format("cannot make {}: {}", directory.string(), failed.message()));
  return fs::canonical(directory);
}

std::string nginx_config(const StandOptions& options, int port) {
  const bool whole = options.layout == StandOptions::Layout::upstream;
  return fmt::format(
      R"(daemon off;
{user}worker_processes 2;
pid nginx.pid;
error_log error.log notice;
events {{ worker_connections 2048; }}
http {{
  log_format stand '$request_time status=$status upstream="$upstream_addr"';
  access_log access.log stand;
  map $http_upgrade $connection_header {{ default upgrade; "" ""; }}
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  {upstream}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location = /stand/alive {{ access_log off; return 204; }}
    location / {{
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_header;
      proxy_connect_timeout 2s;
      proxy_read_timeout 30s;
    }}
  }}
}}
)",
      fmt::arg("user", ::geteuid() == 0 ? "user root;\n" : ""), fmt::arg("port", port),
      fmt::arg("upstream", whole ? "include upstream.conf;" : "upstream app { include upstream.conf; keepalive 64; }"));
}

std::string prometheus_config(const StandOptions& options, const fs::path& targets, const std::string& weir_address) {
  return fmt::format(R"(global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}
scrape_configs:
  - job_name: app
    file_sd_configs: [{{files: [{targets}], refresh_interval: 5s}}]
  - job_name: weir
    static_configs: [{{targets: [{weir}]}}]
)",
                     fmt::arg("interval", format_duration(options.scrape_interval)), fmt::arg("targets", quoted(targets.string())),
                     fmt::arg("weir", quoted(weir_address)));
}

std::string indented(const std::string& text, const std::string& by) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) result += line.empty() ? "\n" : by + line + "\n";
  return result;
}

}  // namespace

Piece::Piece(std::string name, ProgramOptions options, Probe ready)
    : name_(std::move(name)), options_(std::move(options)), ready_(std::move(ready)) {}

Result<void> Piece::start(const std::stop_token& stop) {
  if (running()) return {};
  Result<Program> program = Program::start(options_);
  if (!program) return std::unexpected(program.error());
  program_ = std::move(*program);
  Result<void> ready = failure(ErrorKind::unavailable, "not asked yet");
  const bool settled = Stand::eventually(
      [&] {
        ready = ready_();
        return ready || !running();
      },
      kReadyWithin, stop);
  if (ready) return {};
  if (stop.stop_requested()) {
    kill();
    return failure(ErrorKind::cancelled, "starting " + name_ + ": interrupted");
  }
  const std::string what = program_->status()
                               ? fmt::format("ended with status {}", *program_->status())
                               : fmt::format("was not ready within {}: {}", format_duration(kReadyWithin), ready.error().message);
  if (!settled) kill();
  return failure(ErrorKind::unavailable, fmt::format("{} {}\n{}", name_, what, tail(options_.log, 20)));
}

Result<void> Piece::stop() {
  if (!running()) return {};
  const Result<void> stopped = program_->stop(kStopWithin);
  if (!stopped) return failure(stopped.error().kind, fmt::format("{}: {}", name_, stopped.error().message));
  return {};
}

Result<void> Piece::restart() {
  if (const Result<void> stopped = stop(); !stopped) return stopped;
  return start();
}

void Piece::kill() {
  if (program_) program_->kill();
}

void Piece::signal(int number) const {
  if (program_) program_->signal(number);
}

bool Piece::running() { return program_ && !program_->wait(Duration{0}); }

pid_t Piece::pid() const { return program_ && !program_->status() ? program_->pid() : 0; }

Result<std::unique_ptr<Stand>> Stand::create(StandOptions options) {
  const Result<fs::path> directory = make_directory(options.directory);
  if (!directory) return std::unexpected(directory.error());
  Result<Keeper> keeper =
      Keeper::start(*directory, options.directory.empty() ? Keeper::Directory::remove : Keeper::Directory::keep);
  if (!keeper) return std::unexpected(keeper.error());
  Result<PortBlock> ports = PortBlock::take();
  if (!ports) return std::unexpected(ports.error());
  std::unique_ptr<Stand> stand(new Stand(std::move(options), *directory, std::move(*ports), std::move(*keeper)));
  if (const Result<void> written = stand->write_files(); !written) return std::unexpected(written.error());
  return stand;
}

Stand::Stand(StandOptions options, fs::path directory, PortBlock ports, Keeper keeper)
    : options_(std::move(options)), directory_(std::move(directory)), ports_(std::move(ports)), keeper_(std::move(keeper)) {
  const fs::path logs = directory_ / "logs";
  const fs::path nginx = directory_ / "nginx";
  const fs::path prometheus = directory_ / "prometheus";
  nginx_ = std::make_unique<Piece>("nginx",
                                   ProgramOptions{.command = {"nginx", "-p", nginx, "-e", "error.log", "-c", "nginx.conf"},
                                                  .directory = directory_,
                                                  .log = logs / "nginx.log",
                                                  .killed = ProgramOptions::Killed::with_group},
                                   answers(url() + "stand/alive"));
  prometheus_ = std::make_unique<Piece>(
      "prometheus",
      ProgramOptions{.command = {"prometheus", "--config.file=" + (prometheus / "prometheus.yml").string(),
                                 "--storage.tsdb.path=" + (prometheus / "data").string(), "--log.level=warn",
                                 "--scrape.discovery-reload-interval=500ms",
                                 fmt::format("--web.listen-address=127.0.0.1:{}", ports_.port(kPrometheusPort))},
                     .directory = directory_,
                     .log = logs / "prometheus.log"},
      answers(prometheus_url() + "/-/ready"));
  std::vector<std::string> weir = options_.weir_under;
  weir.insert(weir.end(), {options_.weir, "run", "-c", weir_config_file()});
  weir_ =
      std::make_unique<Piece>("weir", ProgramOptions{.command = std::move(weir), .directory = directory_, .log = logs / "weir.log"},
                              answers(weir_url() + "/healthz"));
}

Stand::~Stand() {
  // Weir first: it would replace what disappears. What an error could say here nobody can use: the keeper sees to the rest.
  (void)weir_->stop();
  prometheus_->signal(SIGTERM);
  nginx_->signal(SIGTERM);
  (void)prometheus_->stop();
  (void)nginx_->stop();
}

std::string Stand::url() const { return fmt::format("http://127.0.0.1:{}/", ports_.port(kNginxPort)); }
std::string Stand::prometheus_url() const { return fmt::format("http://127.0.0.1:{}", ports_.port(kPrometheusPort)); }
std::string Stand::weir_url() const { return fmt::format("http://127.0.0.1:{}", ports_.port(kWeirPort)); }
std::string Stand::app_address(int index) const { return fmt::format("127.0.0.1:{}", ports_.port(kFirstAppPort + index)); }
int Stand::app_ports() const { return PortBlock::kSize - kFirstAppPort; }

Result<void> Stand::write_files() {
  const std::pair<fs::path, std::string> files[] = {
      {directory_ / "nginx" / "nginx.conf", nginx_config(options_, ports_.port(kNginxPort))},
      {directory_ / "prometheus" / "prometheus.yml",
       prometheus_config(options_, targets_file(), fmt::format("127.0.0.1:{}", ports_.port(kWeirPort)))},
      {directory_ / "token", std::string(kToken) + "\n"},
  };
  for (const auto& [path, text] : files) {
    if (const Result<void> written = replace_file(path, text); !written) return written;
  }
  std::error_code ignored;
  fs::permissions(directory_ / "token", fs::perms::owner_read | fs::perms::owner_write, ignored);
  return write_upstream({});
}

Result<void> Stand::write_upstream(const std::vector<std::string>& addresses) const {
  std::string text;
  if (addresses.empty()) text = "server 127.0.0.1:9 down;\n";
  for (const std::string& address : addresses) text += fmt::format("server {} max_fails=0;\n", address);
  if (options_.layout == StandOptions::Layout::upstream) text = fmt::format("upstream app {{\n{}keepalive 64;\n}}\n", text);
  // Weir takes a file that is not its own for one that serves, and does not empty it.
  if (addresses.empty()) text = "# Managed by weir for group app; edits are overwritten.\n" + text;
  return replace_file(upstream_file(), text);
}

std::string Stand::weir_config(const StandGroup& group) const {
  const std::string nginx = (directory_ / "nginx").string();
  std::vector<std::string> command{options_.app, "--port", "{port}", "--version", "{version}"};
  command.insert(command.end(), group.app_options.begin(), group.app_options.end());
  const bool whole = options_.layout == StandOptions::Layout::upstream;
  const std::vector<std::string> test{"nginx", "-p", nginx, "-e", "error.log", "-c", "nginx.conf", "-t"};
  const std::vector<std::string> reload{"nginx", "-p", nginx, "-e", "error.log", "-c", "nginx.conf", "-s", "reload"};
  return fmt::format(
      R"(controller:
  interval: {interval}
  state: {state}
  listen: "127.0.0.1:{port}"
  token_file: {token}
prometheus: {{url: {prometheus}, timeout: 2s}}
providers:
  local: {{type: process}}
groups:
  - name: {name}
    provider: local
    version: {version}
    server:
      command: {command}
      ports: "{first_port}-{last_port}"
      log_dir: {apps}
      env: {{WEIR_STAND: {directory}}}
    min: {min}
    max: {max}
    balancers:
      - type: nginx
        file: {upstream}
        layout: {layout}
        adopt: true
        test: {test}
        reload: {reload}
        pid_file: {pid_file}
        access_log: {access_log}
      - {{type: file_sd, file: {targets}}}
{rest})",
      fmt::arg("interval", format_duration(group.interval)), fmt::arg("state", quoted((state_directory() / "state.db").string())),
      fmt::arg("port", ports_.port(kWeirPort)), fmt::arg("token", quoted((directory_ / "token").string())),
      fmt::arg("prometheus", quoted(prometheus_url())), fmt::arg("name", quoted(group.name)),
      fmt::arg("version", quoted(group.version)), fmt::arg("command", Json(command).dump()),
      fmt::arg("first_port", ports_.port(kFirstAppPort)), fmt::arg("last_port", ports_.port(PortBlock::kSize - 1)),
      fmt::arg("directory", quoted(directory_.string())), fmt::arg("apps", quoted((directory_ / "apps").string())),
      fmt::arg("min", group.min), fmt::arg("max", group.max), fmt::arg("upstream", quoted(upstream_file().string())),
      fmt::arg("layout", whole ? "upstream\n        upstream: app\n        keepalive: 64" : "servers"),
      fmt::arg("test", Json(test).dump()), fmt::arg("reload", Json(reload).dump()),
      fmt::arg("pid_file", quoted(nginx + "/nginx.pid")), fmt::arg("access_log", quoted(nginx + "/access.log")),
      fmt::arg("targets", quoted(targets_file().string())), fmt::arg("rest", indented(group.rest, "    ")));
}

Result<void> Stand::write_weir_config(const std::string& text) const { return replace_file(weir_config_file(), text); }

Result<std::unique_ptr<Piece>> Stand::start_app(int index, const std::vector<std::string>& options) {
  const std::string address = app_address(index);
  std::vector<std::string> command{options_.app, "--port", address.substr(address.find(':') + 1)};
  command.insert(command.end(), options.begin(), options.end());
  auto app = std::make_unique<Piece>(
      "app " + address,
      ProgramOptions{.command = std::move(command), .directory = directory_, .log = directory_ / "apps" / (address + ".log")},
      answers(fmt::format("http://{}/health", address)));
  if (const Result<void> started = app->start(); !started) return std::unexpected(started.error());
  return app;
}

Result<void> Stand::reload_nginx() {
  const std::set<std::string> old = children_of(nginx_->pid());
  nginx_->signal(SIGHUP);
  // An old worker stays a child while it finishes its requests, but renames itself when it has stopped accepting.
  const auto accepts = [](const std::string& worker) {
    const std::string title = read_file(fmt::format("/proc/{}/cmdline", worker)).value_or("");
    return title.find("shutting down") == std::string::npos;
  };
  const auto replaced = [&] {
    const std::set<std::string> now = children_of(nginx_->pid());
    const bool has_new = std::ranges::any_of(now, [&](const std::string& worker) { return !old.contains(worker); });
    return has_new && std::ranges::none_of(now, [&](const std::string& worker) { return old.contains(worker) && accepts(worker); });
  };
  if (eventually(replaced, std::chrono::seconds(10))) return {};
  return failure(ErrorKind::unavailable,
                 fmt::format("nginx has no new workers 10 s after SIGHUP\n{}", tail(directory_ / "nginx" / "error.log", 20)));
}

Result<std::string> Stand::get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  Result<HttpResponse> response = client_.fetch(std::move(request));
  if (!response) return std::unexpected(response.error());
  if (response->status / 100 == 2) return std::move(response->body);
  return failure(ErrorKind::unavailable, fmt::format("GET {}: {}: {}", url, response->status, response->body.substr(0, 500)));
}

Result<HttpResponse> Stand::weir_post(const std::string& path, const std::string& json) {
  HttpRequest request{.method = "POST", .url = weir_url() + path, .body = json, .content_type = "application/json"};
  request.access.bearer_token = kToken;
  return client_.fetch(std::move(request));
}

Piece::Probe Stand::answers(std::string url) {
  return [this, url = std::move(url)]() -> Result<void> {
    if (const Result<std::string> answer = get(url); !answer) return std::unexpected(answer.error());
    return {};
  };
}

Result<double> Stand::query(const std::string& expression) {
  HttpRequest request{.method = "POST", .url = prometheus_url() + "/api/v1/query", .body = "query="};
  for (const char character : expression) request.body += fmt::format("%{:02X}", static_cast<unsigned char>(character));
  const Result<HttpResponse> response = client_.fetch(std::move(request));
  if (!response) return std::unexpected(response.error());
  const Json answer = Json::parse(response->body, nullptr, false);
  if (answer.is_discarded() || answer.value("status", "") != "success")
    return failure(ErrorKind::invalid, fmt::format("query {}: {}: {}", expression, response->status, response->body));
  const Json& result = answer["data"]["result"];
  if (answer["data"]["resultType"] == "scalar") return std::stod(result[1].get<std::string>());
  if (result.size() != 1) return failure(ErrorKind::not_found, fmt::format("query {}: {} series", expression, result.size()));
  return std::stod(result[0]["value"][1].get<std::string>());
}

Result<std::vector<AccessEntry>> Stand::access_log() const {
  const Result<std::string> text = read_file(directory_ / "nginx" / "access.log");
  if (!text) return std::unexpected(text.error());
  std::istringstream lines(*text);
  std::vector<AccessEntry> entries;
  AccessEntry entry;
  std::string status;
  while (lines >> entry.seconds >> status && std::getline(lines >> std::ws, entry.upstreams)) {
    entry.status = std::stoi(status.substr(status.find('=') + 1));
    const std::size_t begin = entry.upstreams.find('"') + 1;
    entry.upstreams = entry.upstreams.substr(begin, entry.upstreams.rfind('"') - begin);
    entries.push_back(entry);
  }
  return entries;
}

std::string Stand::logs() const {
  std::vector<fs::path> files{directory_ / "nginx" / "error.log"};
  std::error_code ignored;
  for (const char* folder : {"logs", "apps"}) {
    for (const auto& entry : fs::directory_iterator(directory_ / folder, ignored)) files.push_back(entry.path());
  }
  std::string result;
  for (const fs::path& file : files) result += fmt::format("== {}\n{}\n", file.string(), tail(file, 30));
  return result;
}

bool Stand::eventually(const std::function<bool()>& is_so, Duration timeout, const std::stop_token& stop) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!stop.stop_requested()) {
    if (is_so()) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kPollPause);
  }
  return false;
}

}  // namespace weir
