#include "tests/support/swarm_machines.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <system_error>

#include "platform/command.h"
#include "platform/file.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr Duration kPatience{60'000};

Result<std::string> run(const std::vector<std::string>& words) {
  const Result<CommandResult> result = run_command(words, kPatience);
  if (!result) return std::unexpected(result.error());
  std::string output = result->output;
  while (output.ends_with('\n')) output.pop_back();
  if (result->status == 0) return output;
  return failure(ErrorKind::unavailable, fmt::format("{}: status {}: {}", fmt::join(words, " "), result->status, output));
}

Result<void> ok(const Result<std::string>& result) {
  if (!result) return std::unexpected(result.error());
  return {};
}

Result<std::string> shell(const std::string& script) { return run({"sh", "-ec", script}); }

std::string network_of(const std::string& process) {
  std::error_code ignored;
  return fs::read_symlink("/proc/" + process + "/ns/net", ignored).string();
}

}  // namespace

std::string SwarmMachines::missing() {
  if (::geteuid() != 0) return "a swarm needs root, and this is another user";
  for (const char* program : {"dockerd", "containerd", "runc", "iptables", "docker", "ip", "unshare", "ldd"}) {
    if (!shell(fmt::format("command -v {}", program))) return fmt::format("a swarm needs {}, which is not installed here", program);
  }
  const auto allowed = shell("unshare --net --mount sh -ec 'mount --make-rprivate /; mount -t tmpfs none /mnt'");
  if (!allowed) return "a swarm needs networks and mounts of its own, which are not allowed here: " + allowed.error().message;
  const auto linked = shell("unshare --net ip link add weir0 type bridge");
  return linked ? "" : "a swarm needs a network bridge, which cannot be made here: " + linked.error().message;
}

Result<std::unique_ptr<SwarmMachines>> SwarmMachines::start(int nodes, const fs::path& app) {
  std::unique_ptr<SwarmMachines> machines(new SwarmMachines(nodes));
  if (const auto up = machines->set_up(app); !up) {
    return failure(up.error().kind, up.error().message + "\n" + machines->logs());
  }
  return machines;
}

/// Names and addresses of its own, so that two can be at work at once.
SwarmMachines::SwarmMachines(int nodes) : nodes_(nodes) {
  const auto number = static_cast<unsigned>(::getpid());
  bridge_ = fmt::format("weir{:x}", number);
  subnet_ = fmt::format("10.{}.{}", 200 + (number >> 8U) % 50, number % 256);
}

SwarmMachines::~SwarmMachines() {
  for (Program& machine : machines_) machine.kill();
  // A network may outlive its last process for a while.
  for (int node = 1; node <= nodes_; ++node) (void)run({"ip", "link", "delete", device(node)});
  (void)run({"ip", "link", "delete", bridge_});
  // They are free when the last process has ended.
  (void)wait_until(kPatience, [this] {
    return shell(fmt::format("find /sys/fs/cgroup -depth -type d -path '*/{}*' -exec rmdir {{}} +", bridge_)).has_value();
  });
}

fs::path SwarmMachines::home(int node) const { return directory_.path() / fmt::format("n{}", node); }
fs::path SwarmMachines::socket(int node) const { return home(node) / "docker.sock"; }
std::string SwarmMachines::address(int node) const { return fmt::format("{}.{}", subnet_, node); }
std::string SwarmMachines::device(int node) const { return fmt::format("{}n{}", bridge_, node); }

Result<std::string> SwarmMachines::docker(const std::vector<std::string>& words, int node) const {
  std::vector<std::string> command{"docker", "-H", "unix://" + socket(node).string()};
  command.insert(command.end(), words.begin(), words.end());
  return run(command);
}

Result<void> SwarmMachines::set_up(const fs::path& app) {
  const auto bridge = ok(
      shell(fmt::format("ip link add {0} type bridge; ip address add {1}.254/24 dev {0}; ip link set {0} up", bridge_, subnet_)));
  if (!bridge) return bridge;
  for (int node = 1; node <= nodes_; ++node) {
    if (const auto started = start_machine(node); !started) return started;
  }
  for (int node = 1; node <= nodes_; ++node) {
    if (!wait_until(kPatience, [&] { return docker({"version"}, node).has_value(); })) {
      return failure(ErrorKind::unavailable, fmt::format("the Engine of node {} does not answer", node));
    }
  }
  if (const auto joined = join(); !joined) return joined;
  return load_image(app);
}

Result<void> SwarmMachines::start_machine(int node) {
  const fs::path script = fs::path(WEIR_SOURCE_DIR) / "tests/support/swarm_node.sh";
  auto machine = Program::start({.command = {"setpriv", "--pdeathsig", "KILL", "--", "unshare", "--net", "--uts", "--mount",
                                             "--pid", "--fork", "--kill-child", "--mount-proc", "sh", script, home(node),
                                             fmt::format("n{}", node), address(node) + "/24", "/" + bridge_},
                                 .directory = directory_.path(),
                                 .log = home(node).string() + ".log"});
  if (!machine) return std::unexpected(machine.error());
  const std::string process = std::to_string(machine->pid());
  machines_.push_back(std::move(*machine));
  const bool apart = wait_until(kPatience, [&] {
    const std::string network = network_of(process);
    return !network.empty() && network != network_of("self");
  });
  if (!apart) return failure(ErrorKind::unavailable, fmt::format("node {} has no network of its own", node));
  return ok(shell(fmt::format("ip link add {0} type veth peer name uplink netns {1}; ip link set {0} master {2} up", device(node),
                              process, bridge_)));
}

