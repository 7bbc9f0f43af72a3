#include "tests/fakes/swarm.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

namespace weir {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPrefix = "/v1.41";

HttpStub::Answer json_answer(const Json& json, int status = 200) {
  return {.status = status, .body = json.dump(), .content_type = "application/json"};
}

HttpStub::Answer refused(int status, const std::string& message) { return json_answer({{"message", message}}, status); }

std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      result += text[at];
      continue;
    }
    int code = 0;
    std::from_chars(text.data() + at + 1, text.data() + at + 3, code, 16);
    result += static_cast<char>(code);
    at += 2;
  }
  return result;
}

bool is_live(const Json& task) { return task["DesiredState"] == "running" || task["DesiredState"] == "ready"; }

bool has_ended(const Json& task) {
  static const std::set<std::string> kEnds = {"complete", "shutdown", "failed", "rejected", "orphaned"};
  return kEnds.contains(task["Status"]["State"].get<std::string>());
}

}  // namespace

FakeSwarm::FakeSwarm() { add_node("node-1"); }

std::string FakeSwarm::now() const {
  // Every change a moment later than the one before, as in a real one.
  const auto whole = std::chrono::floor<std::chrono::seconds>(now_);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", whole, index_ * 1000);
}

void FakeSwarm::touch(Json& object) {
  object["Version"]["Index"] = ++index_;
  object["UpdatedAt"] = now();
}

void FakeSwarm::add_node(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto number = nodes_.size() + 1;
  Json node = {{"ID", id},
               {"CreatedAt", now()},
               {"Spec", {{"Labels", Json::object()}, {"Role", "manager"}, {"Availability", "active"}}},
               {"Description", {{"Hostname", "host-of-" + id}}},
               {"Status", {{"State", "ready"}, {"Addr", fmt::format("10.0.0.{}", number)}}},
               {"ManagerStatus", {{"Reachability", "reachable"}, {"Addr", fmt::format("10.0.0.{}:2377", number)}}}};
  touch(node);
  nodes_.push_back(std::move(node));
}

void FakeSwarm::set_node(const std::string& id, const std::string& state) {
  const std::lock_guard lock(mutex_);
  for (Json& node : nodes_) {
    if (node["ID"] == id) node["Status"]["State"] = state;
  }
}

void FakeSwarm::add_service(const std::string& name, int replicas) {
  const std::lock_guard lock(mutex_);
  Json spec = {
      {"Name", name},
      {"Labels", {{"owner", "ops"}}},
      {"TaskTemplate",
       {{"ContainerSpec", {{"Image", "app:v1"}, {"StopGracePeriod", 3000000000}, {"Isolation", "default"}}},
        {"Resources", {{"Limits", {{"NanoCPUs", 500000000}}}}},
        {"RestartPolicy", {{"Condition", "any"}, {"Delay", 1000000000}, {"MaxAttempts", 0}}},
        {"ForceUpdate", 0},
        {"Runtime", "container"}}},
      {"Mode", {{"Replicated", {{"Replicas", replicas}}}}},
      {"UpdateConfig",
       {{"Parallelism", 1}, {"Delay", 1000000000}, {"FailureAction", "pause"}, {"MaxFailureRatio", 0}, {"Order", "start-first"}}},
      {"EndpointSpec", {{"Mode", "dnsrr"}, {"Ports", {{{"Protocol", "tcp"}, {"TargetPort", 8080}, {"PublishMode", "host"}}}}}}};
  Json service = {
      {"ID", "id-of-" + name}, {"CreatedAt", now()}, {"Spec", std::move(spec)}, {"Endpoint", {{"Spec", Json::object()}}}};
  touch(service);
  services_.push_back(std::move(service));
  if (!slow_) orchestrate();
}

Json* FakeSwarm::find_service(const std::string& name) {
  for (Json& service : services_) {
    if (service["Spec"]["Name"] == name || service["ID"] == name) return &service;
  }
  return nullptr;
}

void FakeSwarm::edit(const std::string& service, const std::function<void(Json& spec)>& change) {
  const std::lock_guard lock(mutex_);
  Json* found = find_service(service);
  change((*found)["Spec"]);
  touch(*found);
  if (!slow_) orchestrate();
}

void FakeSwarm::edit_service(const std::string& service, const std::function<void(Json& service)>& change) {
  const std::lock_guard lock(mutex_);
  change(*find_service(service));
}

void FakeSwarm::remove_service(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const std::string id = (*find_service(name))["ID"];
  std::erase_if(services_, [&](const Json& service) { return service["ID"] == id; });
  std::erase_if(tasks_, [&](const Json& task) { return task["ServiceID"] == id; });
}

