#include "providers/docker_swarm/own_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <nlohmann/json.hpp>

#include "model/text.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr Duration kLookAgain = 50ms;
/// Swarm makes the task of a new service within a moment; a service that lacks it for so long has lost it.
constexpr Duration kTaskIsDue = 1min;
/// What Swarm takes for a name.
constexpr std::size_t kLongestName = 63;

std::string label_of(const std::map<std::string, std::string>& labels, const char* name) {
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

bool is_plain(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/// `docker stack deploy --prune` would remove what has a stack's labels and is not in its file.
void drop_stack_labels(Json& labels) {
  if (!labels.is_object()) return;
  Json kept = Json::object();
  for (const auto& [name, value] : labels.items()) {
    if (!name.starts_with("com.docker.stack.") && !name.starts_with("weir.")) kept[name] = value;
  }
  labels = std::move(kept);
}

/// One published port of the mesh belongs to one service.
void keep_host_ports(Json& spec) {
  const Json published = spec.contains("EndpointSpec") ? spec["EndpointSpec"].value("Ports", Json::array()) : Json::array();
  Json host = Json::array();
  for (const Json& port : published) {
    if (port.value("PublishMode", "") == "host") host.push_back(port);
  }
  spec["EndpointSpec"] = {{"Mode", "dnsrr"}, {"Ports", std::move(host)}};
}

void set_environment(Json& container, const std::string& name, const std::string& value) {
  Json kept = Json::array();
  for (const Json& entry : container.value("Env", Json::array())) {
    if (!entry.get<std::string>().starts_with(name + "=")) kept.push_back(entry);
  }
  kept.push_back(name + "=" + value);
  container["Env"] = std::move(kept);
}

}  // namespace

bool has_own_services(const Settings& server) { return server.has("image"); }

std::string image_of(const Group& group, const std::string& version) {
  return filled(group.server.text("image"), {{"version", version}, {"group", group.name}});
}

std::string own_service_name(const std::string& token) {
  std::string name = token.size() > kLongestName ? token.substr(token.size() - kLongestName) : token;
  for (char& c : name) {
    if (!is_plain(c) && c != '-' && c != '_') c = '-';
  }
  const auto begin = std::ranges::find_if(name, is_plain);
  name.erase(name.begin(), begin);
  while (!name.empty() && !is_plain(name.back())) name.pop_back();
  return name;
}

std::string own_service_spec(const std::string& pattern, const LaunchRequest& request, const std::string& owner) {
  const Json labels = {
      {kOwnerLabel, owner}, {kGroupLabel, request.group.name}, {kTokenLabel, request.token}, {kVersionLabel, request.version}};
  Json spec = Json::parse(pattern);
  spec["Name"] = own_service_name(request.token);
  drop_stack_labels(spec["Labels"]);
  spec["Labels"].update(labels);
  spec["Mode"] = {{"Replicated", {{"Replicas", 1}}}};
  keep_host_ports(spec);
  Json& task = spec["TaskTemplate"];
  // A server that ends has failed; who takes its place is for one alone to say.
  task["RestartPolicy"] = {{"Condition", "none"}};
  Json& container = task["ContainerSpec"];
  container["Image"] = image_of(request.group, request.version);
  container["Labels"].update(labels);
  set_environment(container, "WEIR_VERSION", request.version);
  return spec.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool OwnServices::is_ours(const Labels& labels) const {
  return label_of(labels, kOwnerLabel) == owner_ && labels.contains(kGroupLabel) && labels.contains(kTokenLabel);
}

// --- list ------------------------------------------------------------------------------------------------------------------------

/// Tasks tell whose they are by their own labels, so that one whose service is removed is listed until it has stopped.
Result<std::vector<Server>> OwnServices::list(std::span<const Group* const> groups, const std::vector<SwarmService>& services,
                                              const std::stop_token& stop) {
  std::vector<SwarmService> ours;
  std::ranges::copy_if(services, std::back_inserter(ours), [this](const SwarmService& each) { return is_ours(each.labels); });
  const bool configured = std::ranges::any_of(groups, [](const Group* group) { return has_own_services(group->server); });
  if (!configured && ours.empty()) return std::vector<Server>{};
  Result<std::vector<SwarmNode>> nodes = engine_.nodes(stop);
  if (!nodes) return std::unexpected(nodes.error());
  Result<Engine::Tasks> tasks = engine_.tasks({}, stop);
  if (!tasks) return std::unexpected(tasks.error());
  std::erase_if(tasks->tasks, [this](const SwarmTask& task) { return !is_ours(task.labels); });
  std::vector<Server> servers = servers_of_tasks(groups, tasks->tasks, by_id(std::move(*nodes)), tasks->at);
  for (const SwarmService& service : ours) {
    if (auto server = without_task(service, tasks->tasks, tasks->at)) servers.push_back(std::move(*server));
  }
  std::ranges::sort(servers, {}, &Server::id);
  return servers;
}

std::vector<Server> OwnServices::servers_of_tasks(std::span<const Group* const> groups, std::vector<SwarmTask> tasks,
                                                  const SwarmNodes& nodes, TimePoint at) const {
  std::map<std::string, std::vector<SwarmTask>> by_service;
  for (SwarmTask& task : tasks) by_service[task.service].push_back(std::move(task));
  std::vector<Server> servers;
  for (auto& [service, own] : by_service) {
    const Labels labels = own.front().labels;
    const std::string& name = labels.at(kGroupLabel);
    const auto group = std::ranges::find(groups, name, [](const Group* each) { return each->name; });
    const Group* const configured = group == groups.end() ? nullptr : *group;
    const ServiceView view{.service = {.id = service, .name = labels.at(kTokenLabel), .mode = "replicated", .replicas = 1},
                           .tasks = std::move(own),
                           .nodes = nodes,
                           .at = at,
                           .obituaries = ServiceView::Obituaries::lasting};
    for (Server& server : weir::servers_of(view, name, configured)) {
      server.token = labels.at(kTokenLabel);
      // What runs counts: the label only tells how weir wrote it, and somebody may have changed the image since.
      const auto task = std::ranges::find(view.tasks, server.id, &SwarmTask::id);
      const std::string version = label_of(task->labels, kVersionLabel);
      const bool as_made = configured == nullptr || image_of(*configured, version) == task->image;
      if (as_made && !version.empty()) server.version = version;
      servers.push_back(std::move(server));
    }
  }
  return servers;
}

/// A service whose task is not even history any more would be left behind.
std::optional<Server> OwnServices::without_task(const SwarmService& service, const std::vector<SwarmTask>& tasks,
                                                TimePoint at) const {
  const auto created_at = std::chrono::floor<Duration>(service.created_at);
  const bool has_task = std::ranges::find(tasks, service.id, &SwarmTask::service) != tasks.end();
  if (has_task || at - created_at < kTaskIsDue) return std::nullopt;
  return Server{.id = service.id,
                .group = service.labels.at(kGroupLabel),
                .token = service.labels.at(kTokenLabel),
                .version = label_of(service.labels, kVersionLabel),
                .phase = Phase::terminating,
                .launched_at = created_at,
                .failure = "its service has no task"};
}

Result<OwnServices::Look> OwnServices::look_at(const Group& group, const std::stop_token& stop) {
  Result<std::vector<SwarmNode>> nodes = engine_.nodes(stop);
  if (!nodes) return std::unexpected(nodes.error());
  Result<Engine::Tasks> tasks = engine_.tasks({}, stop);
  if (!tasks) return std::unexpected(tasks.error());
  std::erase_if(tasks->tasks,
                [&](const SwarmTask& task) { return !is_ours(task.labels) || label_of(task.labels, kGroupLabel) != group.name; });
  Look look{.all = {.service = {}, .tasks = std::move(tasks->tasks), .nodes = by_id(std::move(*nodes)), .at = tasks->at},
            .servers = {}};
  const Group* const groups[] = {&group};
  look.servers = servers_of_tasks(groups, look.all.tasks, look.all.nodes, look.all.at);
  return look;
}

// --- launch ----------------------------------------------------------------------------------------------------------------------

Result<SwarmService> OwnServices::pattern_of(const Group& group, const std::stop_token& stop) {
  const std::string& name = group.server.text("service");
  Result<SwarmService> pattern = engine_.service(name, stop);
  if (!pattern && pattern.error().kind == ErrorKind::not_found) {
    return failure(ErrorKind::invalid, fmt::format("{}: there is no service {}, which the servers of group {} are made after; "
                                                   "nothing was launched",
                                                   name_, name, group.name));
  }
  if (!pattern) return pattern;
  if (const std::string why = complaint_about(*pattern, group); !why.empty()) {
    return failure(ErrorKind::invalid, fmt::format("{}: {}; nothing was launched", name_, why));
  }
  return pattern;
}

Result<Server> OwnServices::launch(const LaunchRequest& request, const std::stop_token& stop) {
  Result<Look> now = look_at(request.group, stop);
  if (!now) return std::unexpected(now.error());
  const auto made = std::ranges::find(now->servers, request.token, &Server::token);
  if (made != now->servers.end()) return *made;
  // The image of another version may need nodes of another kind.
  std::erase_if(now->all.tasks, [&](const SwarmTask& task) { return label_of(task.labels, kVersionLabel) != request.version; });
  if (const SwarmTask* waiting = waiting_for_a_node(now->all)) {
    return failure(ErrorKind::out_of_capacity, fmt::format("{}: task {} of group {} waits already: {}; nothing was launched", name_,
                                                           waiting->id, request.group.name, waiting->trouble));
  }
  if (const Result<void> created = create(request, stop); !created) return std::unexpected(created.error());
  return promised(request, stop);
}

/// Swarm lets a name be taken once, and the token is the name: so a repeat makes no second one.
Result<void> OwnServices::create(const LaunchRequest& request, const std::stop_token& stop) {
  const Result<SwarmService> pattern = pattern_of(request.group, stop);
  if (!pattern) return std::unexpected(pattern.error());
  const Result<Engine::Creation> created =
      engine_.create(own_service_spec(pattern->spec, request, owner_), options_.registry, stop);
  if (!created) return std::unexpected(created.error());
  if (*created == Engine::Creation::done) return {};
  const std::string name = own_service_name(request.token);
  const Result<SwarmService> taken = engine_.service(name, stop);
  if (!taken) return failure(ErrorKind::unavailable, taken.error().message);
  const bool ours = is_ours(taken->labels) && taken->labels.at(kGroupLabel) == request.group.name &&
                    taken->labels.at(kTokenLabel) == request.token;
  if (ours) return {};
  return failure(ErrorKind::denied,
                 fmt::format("{}: the name {} is taken by a service that is not weir's; nothing was launched", name_, name));
}

/// The service is Swarm's promise; its task follows in a moment.
Result<Server> OwnServices::promised(const LaunchRequest& request, const std::stop_token& stop) {
  const auto deadline = network_.clock.now() + options_.task_deadline;
  while (true) {
    const Result<Look> now = look_at(request.group, stop);
    if (!now) return failure(ErrorKind::unavailable, now.error().message);
    const auto made = std::ranges::find(now->servers, request.token, &Server::token);
    if (made != now->servers.end()) return *made;
    if (network_.clock.now() >= deadline) break;
    if (!network_.clock.wait_until(network_.clock.now() + kLookAgain, stop)) {
      return failure(ErrorKind::cancelled, fmt::format("{}: cancelled while waiting for a task", name_));
    }
  }
  return failure(ErrorKind::unavailable, fmt::format("{}: service {} is made, but Swarm has not made its task yet", name_,
                                                     own_service_name(request.token)));
}

// --- terminate -------------------------------------------------------------------------------------------------------------------

bool OwnServices::has_any(const Group& group, const std::vector<SwarmService>& services) const {
  return std::ranges::any_of(
      services, [&](const SwarmService& each) { return is_ours(each.labels) && each.labels.at(kGroupLabel) == group.name; });
}

Result<void> OwnServices::terminate(const Group& group, const std::string& server, const std::stop_token& stop) {
  const Result<SwarmTask> task = engine_.task(server, stop);
  if (!task && task.error().kind != ErrorKind::not_found) return std::unexpected(task.error());
  std::string service = server;
  Labels labels;
  if (task) {
    service = task->service;
    labels = task->labels;
  } else {
    const Result<SwarmService> bare = engine_.service(server, stop);
    if (!bare && bare.error().kind == ErrorKind::not_found) return {};
    if (!bare) return std::unexpected(bare.error());
    labels = bare->labels;
  }
  if (!is_ours(labels) || labels.at(kGroupLabel) != group.name) return {};
  const Result<void> removed = engine_.remove(service, stop);
  if (!removed && removed.error().kind != ErrorKind::not_found) return std::unexpected(removed.error());
  return {};
}

}  // namespace weir