Result<void> SwarmMachines::join() {
  // A node is taken for dead after three heartbeats or so.
  const auto first = docker({"swarm", "init", "--advertise-addr", address(1), "--dispatcher-heartbeat", "2s"});
  if (!first) return ok(first);
  const auto token = docker({"swarm", "join-token", "--quiet", "manager"});
  if (!token) return ok(token);
  for (int node = 2; node <= nodes_; ++node) {
    const auto joined = ok(
        docker({"swarm", "join", "--token", *token, "--advertise-addr", address(node), fmt::format("{}:2377", address(1))}, node));
    if (!joined) return joined;
  }
  return {};
}

/// Without a registry: a tree with nothing in it but the app and the libraries it needs.
Result<void> SwarmMachines::load_image(const fs::path& app) const {
  const std::string tree = (directory_.path() / "image").string();
  const auto made =
      ok(shell(fmt::format("mkdir {0}; cp {1} {0}/app; for library in $(ldd {1} | grep -o '/[^ ]*'); do "
                           "mkdir -p {0}$(dirname $library); cp -L $library {0}$library; done; tar -C {0} -cf {0}.tar .",
                           tree, app.string())));
  if (!made) return made;
  const auto empty = ok(shell(fmt::format("mkdir {0}.empty; touch {0}.empty/nothing; tar -C {0}.empty -cf {0}.empty.tar .", tree)));
  if (!empty) return empty;
  const std::vector<std::vector<std::string>> steps = {{"import", tree + ".tar", "app:v1"},
                                                       {"tag", "app:v1", "app:v2"},
                                                       {"tag", "app:v1", "app:v3"},
                                                       {"import", tree + ".empty.tar", "app:broken"}};
  for (int node = 1; node <= nodes_; ++node) {
    for (const auto& step : steps) {
      if (const auto done = ok(docker(step, node)); !done) return done;
    }
  }
  return {};
}

Result<void> SwarmMachines::create_service(const std::string& name, const std::vector<std::string>& app) const {
  std::vector<std::string> words{"service",
                                 "create",
                                 "--name",
                                 name,
                                 "--replicas",
                                 "0",
                                 "--detach",
                                 "--quiet",
                                 "--no-resolve-image",
                                 "--endpoint-mode",
                                 "dnsrr",
                                 "--publish",
                                 "mode=host,target=8080",
                                 "--stop-grace-period",
                                 "30s",
                                 "--restart-delay",
                                 "1s",
                                 "app:v1",
                                 "/app",
                                 "--host",
                                 "0.0.0.0",
                                 "--port",
                                 "8080"};
  words.insert(words.end(), app.begin(), app.end());
  return ok(docker(words));
}

int SwarmMachines::replicas(const std::string& service) const {
  const auto answer = docker({"service", "inspect", "--format", "{{.Spec.Mode.Replicated.Replicas}}", service});
  return answer ? std::atoi(answer->c_str()) : -1;
}

std::vector<std::string> SwarmMachines::images_of(const std::string& group) const {
  std::istringstream lines(
      docker({"service", "ls", "--filter", "label=weir.group=" + group, "--format", "{{.Image}}"}).value_or("no answer"));
  std::vector<std::string> images;
  for (std::string line; std::getline(lines, line);) images.push_back(line);
  std::ranges::sort(images);
  return images;
}

Result<void> SwarmMachines::remove_services_of(const std::string& group) const {
  std::istringstream names(docker({"service", "ls", "--filter", "label=weir.group=" + group, "--quiet"}).value_or(""));
  std::vector<std::string> words{"service", "rm"};
  for (std::string name; std::getline(names, name);) words.push_back(name);
  return words.size() == 2 ? Result<void>() : ok(docker(words));
}

Result<void> SwarmMachines::cut_off(int node) const { return ok(run({"ip", "link", "set", device(node), "down"})); }
Result<void> SwarmMachines::reconnect(int node) const { return ok(run({"ip", "link", "set", device(node), "up"})); }

std::string SwarmMachines::logs() const {
  std::string text = docker({"service", "ps", "--no-trunc", "app"}).value_or("") + "\n";
  std::istringstream names(docker({"service", "ls", "--filter", "label=weir.group=app", "--format", "{{.Name}}"}).value_or(""));
  for (std::string name; std::getline(names, name);) text += docker({"service", "ps", "--no-trunc", name}).value_or("") + "\n";
  for (int node = 1; node <= nodes_; ++node) {
    const std::string log = read_file(home(node).string() + ".log").value_or("");
    text += fmt::format("node {}: …{}\n", node, log.substr(log.size() > 3000 ? log.size() - 3000 : 0));
  }
  return text;
}

}  // namespace weir
