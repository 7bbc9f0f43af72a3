#include "providers/docker_swarm/servers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace weir {
namespace {

using namespace std::chrono_literals;

/// How long a task that ended by itself is listed, so that the balancer lets go of it at once and the reason is heard.
constexpr Duration kObituary = 30s;

TimePoint in_milliseconds(SwarmTime time) { return std::chrono::floor<Duration>(time); }

std::string join_address(const std::string& host, int port) {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

const SwarmTask::Attachment* attachment_to(const SwarmTask& task, const std::string& network) {
  const auto found = std::ranges::find_if(
      task.attachments, [&](const SwarmTask::Attachment& each) { return each.network == network || each.network_id == network; });
  return found == task.attachments.end() ? nullptr : &*found;
}

const std::string& node_address(const SwarmTask& task, const SwarmNodes& nodes) {
  static const std::string none;
  const auto node = nodes.find(task.node);
  return node == nodes.end() ? none : node->second.address;
}

/// Empty until it is known.
std::string address_of(const SwarmTask& task, const SwarmNodes& nodes, const Settings& settings) {
  if (task.state < TaskState::starting) return {};
  const int port = settings.integer("port");
  if (settings.has("network")) {
    const SwarmTask::Attachment* attachment = attachment_to(task, settings.text("network"));
    if (attachment == nullptr) return {};
    // In the network named `host` a task has no address but its node's.
    const std::string& host = attachment->network == "host" ? node_address(task, nodes) : attachment->address;
    return host.empty() ? std::string() : join_address(host, port);
  }
  const auto published = std::ranges::find(task.host_ports, port, &SwarmTask::Port::target);
  const std::string& host = node_address(task, nodes);
  if (published == task.host_ports.end() || host.empty()) return {};
  return join_address(host, published->published);
}

std::string how_it_ended(const SwarmTask& task) {
  if (!task.trouble.empty()) return task.trouble;
  return task.state == TaskState::complete ? "it ended by itself" : "it ended";
}

std::string node_is_down(const SwarmTask& task, const SwarmNodes& nodes) {
  const SwarmNode& node = nodes.at(task.node);
  return fmt::format("node {} is down", node.name.empty() ? node.id : node.name);
}

class Lister {
 public:
  Lister(const ServiceView& view, const std::string& name, const Group* group)
      : view_(view), name_(name), group_(group), placement_(place(view)), protection_(reason_to_leave_alone(view.service)) {}

  std::vector<Server> run() {
    std::vector<Server> servers;
    for (const SwarmTask& task : view_.tasks) {
      Server server = described(task);
      if (judge(task, server)) servers.push_back(std::move(server));
    }
    return servers;
  }

 private:
  [[nodiscard]] Server described(const SwarmTask& task) const {
    Server server;
    server.id = task.id;
    server.group = name_;
    server.token = placement_.tokens.at(task.id);
    server.version = version_of_image(task.image);
    server.launched_at = in_milliseconds(task.created_at);
    if (group_ != nullptr) server.address = address_of(task, view_.nodes, group_->server);
    return server;
  }

  /// Phase, failure and protection; false: it is history.
  [[nodiscard]] bool judge(const SwarmTask& task, Server& server) const {
    if (is_superseded(task)) return false;
    const bool ended = !has_not_ended(task);
    if (is_cut_off(task, view_.nodes)) {
      server.phase = Phase::terminating;
      server.failure = node_is_down(task, view_.nodes);
      server.failure_cause = FailureCause::platform;
      return outlives_its_task(task) || (!ended && (is_wanted(task) || is_recent(task)));
    }
    if (ended) {
      server.phase = Phase::terminating;
      server.failure = how_it_ended(task);
      if (is_lasting()) return outlives_its_task(task);
      return ended_by_itself(task) && is_recent(task) && is_last_of_its_slot(task);
    }
    if (!is_wanted(task)) {
      server.phase = Phase::terminating;
      return true;
    }
    server.phase = task.state == TaskState::running ? Phase::warming : Phase::pending;
    server.protection = protection_;
    if (has_waited_too_long(task)) server.failure = task.trouble;
    return true;
  }

  [[nodiscard]] bool is_lasting() const { return view_.obituaries == ServiceView::Obituaries::lasting; }

  /// Its service is there until somebody removes it, whatever has become of the task. Swarm wants what ended by itself, and what it
  /// gave up with a node, at `shutdown`; what goes with its service, at `remove`.
  [[nodiscard]] bool outlives_its_task(const SwarmTask& task) const { return is_lasting() && task.desired <= TaskState::shutdown; }

  /// Somebody updated the service of one server: that goes on as the newer task, and must not be removed for the end of this one.
  [[nodiscard]] bool is_superseded(const SwarmTask& task) const {
    const bool serves = is_wanted(task) && has_not_ended(task) && !is_cut_off(task, view_.nodes);
    if (!is_lasting() || serves) return false;
    return std::ranges::any_of(
        view_.tasks, [&](const SwarmTask& other) { return other.slot == task.slot && other.created_at > task.created_at; });
  }

  [[nodiscard]] static bool ended_by_itself(const SwarmTask& task) {
    const bool by_itself =
        task.state == TaskState::failed || task.state == TaskState::rejected || task.state == TaskState::complete;
    return by_itself && task.desired <= TaskState::shutdown;
  }

  [[nodiscard]] bool is_recent(const SwarmTask& task) const { return view_.at - in_milliseconds(task.updated_at) < kObituary; }

  [[nodiscard]] bool is_last_of_its_slot(const SwarmTask& task) const {
    return std::ranges::none_of(view_.tasks, [&](const SwarmTask& other) {
      return other.slot == task.slot && !has_not_ended(other) && other.created_at > task.created_at;
    });
  }

  [[nodiscard]] bool has_waited_too_long(const SwarmTask& task) const {
    if (group_ == nullptr || task.state > TaskState::pending || task.trouble.empty()) return false;
    return view_.at - in_milliseconds(task.created_at) >= group_->server.duration("scheduling_grace");
  }

  const ServiceView& view_;
  const std::string& name_;
  const Group* group_;
  const Placement placement_;
  const std::string protection_;
};

}  // namespace

Placement place(const ServiceView& view) {
  const auto label = view.service.labels.find(kLedgerLabel);
  const Ledger ledger = read_ledger(label == view.service.labels.end() ? std::string() : label->second);
  return place(ledger, view.tasks, view.nodes, view.service.replicas);
}

std::string complaint_about(const SwarmService& service, const Group& group) {
  if (service.mode != "replicated") {
    return fmt::format("service {} of group {} is {}, and only a replicated service has a number of tasks to change", service.name,
                       group.name, service.mode);
  }
  if (group.server.has("network")) return {};
  const int port = group.server.integer("port");
  const auto published = std::ranges::find(service.ports, port, &SwarmService::Port::target);
  if (published != service.ports.end() && published->on_host) return {};
  return fmt::format(
      "service {} of group {} {}: nobody could reach one task of it; publish the port with mode: host, or name a network both weir "
      "and the balancer are on",
      service.name, group.name,
      published == service.ports.end() ? fmt::format("does not publish port {}", port)
                                       : fmt::format("publishes port {} through the ingress mesh only", port));
}

std::string complaint_about_addresses(const ServiceView& view, const Group& group) {
  if (!group.server.has("network")) return {};
  const std::string& network = group.server.text("network");
  for (const SwarmTask& task : view.tasks) {
    if (task.state != TaskState::running || !is_wanted(task) || attachment_to(task, network) != nullptr) continue;
    std::vector<std::string> names;
    for (const SwarmTask::Attachment& each : task.attachments) names.push_back(each.network);
    return fmt::format("the tasks of service {} of group {} are not on network {}; they are on: {}", view.service.name, group.name,
                       network, names.empty() ? "none" : fmt::to_string(fmt::join(names, ", ")));
  }
  return {};
}

std::string reason_to_leave_alone(const SwarmService& service) {
  const std::string& state = service.update_state;
  if (state == "updating" || state == "rollback_started") {
    return fmt::format("an update of service {} is under way ({})", service.name, state);
  }
  if (state == "paused" || state == "rollback_paused") {
    return fmt::format("the update of service {} is {}, and any change would set it going again; finish it or roll it back",
                       service.name, state == "paused" ? "paused" : "paused while rolling back");
  }
  return {};
}

const SwarmTask* waiting_for_a_node(const ServiceView& view) {
  const auto found = std::ranges::find_if(view.tasks, [](const SwarmTask& task) {
    return is_wanted(task) && task.state <= TaskState::pending && task.trouble.starts_with("no suitable node");
  });
  return found == view.tasks.end() ? nullptr : &*found;
}

std::vector<Server> servers_of(const ServiceView& view, const std::string& name, const Group* group) {
  return Lister(view, name, group).run();
}

}  // namespace weir