void FakeSwarm::edit_task(const std::string& id, const std::function<void(Json& task)>& change) {
  const std::lock_guard lock(mutex_);
  for (Json& task : tasks_) {
    if (task["ID"] == id) change(task);
  }
}

void FakeSwarm::end_task(const std::string& id, const std::string& state, const std::string& error) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(tasks_, [&](const Json& task) { return task["ID"] == id; });
  (*found)["Status"]["State"] = state;
  if (!error.empty()) (*found)["Status"]["Err"] = error;
  (*found)["DesiredState"] = "shutdown";
  touch(*found);
  const std::string service = (*found)["ServiceID"];
  const Json& owner = *find_service(service);
  if (owner["Spec"]["TaskTemplate"]["RestartPolicy"]["Condition"] != "none") add_task(owner, (*found)["Slot"].get<int>());
}

void FakeSwarm::be_slow() {
  const std::lock_guard lock(mutex_);
  slow_ = true;
}

void FakeSwarm::linger() {
  const std::lock_guard lock(mutex_);
  lingering_ = true;
}

void FakeSwarm::lack_image(const std::string& image) {
  const std::lock_guard lock(mutex_);
  lacking_.insert(image);
}

void FakeSwarm::refuse_tasks(const std::string& error) {
  const std::lock_guard lock(mutex_);
  refusal_ = error;
}

void FakeSwarm::pass(Duration duration) {
  const std::lock_guard lock(mutex_);
  now_ += duration;
}

void FakeSwarm::work() {
  const std::lock_guard lock(mutex_);
  drop_removed();
  for (Json& task : tasks_) {
    if (task["DesiredState"] == "shutdown" && !has_ended(task) && !is_lost(task)) task["Status"]["State"] = "shutdown";
  }
  for (const Json& service : services_) replace_lost(service);
  orchestrate();
}

Json FakeSwarm::service(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  for (const Json& service : services_) {
    if (service["Spec"]["Name"] == name) return service;
  }
  return {};
}

std::vector<std::string> FakeSwarm::service_names() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const Json& service : services_) names.push_back(service["Spec"]["Name"].get<std::string>());
  return names;
}

int FakeSwarm::replicas(const std::string& name) const { return service(name)["Spec"]["Mode"]["Replicated"]["Replicas"]; }

std::vector<Json> FakeSwarm::tasks(const std::string& service) const {
  const std::lock_guard lock(mutex_);
  std::vector<Json> result;
  std::ranges::copy_if(tasks_, std::back_inserter(result),
                       [&](const Json& task) { return task["ServiceID"] == "id-of-" + service; });
  return result;
}

Json FakeSwarm::task(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(tasks_, [&](const Json& task) { return task["ID"] == id; });
  return found == tasks_.end() ? Json() : *found;
}

int FakeSwarm::updates() const {
  const std::lock_guard lock(mutex_);
  return updates_;
}

void FakeSwarm::fail_next_updates(std::vector<Fault> faults) {
  const std::lock_guard lock(mutex_);
  faults_ = std::move(faults);
}

void FakeSwarm::override(std::function<bool(const HttpStub::Request&, HttpStub::Answer&)> handler) {
  const std::lock_guard lock(mutex_);
  override_ = std::move(handler);
}

void FakeSwarm::refuse_paths(std::vector<std::string> beginnings) {
  const std::lock_guard lock(mutex_);
  refused_paths_ = std::move(beginnings);
}

std::vector<Json*> FakeSwarm::wanted(const std::string& service) {
  std::vector<Json*> result;
  for (Json& task : tasks_) {
    if (task["ServiceID"] == service && is_live(task)) result.push_back(&task);
  }
  return result;
}

void FakeSwarm::orchestrate() {
  for (Json& service : services_) reconcile(service);
}

void FakeSwarm::reconcile(Json& service) {
  const Json& mode = service["Spec"]["Mode"];
  if (!mode.contains("Replicated")) return;
  std::set<int> slots;
  for (const Json* task : wanted(service["ID"])) slots.insert((*task)["Slot"].get<int>());
  if (service["Spec"]["TaskTemplate"]["RestartPolicy"]["Condition"] == "none") {
    // What ended stays ended, and keeps its place.
    for (const Json& task : tasks_) {
      if (task["ServiceID"] == service["ID"] && task["DesiredState"] == "shutdown") slots.insert(task["Slot"].get<int>());
    }
  }
  const int surplus = static_cast<int>(slots.size()) - mode["Replicated"]["Replicas"].get<int>();
  if (surplus < 0) fill_slots(service, -surplus);
  if (surplus > 0) empty_slots(service["ID"], surplus);
}

