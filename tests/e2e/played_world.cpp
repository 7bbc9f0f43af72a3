#include "tests/e2e/played_world.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <utility>

#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// For whatever this machine has to do meanwhile: only a failure takes so long.
constexpr auto kPatience = 60s;
constexpr const char* kGroup = "app";
/// Revisits that are due already come this much later.
constexpr Duration kAtOnce = 20ms;
/// As the simulation has it.
constexpr int kSlowBoot = 5;
/// In its words.
constexpr const char* kOutage = "the provider does not answer (rehearsed)";

double seconds(TimePoint at) { return std::chrono::duration<double>(at.time_since_epoch()).count(); }

std::string messages_of(const ConfigErrors& errors) {
  std::string all;
  for (const ConfigError& error : errors) all += to_string(error) + "\n";
  return all;
}

Result<void> write(Balancer& balancer, std::vector<Peer> peers) {
  std::promise<Result<void>> promise;
  auto written = promise.get_future();
  balancer.write(std::move(peers), [&promise](Result<void> result) { promise.set_value(std::move(result)); });
  return written.get();
}

}  // namespace

// ---- Prometheus -------------------------------------------------------------------------------------------------------------

PrometheusInTime::PrometheusInTime(const VirtualClock& clock, std::function<bool()> silent)
    : clock_(clock), silent_(std::move(silent)), door_([this](const HttpStub::Request& request) { return answer(request); }) {}

std::string PrometheusInTime::start() {
  exporter_.answer(HttpStub::Answer{.content_type = "text/plain; version=0.0.4"});
  const PrometheusServer::Job jobs[] = {{.name = "app", .targets = {exporter_.address()}}};
  auto started = PrometheusServer::start(jobs, "20ms");
  if (!started) return started.error().message;
  server_ = std::move(*started);
  return {};
}

bool PrometheusInTime::expose(TimePoint at, const std::vector<std::pair<std::string, double>>& gauges) {
  std::string text;
  for (const auto& [name, value] : gauges) text += fmt::format("{} {} {}\n", name, value, at.time_since_epoch().count());
  exporter_.answer(HttpStub::Answer{.body = text, .content_type = "text/plain; version=0.0.4"});
  const std::string question =
      fmt::format("{}/api/v1/query?query=timestamp({})&time={:.3f}", server_->url(), gauges.back().first, seconds(at));
  const std::string expected = fmt::format(",\"{}\"]", seconds(at));
  return wait_until(kPatience, [&] {
    const auto response = http_.fetch({.url = question});
    return response && response->body.find(expected) != std::string::npos;
  });
}

HttpStub::Answer PrometheusInTime::answer(const HttpStub::Request& request) {
  if (silent_()) return {.ending = HttpStub::Ending::reset};
  const auto response = http_.fetch({.method = request.method,
                                     .url = server_->url() + request.target,
                                     .body = fmt::format("{}&time={:.3f}", request.body, seconds(clock_.now())),
                                     .timeout = kPatience});
  if (!response) return {.status = 502, .body = response.error().message};
  return {.status = response->status, .body = response->body, .content_type = response->content_type};
}

// ---- the provider -----------------------------------------------------------------------------------------------------------

Result<std::vector<Server>> PlayedProvider::list(std::span<const Group* const> groups, std::stop_token stop) {
  if (fails_(Fault::Kind::provider)) return failure(ErrorKind::unavailable, kOutage);
  return real_->list(groups, std::move(stop));
}

Result<Server> PlayedProvider::launch(const LaunchRequest& request, std::stop_token stop) {
  if (fails_(Fault::Kind::provider)) return failure(ErrorKind::unavailable, kOutage);
  if (fails_(Fault::Kind::quota)) return failure(ErrorKind::out_of_capacity, "no room (played)");
  auto made = real_->launch(request, std::move(stop));
  const std::lock_guard lock(mutex_);
  if (made && there_.insert(made->id).second) launched_.push_back(*made);
  return made;
}

Result<void> PlayedProvider::terminate(const Group& group, const std::string& server, std::stop_token stop) {
  if (fails_(Fault::Kind::provider)) return failure(ErrorKind::unavailable, kOutage);
  auto done = real_->terminate(group, server, std::move(stop));
  const std::lock_guard lock(mutex_);
  if (done) there_.erase(server);
  return done;
}

std::vector<Server> PlayedProvider::launched() {
  const std::lock_guard lock(mutex_);
  return std::exchange(launched_, {});
}

std::set<std::string> PlayedProvider::servers() const {
  const std::lock_guard lock(mutex_);
  return there_;
}

// ---- the world --------------------------------------------------------------------------------------------------------------

PlayedWorld::PlayedWorld(Play play)
    : play_(std::move(play)),
      clock_(play_.trace.at.front()),
      prometheus_(clock_, [this] { return fails(Fault::Kind::prometheus); }),
      load_(play_.trace) {
  provider_ = std::make_shared<PlayedProvider>(machine_.open(), [this](Fault::Kind kind) { return fails(kind); });
}