void FakeSwarm::fill_slots(const Json& service, int missing) {
  std::set<int> used;
  for (const Json* task : wanted(service["ID"])) used.insert((*task)["Slot"].get<int>());
  for (int slot = 1; missing > 0; ++slot) {
    if (used.contains(slot)) continue;
    add_task(service, slot);
    --missing;
  }
}

/// Those without a node first, then the lowest slots: as little what one would have chosen as with a real one.
void FakeSwarm::empty_slots(const std::string& service, int surplus) {
  std::vector<Json*> tasks = wanted(service);
  std::ranges::sort(tasks, {}, [](const Json* task) { return std::pair(task->contains("NodeID"), (*task)["Slot"].get<int>()); });
  tasks.resize(std::min(tasks.size(), static_cast<std::size_t>(surplus)));
  for (Json* task : tasks) {
    (*task)["DesiredState"] = "remove";
    touch(*task);
  }
  if (!lingering_) drop_removed();
}

/// A task goes when its node has said that it stopped.
void FakeSwarm::drop_removed() {
  std::erase_if(tasks_, [this](const Json& task) { return task["DesiredState"] == "remove" && !is_lost(task); });
}

bool FakeSwarm::is_lost(const Json& task) const {
  return task.contains("NodeID") && std::ranges::any_of(nodes_, [&](const Json& node) {
           return node["ID"] == task["NodeID"] && node["Status"]["State"] == "down";
         });
}

void FakeSwarm::replace_lost(const Json& service) {
  const bool restarts = service["Spec"]["TaskTemplate"]["RestartPolicy"]["Condition"] != "none";
  std::vector<int> slots;
  for (Json* task : wanted(service["ID"])) {
    if (!is_lost(*task)) continue;
    (*task)["DesiredState"] = "shutdown";
    touch(*task);
    if (restarts) slots.push_back((*task)["Slot"].get<int>());
  }
  for (const int slot : slots) add_task(service, slot);
}

void FakeSwarm::add_task(const Json& service, int slot) {
  Json task = {
      {"ID", fmt::format("task{:05}", ++made_)},
      {"CreatedAt", ""},
      {"Labels", Json::object()},
      {"Spec", service["Spec"]["TaskTemplate"]},
      {"ServiceID", service["ID"]},
      {"Slot", slot},
      {"Status",
       {{"Timestamp", now()}, {"State", "pending"}, {"Message", "pending task scheduling"}, {"PortStatus", Json::object()}}},
      {"DesiredState", "running"},
      {"NetworksAttachments", Json::array()}};
  touch(task);
  task["CreatedAt"] = now();
  const std::string image = task["Spec"]["ContainerSpec"]["Image"];
  if (lacking_.contains(image)) {
    task["Status"]["State"] = "rejected";
    task["Status"]["Err"] = "No such image: " + image;
    task["DesiredState"] = "shutdown";
  } else if (refusal_.empty()) {
    start(task);
  } else {
    task["Status"]["Err"] = refusal_;
  }
  tasks_.push_back(std::move(task));
}

void FakeSwarm::start(Json& task) {
  const auto ready = std::ranges::find_if(nodes_, [](const Json& node) { return node["Status"]["State"] == "ready"; });
  if (ready == nodes_.end()) return;
  task["NodeID"] = (*ready)["ID"];
  task["Status"]["State"] = "running";
  task["Status"]["Message"] = "started";
  task["Status"]["PortStatus"]["Ports"] = {
      {{"Protocol", "tcp"}, {"TargetPort", 8080}, {"PublishedPort", 30000 + made_}, {"PublishMode", "host"}}};
}