PlayedWorld::~PlayedWorld() = default;

std::string PlayedWorld::config_text() const {
  const auto words = [](const std::vector<std::string>& command) { return fmt::format("[\"{}\"]", fmt::join(command, "\", \"")); };
  const std::string balancer = nginx_
                                   ? fmt::format("{{type: nginx, file: {}, layout: servers, test: {}, reload: {}, pid_file: {}}}",
                                                 nginx_->upstream_file().string(), words(nginx_->test_command()),
                                                 words(nginx_->reload_command()), nginx_->pid_file().string())
                                   : fmt::format("{{type: file_sd, file: {}}}", (gates_.path() / "peers.json").string());
  // A server waits before its gate until its boot is over.
  const std::string command =
      fmt::format(R"([sh, -c, 'mkfifo "$0" && read -r line < "$0"; exec "$@"', "{}", "{}", --port, "{{port}}"])",
                  gate("{id}").string(), WEIR_EXAMPLE_APP);
  return fmt::format(R"(
controller: {{state: {}}}
prometheus: {{url: "{}", timeout: 30s}}
providers: {{machine: {{type: process}}}}
groups:
  - name: {}
    provider: machine
    version: v1
    server: {{command: {}, ports: "{}", env: {{WEIR_TEST_WORLD: "{}"}}}}
    health: {{http: /health, interval: 100ms, timeout: 100ms, healthy_after: 1, unhealthy_after: 1000, deadline: 24h}}
    balancers: [{}]
{})",
                     (machine_.path() / "state.db").string(), prometheus_.url(), kGroup, command, machine_.ports(31),
                     machine_.path().string(), balancer, play_.keys);
}

std::string PlayedWorld::configure() {
  if (play_.nginx) nginx_ = std::make_unique<NginxServer>();
  auto config = parse_config(config_text(), "weir.yaml", process_environment(), builtin_catalogs());
  if (!config) return messages_of(config.error());
  config_ = std::move(*config);
  return {};
}

std::string PlayedWorld::start(Memory memory) {
  if (const std::string failed = prometheus_.start(); !failed.empty()) return failed;
  const Group& group = this->group();
  auto balancer = balancers_.make({group, group.balancers.front()});
  auto reader = balancers_.make({group, group.balancers.front()});
  if (!balancer || !reader) return (balancer ? reader : balancer).error().message;
  reader_ = std::move(*reader);
  if (const std::string failed = make_servers(memory); !failed.empty()) return failed;
  if (const std::string failed = make_traffic(**balancer, memory); !failed.empty()) return failed;
  auto store = SqliteStore::open({.path = config_.controller.state});
  if (!store) return store.error().message;
  store_ = std::move(*store);
  const auto saved = store_->save(kGroup, memory, {.group = kGroup, .at = clock_.now()}, Store::Durability::durable);
  if (!saved) return saved.error().message;
  return start_loop(std::move(*balancer));
}

std::string PlayedWorld::start_loop(std::unique_ptr<Balancer> balancer) {
  if (!expose(clock_.now())) return "prometheus does not have the first load";
  metrics_ =
      std::make_unique<PrometheusSource>(PrometheusOptions{config_.prometheus->url, config_.prometheus->timeout}, http_, clock_);
  std::vector<Managed> managed;
  managed.push_back({.group = group(), .policies = make_policies(group()), .provider = provider_, .balancers = {}});
  managed.back().balancers.push_back(std::move(balancer));
  const LoopEvents events{.turned = [this](const Group&, const Record& record, std::chrono::nanoseconds) {
    const std::lock_guard lock(mutex_);
    turns_.push_back({record.at, record.plan});
  }};
  auto loop = Loop::start({clock_, metrics_.get(), probe_, *store_, log_}, {.longest_rest = 1ms}, events, std::move(managed),
                          {{"machine", provider_}});
  if (!loop) return loop.error().message;
  loop_ = std::move(*loop);
  return {};
}

/// The servers that `memory` tells of, which then names the real ones.
std::string PlayedWorld::make_servers(Memory& memory) {
  const TimePoint begin = clock_.now();
  if (!memory.servers.empty()) go_to(memory.servers.front().launched_at);
  std::vector<ProbeTarget> targets;
  for (ServerMemory& server : memory.servers) {
    const auto made = provider_->launch({group(), server.token, server.version}, {});
    if (!made) return made.error().message;
    server.id = made->id;
    server.address = made->address;
    targets.push_back({server.id, server.address});
    if (!open_gate(server.id)) return server.id + " does not wait before its gate";
  }
  go_to(begin);
  std::ranges::sort(memory.servers, {}, &ServerMemory::id);
  (void)provider_->launched();
  probe_.watch(kGroup, group().health, targets);
  for (const ProbeTarget& target : targets) {
    if (!wait_until(kPatience, [&] { return is_healthy(target.server); })) return target.server + " is not healthy";
  }
  return {};
}