HttpStub::Answer FakeSwarm::answer(const HttpStub::Request& request) {
  const std::lock_guard lock(mutex_);
  HttpStub::Answer answer;
  if (!override_ || !override_(request, answer)) answer = route(request);
  const auto whole = std::chrono::floor<std::chrono::seconds>(now_);
  answer.headers.emplace_back("Date", fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", whole));
  answer.headers.emplace_back("Api-Version", "1.41");
  return answer;
}

HttpStub::Answer FakeSwarm::route(const HttpStub::Request& request) {
  if (request.target == "/_ping") return {.body = "OK"};
  if (!request.target.starts_with(kPrefix)) {
    return refused(400, "client version 1.99 is too new. Maximum supported API version is 1.41");
  }
  const std::string target = request.target.substr(kPrefix.size());
  const std::string path = target.substr(0, target.find('?'));
  if (std::ranges::any_of(refused_paths_, [&](const std::string& beginning) { return path.starts_with(beginning); })) {
    return {.status = 403, .body = "<html><body><h1>403 Forbidden</h1></body></html>", .content_type = "text/html"};
  }
  if (path == "/nodes") return json_answer(nodes_);
  if (path == "/services") return json_answer(services_);
  if (path == "/tasks") return list_tasks(target);
  constexpr std::string_view kTask = "/tasks/";
  if (path.starts_with(kTask)) return inspect_task(decoded(path.substr(kTask.size())));
  if (path == "/services/create") return create(request.body);
  constexpr std::string_view kService = "/services/";
  if (!path.starts_with(kService)) return refused(404, "page not found");
  const std::string rest = decoded(path.substr(kService.size()));
  const std::string name = rest.substr(0, rest.find('/'));
  const Json* service = find_service(name);
  if (service == nullptr) return refused(404, fmt::format("service {} not found", name));
  if (rest == name) return request.method == "DELETE" ? remove(name) : json_answer(*service);
  return update(request, name);
}

HttpStub::Answer FakeSwarm::inspect_task(const std::string& id) const {
  const auto found = std::ranges::find_if(tasks_, [&](const Json& task) { return task["ID"] == id; });
  return found == tasks_.end() ? refused(404, fmt::format("task {} not found", id)) : json_answer(*found);
}

FakeSwarm::Fault FakeSwarm::next_fault() {
  if (faults_.empty()) return Fault::none;
  const Fault fault = faults_.front();
  faults_.erase(faults_.begin());
  return fault;
}

HttpStub::Answer FakeSwarm::create(const std::string& body) {
  const Fault fault = next_fault();
  if (fault == Fault::refused) return refused(400, "rpc error: code = InvalidArgument desc = ContainerSpec: invalid");
  if (fault == Fault::broken) return refused(500, "rpc error: code = Unknown desc = raft: failed to process the request");
  if (fault == Fault::lost_request) return {.ending = HttpStub::Ending::reset};
  Json spec = Json::parse(body);
  const std::string name = spec["Name"];
  if (find_service(name) != nullptr) {
    return refused(409, fmt::format("rpc error: code = AlreadyExists desc = name conflicts with an existing object: service {} "
                                    "already exists",
                                    name));
  }
  Json service = {
      {"ID", "id-of-" + name}, {"CreatedAt", now()}, {"Spec", std::move(spec)}, {"Endpoint", {{"Spec", Json::object()}}}};
  touch(service);
  services_.push_back(std::move(service));
  if (!slow_) orchestrate();
  if (fault == Fault::lost_reply) return {.ending = HttpStub::Ending::reset};
  return json_answer({{"ID", "id-of-" + name}}, 201);
}

/// The service is gone at once, its tasks when they have stopped.
HttpStub::Answer FakeSwarm::remove(const std::string& id) {
  const std::string whole = (*find_service(id))["ID"];
  std::erase_if(services_, [&](const Json& service) { return service["ID"] == whole; });
  for (Json& task : tasks_) {
    if (task["ServiceID"] != whole) continue;
    task["DesiredState"] = "remove";
    touch(task);
  }
  if (!lingering_) drop_removed();
  return {.content_type = "application/json"};
}

HttpStub::Answer FakeSwarm::list_tasks(const std::string& target) {
  if (target.find('?') == std::string::npos) return json_answer(tasks_);
  const Json filters = Json::parse(decoded(target.substr(target.find('=') + 1)));
  std::set<std::string> services;
  for (const Json& name : filters.at("service")) {
    const Json* service = find_service(name);
    if (service == nullptr) return refused(404, fmt::format("service {} not found", name.get<std::string>()));
    services.insert((*service)["ID"].get<std::string>());
  }
  Json result = Json::array();
  for (const Json& task : tasks_) {
    if (services.contains(task["ServiceID"].get<std::string>())) result.push_back(task);
  }
  return json_answer(result);
}

HttpStub::Answer FakeSwarm::update(const HttpStub::Request& request, const std::string& id) {
  Json& service = *find_service(id);
  const Fault fault = next_fault();
  if (fault == Fault::broken) return refused(500, "rpc error: code = Unknown desc = raft: failed to process the request");
  if (fault == Fault::lost_request) return {.ending = HttpStub::Ending::reset};
  if (fault == Fault::overtaken) {
    service["Spec"]["Labels"]["somebody"] = "else";
    touch(service);
  }
  const std::size_t version = request.target.find("?version=");
  if (version == std::string::npos) return refused(400, "invalid service version ''");
  if (request.target.substr(version + 9) != std::to_string(service["Version"]["Index"].get<int>())) {
    return refused(500, "rpc error: code = Unknown desc = update out of sequence");
  }
  service["PreviousSpec"] = service["Spec"];
  service["Spec"] = Json::parse(request.body);
  service.erase("UpdateStatus");
  touch(service);
  ++updates_;
  if (!slow_) orchestrate();
  if (fault == Fault::lost_reply) return {.ending = HttpStub::Ending::reset};
  return json_answer({{"Warnings", nullptr}});
}

}  // namespace weir