std::string PlayedWorld::make_traffic(Balancer& balancer, const Memory& memory) {
  std::vector<Peer> peers;
  for (const ServerMemory& server : memory.servers) peers.push_back({.server = server.id, .address = server.address});
  std::ranges::sort(peers, {}, &Peer::address);
  // The first write makes the file without which nginx does not start.
  (void)write(balancer, peers);
  if (nginx_ && !nginx_->start()) return nginx_->error_log();
  const auto written = write(balancer, peers);
  return written ? std::string() : written.error().message;
}

bool PlayedWorld::open_gate(const std::string& server) const {
  return wait_until(kPatience, [path = gate(server)] {
    const int file = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return false;
    const bool written = ::write(file, "\n", 1) == 1;
    ::close(file);
    return written;
  });
}

bool PlayedWorld::is_healthy(const std::string& server) const {
  return probe_.health(kGroup, server).status == HealthStatus::healthy;
}

void PlayedWorld::go_to(TimePoint at) {
  machine_.pass(at - machine_.now());
  clock_.set(at);
}

bool PlayedWorld::fails(Fault::Kind kind) const {
  return std::ranges::any_of(play_.model.faults, [&](const Fault& fault) {
    const Duration passed = clock_.now() - play_.trace.at.front();
    return fault.kind == kind && passed >= fault.begin && passed < fault.begin + fault.length;
  });
}

bool PlayedWorld::expose(TimePoint at) {
  const double load = load_.at(std::max(at - play_.model.metric_delay, play_.trace.at.front())).value;
  const auto serving = static_cast<double>(reader_->read({}, {}).peers.size());
  return prometheus_.expose(at, {{"load", load}, {"serving", serving}});
}

/// Until nothing happens any more at this time, and whom the turns removed is gone.
std::string PlayedWorld::settle() {
  if (!wait_until(kPatience, [this] { return loop_->idle(); })) return "the loop does not come to rest";
  note_turns();
  const std::size_t wanted = provider_->servers().size();
  if (wait_until(kPatience, [&] { return machine_.processes().size() == wanted; })) return {};
  return fmt::format("{} servers run instead of {}", machine_.processes().size(), wanted);
}

void PlayedWorld::note_turns() {
  for (const Server& server : provider_->launched()) {
    booting_[server.id] = server.launched_at + play_.model.boot * (fails(Fault::Kind::slow_boot) ? kSlowBoot : 1);
  }
  const std::set<std::string> there = provider_->servers();
  std::erase_if(booting_, [&there](const auto& server) { return !there.contains(server.first); });
  const std::lock_guard lock(mutex_);
  const PlayedTurn& last = turns_.back();
  revisit_ = last.plan.revisit_at;
  if (revisit_) *revisit_ = std::max(*revisit_, last.at + kAtOnce);
}

/// The next interval, or what brings about a turn before.
TimePoint PlayedWorld::next_event(TimePoint regular) const {
  TimePoint next = std::min(regular, revisit_.value_or(regular));
  for (const auto& [server, ready_at] : booting_) next = std::min(next, ready_at);
  return next;
}

std::string PlayedWorld::boot_what_is_due(TimePoint at) {
  for (auto server = booting_.begin(); server != booting_.end();) {
    if (server->second > at) {
      ++server;
      continue;
    }
    if (!open_gate(server->first)) return server->first + " does not wait before its gate";
    if (!wait_until(kPatience, [&] { return is_healthy(server->first); })) return server->first + " is not healthy";
    woken_ = true;
    server = booting_.erase(server);
  }
  return {};
}

std::string PlayedWorld::live_through(TimePoint at) {
  if (std::string failed = boot_what_is_due(at); !failed.empty()) return failed;
  const bool regular = (at - play_.trace.at.front()) % group().interval == Duration{0};
  if (regular && !expose(at)) return "prometheus does not have the load";
  go_to(at);
  // As `run` does when the health of a server changes.
  if (std::exchange(woken_, false) && !regular) loop_->wake(kGroup);
  return settle();
}

std::string PlayedWorld::play() {
  const TimePoint begin = play_.trace.at.front();
  std::string failed = settle();
  TimePoint regular = begin + group().interval;
  while (regular < play_.trace.at.back() && failed.empty()) {
    const TimePoint at = next_event(regular);
    failed = live_through(at);
    if (at == regular) regular += group().interval;
    if (!failed.empty()) failed = fmt::format("{} after the beginning: {}", format_duration(at - begin), failed);
  }
  return failed;
}

std::vector<PlayedTurn> PlayedWorld::turns() const {
  const std::lock_guard lock(mutex_);
  return turns_;
}

}  // namespace weir
