#include "tests/fakes/kubernetes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <tuple>

namespace weir {
namespace {

using Json = nlohmann::json;

constexpr int kNodes = 3;

/// Kinds by what they are called in paths, with the group of their API.
struct Resource {
  std::string kind;
  std::string api_version;
  std::string in_permissions;
};
const std::map<std::string, Resource>& resources() {
  static const std::map<std::string, Resource> all = {
      {"pods", {"Pod", "v1", "pods"}},
      {"deployments", {"Deployment", "apps/v1", "deployments.apps"}},
      {"statefulsets", {"StatefulSet", "apps/v1", "statefulsets.apps"}},
      {"replicasets", {"ReplicaSet", "apps/v1", "replicasets.apps"}},
      {"horizontalpodautoscalers", {"HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers.autoscaling"}},
  };
  return all;
}

std::string decoded(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 2 >= text.size()) {
      result += text[i];
      continue;
    }
    int code = 0;
    (void)std::from_chars(text.data() + i + 1, text.data() + i + 3, code, 16);
    result += static_cast<char>(code);
    i += 2;
  }
  return result;
}

std::map<std::string, std::string> parameters(const std::string& query) {
  std::map<std::string, std::string> result;
  std::istringstream parts(query);
  for (std::string part; std::getline(parts, part, '&');) {
    const std::size_t equals = part.find('=');
    result[part.substr(0, equals)] = equals == std::string::npos ? "" : decoded(part.substr(equals + 1));
  }
  return result;
}

/// `a=b,c` only: what the tests use.
bool selects(const std::string& selector, const Json& object) {
  const Json labels = object["metadata"].value("labels", Json::object());
  std::istringstream parts(selector);
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t equals = part.find('=');
    const std::string name = part.substr(0, equals);
    if (!labels.contains(name)) return false;
    if (equals != std::string::npos && labels[name] != part.substr(equals + 1)) return false;
  }
  return true;
}

HttpStub::Answer json_answer(int status, const Json& body) {
  return {.status = status, .body = body.dump(), .content_type = "application/json"};
}

HttpStub::Answer status_answer(int code, const std::string& reason, const std::string& message) {
  return json_answer(code, {{"kind", "Status"},
                            {"apiVersion", "v1"},
                            {"metadata", Json::object()},
                            {"status", "Failure"},
                            {"message", message},
                            {"reason", reason},
                            {"code", code}});
}

std::string name_of(const Json& object) { return object["metadata"]["name"]; }
std::string uid_of(const Json& object) { return object["metadata"]["uid"]; }

std::string controller_of(const Json& object) {
  const Json owners = object["metadata"].value("ownerReferences", Json::array());
  return owners.empty() ? std::string() : owners[0]["uid"].get<std::string>();
}

/// Whole seconds, as the real one.
std::string stamp(TimePoint time) { return format_time(std::chrono::floor<std::chrono::seconds>(time)).substr(0, 19) + "Z"; }

bool is_active(const Json& pod) {
  const std::string phase = pod["status"]["phase"];
  return !pod["metadata"].contains("deletionTimestamp") && phase != "Failed" && phase != "Succeeded";
}

Json* condition(Json& object, const std::string& type) {
  for (Json& each : object["status"]["conditions"]) {
    if (each["type"] == type) return &each;
  }
  return nullptr;
}

bool is_ready(const Json& pod) {
  for (const Json& each : pod["status"].value("conditions", Json::array())) {
    if (each["type"] == "Ready") return each["status"] == "True";
  }
  return false;
}

int ordinal_of(const std::string& name) { return std::stoi(name.substr(name.rfind('-') + 1)); }

}  // namespace

/// A request, taken apart.
struct FakeKubernetes::Call {
  std::string method;
  std::string verb;
  std::string space;
  std::string resource;
  std::string name;
  std::string sub;
  std::map<std::string, std::string> query;
  std::string content_type;
  Json body;
};

FakeKubernetes::FakeKubernetes() : stub_([this](const HttpStub::Request& request) { return answer(request); }) {}

std::string FakeKubernetes::kubeconfig() const {
  return fmt::format(R"(apiVersion: v1
kind: Config
current-context: fake
contexts: [{{name: fake, context: {{cluster: fake, user: weir, namespace: shop}}}}]
clusters: [{{name: fake, cluster: {{server: "{}"}}}}]
users: [{{name: weir, user: {{token: token-1}}}}]
)",
                     url());
}

Json FakeKubernetes::meta(const std::string& space, const std::string& name) {
  return {{"name", name},
          {"namespace", space},
          {"uid", fmt::format("00000000-0000-4000-8000-{:012d}", ++uids_)},
          {"resourceVersion", std::to_string(++version_)},
          {"creationTimestamp", stamp(now_)},
          {"generation", 1}};
}

void FakeKubernetes::touch(Json& object) { object["metadata"]["resourceVersion"] = std::to_string(++version_); }

void FakeKubernetes::add_workload(const std::string& kind, const std::string& space, const std::string& name, int replicas) {
  const std::lock_guard lock(mutex_);
  const Json labels{{"app", name}};
  Json object{{"apiVersion", "apps/v1"},
              {"kind", kind},
              {"metadata", meta(space, name)},
              {"spec",
               {{"replicas", replicas},
                {"selector", {{"matchLabels", labels}}},
                {"template",
                 {{"metadata", {{"labels", labels}}},
                  {"spec", {{"containers", Json::array({{{"name", "app"}, {"image", "registry.example:5000/shop/app:v1"}}})}}}}}}},
              {"status", Json::object()}};
  objects_[{kind, name}] = std::move(object);
  if (controllers_ == Controllers::prompt) reconcile();
}

void FakeKubernetes::add_deployment(const std::string& space, const std::string& name, int replicas) {
  add_workload("Deployment", space, name, replicas);
}

void FakeKubernetes::add_stateful_set(const std::string& space, const std::string& name, int replicas) {
  add_workload("StatefulSet", space, name, replicas);
}

void FakeKubernetes::add_autoscaler(const std::string& space, const std::string& name, const std::string& kind,
                                    const std::string& target) {
  const std::lock_guard lock(mutex_);
  objects_[{"HorizontalPodAutoscaler", name}] = {
      {"apiVersion", "autoscaling/v2"},
      {"kind", "HorizontalPodAutoscaler"},
      {"metadata", meta(space, name)},
      {"spec", {{"maxReplicas", 9}, {"scaleTargetRef", {{"apiVersion", "apps/v1"}, {"kind", kind}, {"name", target}}}}}};
}

void FakeKubernetes::scale(const std::string& /*space*/, const std::string& workload, int replicas) {
  const std::lock_guard lock(mutex_);
  for (const char* kind : {"Deployment", "StatefulSet"}) {
    const auto found = objects_.find({kind, workload});
    if (found == objects_.end()) continue;
    found->second["spec"]["replicas"] = replicas;
    touch(found->second);
  }
  if (controllers_ == Controllers::prompt) reconcile();
}

int FakeKubernetes::replicas(const std::string& /*space*/, const std::string& workload) const {
  const std::lock_guard lock(mutex_);
  for (const char* kind : {"Deployment", "StatefulSet"}) {
    const auto found = objects_.find({kind, workload});
    if (found != objects_.end()) return found->second["spec"]["replicas"];
  }
  return -1;
}

void FakeKubernetes::edit(const std::string& kind, const std::string& name, const std::function<void(Json&)>& change) {
  const std::lock_guard lock(mutex_);
  Json& object = objects_.at({kind, name});
  change(object);
  touch(object);
  if (controllers_ == Controllers::prompt) reconcile();
}

void FakeKubernetes::erase(const std::string& kind, const std::string& name) {
  const std::lock_guard lock(mutex_);
  objects_.erase({kind, name});
  if (controllers_ == Controllers::prompt) reconcile();
}

std::vector<Json> FakeKubernetes::objects(const std::string& kind) const {
  const std::lock_guard lock(mutex_);
  std::vector<Json> found;
  for (const auto& [key, object] : objects_) {
    if (key.first == kind) found.push_back(object);
  }
  return found;
}

std::vector<std::string> FakeKubernetes::living() const {
  std::vector<std::string> names;
  for (const Json& pod : objects("Pod")) {
    if (is_active(pod)) names.push_back(name_of(pod));
  }
  return names;
}

void FakeKubernetes::begin_rollout(const std::string& space, const std::string& deployment) {
  const std::lock_guard lock(mutex_);
  const Json& owner = objects_.at({"Deployment", deployment});
  Json set{
      {"apiVersion", "apps/v1"}, {"kind", "ReplicaSet"}, {"metadata", meta(space, deployment + "-new")}, {"spec", owner["spec"]}};
  set["spec"]["replicas"] = 1;
  set["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example:5000/shop/app:v2";
  set["metadata"]["labels"] = owner["spec"]["template"]["metadata"]["labels"];
  set["metadata"]["ownerReferences"] = Json::array(
      {{{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", deployment}, {"uid", uid_of(owner)}, {"controller", true}}});
  objects_[{"ReplicaSet", deployment + "-new"}] = std::move(set);
  reconcile();
}

void FakeKubernetes::controllers(Controllers how) {
  const std::lock_guard lock(mutex_);
  controllers_ = how;
}

void FakeKubernetes::act() {
  const std::lock_guard lock(mutex_);
  reconcile();
}

void FakeKubernetes::allow_pods(int count) {
  const std::lock_guard lock(mutex_);
  quota_ = count;
}

void FakeKubernetes::fill_nodes() {
  const std::lock_guard lock(mutex_);
  full_ = true;
}

void FakeKubernetes::keep_terminating(bool keep) {
  const std::lock_guard lock(mutex_);
  keep_terminating_ = keep;
}

void FakeKubernetes::pass(Duration time) {
  const std::lock_guard lock(mutex_);
  now_ += time;
  if (controllers_ == Controllers::prompt) reconcile();
}

TimePoint FakeKubernetes::now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

void FakeKubernetes::fault(Fault what, const std::string& method) {
  const std::lock_guard lock(mutex_);
  faults_.emplace_back(method, what);
}

void FakeKubernetes::fault_always(std::optional<Fault> what, const std::string& method) {
  const std::lock_guard lock(mutex_);
  always_.reset();
  if (what) always_.emplace(method, *what);
}

void FakeKubernetes::expire_continue(int times) {
  const std::lock_guard lock(mutex_);
  expiries_ = times;
}

void FakeKubernetes::page_size(int most) {
  const std::lock_guard lock(mutex_);
  page_size_ = most;
}

void FakeKubernetes::deny(const std::string& verb, const std::string& resource) {
  const std::lock_guard lock(mutex_);
  denied_.emplace(verb, resource);
}

void FakeKubernetes::accept_token(const std::string& token) {
  const std::lock_guard lock(mutex_);
  token_ = token;
}

std::vector<FakeKubernetes::Asked> FakeKubernetes::asked() const {
  const std::lock_guard lock(mutex_);
  return asked_;
}

int FakeKubernetes::pods_made() const {
  const std::lock_guard lock(mutex_);
  return made_;
}

HttpStub::Answer FakeKubernetes::answer(const HttpStub::Request& request) {
  const std::lock_guard lock(mutex_);
  if (controllers_ == Controllers::prompt) reconcile();
  const std::size_t mark = request.target.find('?');
  Call call{.method = request.method};
  const std::string path = request.target.substr(0, mark);
  const std::string query = mark == std::string::npos ? "" : request.target.substr(mark + 1);
  call.query = parameters(query);
  call.body = Json::parse(request.body, nullptr, false);
  const auto content_type = request.headers.find("content-type");
  if (content_type != request.headers.end()) call.content_type = content_type->second;
  asked_.push_back({request.method, path, query, call.body});
  const auto authorization = request.headers.find("authorization");
  const bool known = authorization != request.headers.end() && authorization->second == "Bearer " + token_;
  if (!known) return status_answer(401, "Unauthorized", "Unauthorized");

  std::vector<std::string> parts;
  std::istringstream words(path);
  for (std::string word; std::getline(words, word, '/');) parts.push_back(word);
  // /api/v1/namespaces/N/pods/X or /apis/GROUP/VERSION/namespaces/N/RESOURCE/X/SUB
  const std::size_t first = parts.size() > 1 && parts[1] == "api" ? 3 : 4;
  if (parts.size() < first + 3 || parts[first] != "namespaces")
    return status_answer(404, "NotFound", "the server could not find the requested resource");
  call.space = parts[first + 1];
  call.resource = parts[first + 2];
  if (parts.size() > first + 3) call.name = parts[first + 3];
  if (parts.size() > first + 4) call.sub = parts[first + 4];

  std::optional<Fault> fault;
  const auto due =
      std::ranges::find_if(faults_, [&](const auto& each) { return each.first.empty() || each.first == request.method; });
  if (due != faults_.end()) {
    fault = due->second;
    faults_.erase(due);
  }
  if (!fault && always_ && (always_->first.empty() || always_->first == request.method)) fault = always_->second;
  if (fault == Fault::throttled) {
    HttpStub::Answer busy = status_answer(429, "TooManyRequests", "too many requests, please try again later");
    busy.headers.emplace_back("Retry-After", "1");
    return busy;
  }
  if (fault == Fault::broken) return status_answer(500, "InternalError", "an error on the server");
  if (fault == Fault::reset) return {.ending = HttpStub::Ending::reset};
  if (fault == Fault::garbage) return {.body = "<html>hello</html>", .content_type = "text/html"};
  if (fault == Fault::someone_else) {
    for (auto& [key, object] : objects_) {
      if (key.first == "Deployment" || key.first == "StatefulSet") touch(object);
    }
  }
  HttpStub::Answer served = serve(call);
  if (controllers_ == Controllers::prompt) reconcile();
  if (fault == Fault::lost_reply) served.ending = HttpStub::Ending::reset;
  if (fault == Fault::cut_off) served.ending = HttpStub::Ending::cut_off;
  return served;
}

HttpStub::Answer FakeKubernetes::serve(const Call& given) {
  Call call = given;
  const auto resource = resources().find(call.resource);
  if (resource == resources().end()) return status_answer(404, "NotFound", "the server could not find the requested resource");
  call.verb = call.method == "PATCH"    ? "patch"
              : call.method == "PUT"    ? "update"
              : call.method == "DELETE" ? "delete"
              : call.name.empty()       ? "list"
                                        : "get";
  const std::string permission = resource->second.in_permissions + (call.sub.empty() ? "" : "/" + call.sub);
  if (denied_.contains({call.verb, permission})) {
    return status_answer(
        403, "Forbidden",
        fmt::format("{} is forbidden: User \"weir\" cannot {} resource \"{}\" in API group \"apps\" in the namespace \"{}\"",
                    permission, call.verb, call.resource, call.space));
  }
  if (call.name.empty()) return list(call);
  const auto found = objects_.find({resource->second.kind, call.name});
  if (found == objects_.end() || found->second["metadata"]["namespace"] != call.space) {
    return status_answer(404, "NotFound", fmt::format("{} \"{}\" not found", resource->second.in_permissions, call.name));
  }
  Json& object = found->second;
  if (call.verb == "patch") return change(call, object);
  if (call.verb == "update") return put_scale(call, object);
  if (call.verb == "delete") return remove_pod(call, object);
  return json_answer(200, object);
}

HttpStub::Answer FakeKubernetes::list(const Call& call) {
  const Resource& resource = resources().at(call.resource);
  const auto value = [&](const std::string& name) {
    const auto found = call.query.find(name);
    return found == call.query.end() ? std::string() : found->second;
  };
  std::vector<Json> rest;
  if (const std::string token = value("continue"); !token.empty()) {
    const bool expired = expiries_ > 0 || !continued_.contains(token);
    if (expiries_ > 0) --expiries_;
    if (expired) return status_answer(410, "Expired", "The provided continue parameter is too old");
    rest = continued_[token];
  } else {
    for (const auto& [key, object] : objects_) {
      const bool here = key.first == resource.kind && object["metadata"]["namespace"] == call.space;
      if (here && selects(value("labelSelector"), object)) rest.push_back(object);
    }
  }
  const std::string limit = value("limit");
  const std::size_t most = static_cast<std::size_t>(std::min(page_size_, limit.empty() ? page_size_ : std::stoi(limit)));
  Json metadata{{"resourceVersion", std::to_string(version_)}};
  Json items = Json::array();
  for (std::size_t index = 0; index < std::min(most, rest.size()); ++index) items.push_back(rest[index]);
  if (rest.size() > most) {
    const std::string token = fmt::format("page+{}=", continued_.size());
    continued_[token] = std::vector<Json>(rest.begin() + static_cast<std::ptrdiff_t>(most), rest.end());
    metadata["continue"] = token;
    metadata["remainingItemCount"] = rest.size() - most;
  }
  return json_answer(
      200, {{"kind", resource.kind + "List"}, {"apiVersion", resource.api_version}, {"metadata", metadata}, {"items", items}});
}

HttpStub::Answer FakeKubernetes::change(const Call& call, Json& object) {
  if (call.content_type != "application/merge-patch+json") return status_answer(415, "UnsupportedMediaType", call.content_type);
  if (!call.body.is_object()) return status_answer(400, "BadRequest", "the body is not JSON");
  const Json wanted = call.body.value("metadata", Json::object());
  for (const char* precondition : {"resourceVersion", "uid"}) {
    if (!wanted.contains(precondition) || wanted[precondition] == object["metadata"][precondition]) continue;
    return status_answer(
        409, "Conflict",
        fmt::format("Operation cannot be fulfilled on {} \"{}\": the object has been modified; please apply your changes "
                    "to the latest version and try again",
                    call.resource, call.name));
  }
  Json changed = object;
  changed.merge_patch(call.body);
  if (changed["spec"].value("replicas", 0) < 0)
    return status_answer(422, "Invalid", "spec.replicas: must be greater than or equal to 0");
  if (changed == object) return json_answer(200, object);
  if (changed["spec"] != object["spec"]) changed["metadata"]["generation"] = object["metadata"]["generation"].get<int>() + 1;
  object = std::move(changed);
  touch(object);
  return json_answer(200, object);
}

HttpStub::Answer FakeKubernetes::put_scale(const Call& call, Json& object) {
  if (call.sub != "scale") return status_answer(405, "MethodNotAllowed", "only the scale is replaced here");
  const Json& metadata = call.body["metadata"];
  if (metadata["name"] != call.name) return status_answer(400, "BadRequest", "the name of the object does not match the URL");
  const bool stale = metadata.contains("resourceVersion") && metadata["resourceVersion"] != object["metadata"]["resourceVersion"];
  if (stale) return status_answer(409, "Conflict", "the object has been modified");
  object["spec"]["replicas"] = call.body["spec"]["replicas"];
  touch(object);
  return json_answer(200, {{"kind", "Scale"},
                           {"apiVersion", "autoscaling/v1"},
                           {"metadata", object["metadata"]},
                           {"spec", {{"replicas", object["spec"]["replicas"]}}},
                           {"status", {{"replicas", 0}}}});
}

HttpStub::Answer FakeKubernetes::remove_pod(const Call& call, Json& object) {
  const Json preconditions = call.body.is_object() ? call.body.value("preconditions", Json::object()) : Json::object();
  if (preconditions.contains("uid") && preconditions["uid"] != object["metadata"]["uid"]) {
    return status_answer(409, "Conflict", "the UID in the precondition does not match the UID in record");
  }
  const Json copy = object;
  begin_deletion(call.name);
  return json_answer(200, copy);
}

// ---- controllers ------------------------------------------------------------------------------------------------------------

void FakeKubernetes::reconcile() {
  finish_deletions();
  for (int round = 0; round < 3; ++round) {
    std::vector<Key> keys;
    for (const auto& [key, object] : objects_) keys.push_back(key);
    for (const Key& key : keys) {
      if (key.first == "Deployment") reconcile_deployment(objects_.at(key));
      if (key.first == "StatefulSet") reconcile_stateful(objects_.at(key));
    }
    for (const auto& [key, object] : std::map<Key, Json>(objects_)) {
      if (key.first == "ReplicaSet") reconcile_set(key.second);
    }
    run_pods();
  }
}

void FakeKubernetes::finish_deletions() {
  if (keep_terminating_) return;
  std::erase_if(objects_, [](const auto& each) {
    return each.first.first == "Pod" && each.second["metadata"].contains("deletionTimestamp");
  });
}

void FakeKubernetes::reconcile_deployment(Json& deployment) {
  const std::string name = name_of(deployment) + "-6d4cf56db6";
  if (!objects_.contains({"ReplicaSet", name})) {
    Json set{{"apiVersion", "apps/v1"},
             {"kind", "ReplicaSet"},
             {"metadata", meta(deployment["metadata"]["namespace"], name)},
             {"spec", deployment["spec"]}};
    set["metadata"]["labels"] = deployment["spec"]["template"]["metadata"]["labels"];
    set["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", "apps/v1"},
                                                       {"kind", "Deployment"},
                                                       {"name", name_of(deployment)},
                                                       {"uid", uid_of(deployment)},
                                                       {"controller", true}}});
    objects_[{"ReplicaSet", name}] = std::move(set);
  }
  Json& set = objects_.at({"ReplicaSet", name});
  if (set["spec"]["replicas"] == deployment["spec"]["replicas"]) return;
  set["spec"]["replicas"] = deployment["spec"]["replicas"];
  touch(set);
  touch(deployment);  // its status
}

std::vector<std::string> FakeKubernetes::pods_of(const std::string& owner, bool active) const {
  std::vector<std::string> names;
  for (const auto& [key, object] : objects_) {
    const bool of_owner = key.first == "Pod" && controller_of(object) == owner;
    if (of_owner && (!active || is_active(object))) names.push_back(key.second);
  }
  return names;
}

/// The order of the ReplicaSet controller, without its rules about nodes and restarts.
bool FakeKubernetes::goes_before(const std::string& first, const std::string& second) const {
  const auto rank = [this](const std::string& name) {
    const Json& pod = objects_.at({"Pod", name});
    const std::string phase = pod["status"]["phase"];
    const Json annotations = pod["metadata"].value("annotations", Json::object());
    const std::int64_t cost = std::stoll(annotations.value("controller.kubernetes.io/pod-deletion-cost", std::string("0")));
    const int phases = phase == "Pending" ? 0 : phase == "Unknown" ? 1 : 2;
    return std::tuple(pod["spec"].contains("nodeName"), phases, is_ready(pod), cost);
  };
  if (rank(first) != rank(second)) return rank(first) < rank(second);
  const auto created = [this](const std::string& name) {
    return objects_.at({"Pod", name})["metadata"]["creationTimestamp"].get<std::string>();
  };
  return std::tuple(created(second), second) < std::tuple(created(first), first);
}

void FakeKubernetes::reconcile_set(const std::string& name) {
  const Json set = objects_.at({"ReplicaSet", name});
  std::vector<std::string> pods = pods_of(uid_of(set), true);
  const auto wanted = set["spec"]["replicas"].get<std::size_t>();
  bool full = false;
  while (pods.size() < wanted && !full) {
    const std::string pod = name + "-" + random_suffix();
    full = !make_pod(set, pod);
    if (!full) pods.push_back(pod);
  }
  report_quota(set, full);
  std::ranges::sort(pods, [this](const auto& one, const auto& other) { return goes_before(one, other); });
  for (std::size_t index = 0; pods.size() - index > wanted; ++index) begin_deletion(pods[index]);
}

void FakeKubernetes::report_quota(const Json& owner, bool full) {
  for (auto& [key, object] : objects_) {
    if (key.first != "Deployment" || uid_of(object) != controller_of(owner)) continue;
    Json conditions = Json::array();
    if (full) {
      conditions.push_back({{"type", "ReplicaFailure"},
                            {"status", "True"},
                            {"reason", "FailedCreate"},
                            {"message", "pods \"app-1\" is forbidden: exceeded quota: small"}});
    }
    if (object["status"].value("conditions", Json::array()) == conditions) continue;
    object["status"]["conditions"] = conditions;
    touch(object);
  }
}

/// One at a time and in order; the highest goes first.
void FakeKubernetes::reconcile_stateful(Json& stateful) {
  const int wanted = stateful["spec"]["replicas"];
  const std::string base = name_of(stateful);
  for (const std::string& pod : pods_of(uid_of(stateful), false)) {
    const Json& object = objects_.at({"Pod", pod});
    const bool ended = !is_active(object) && !object["metadata"].contains("deletionTimestamp");
    if (ended || ordinal_of(pod) >= wanted) begin_deletion(pod);
  }
  for (int ordinal = 0; ordinal < wanted; ++ordinal) {
    const std::string pod = fmt::format("{}-{}", base, ordinal);
    const auto found = objects_.find({"Pod", pod});
    if (found == objects_.end()) {
      (void)make_pod(stateful, pod);
      return;
    }
    if (!is_ready(found->second)) return;
  }
}

bool FakeKubernetes::make_pod(const Json& owner, const std::string& name) {
  const auto count = std::ranges::count_if(objects_, [](const auto& each) { return each.first.first == "Pod"; });
  if (count >= quota_) return false;
  Json pod{{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", meta(owner["metadata"]["namespace"], name)}};
  pod["metadata"]["labels"] = owner["spec"]["template"]["metadata"]["labels"];
  pod["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", owner["apiVersion"]},
                                                     {"kind", owner["kind"]},
                                                     {"name", name_of(owner)},
                                                     {"uid", uid_of(owner)},
                                                     {"controller", true}}});
  pod["spec"] = owner["spec"]["template"]["spec"];
  pod["status"] = {{"phase", "Pending"}, {"conditions", Json::array()}};
  objects_[{"Pod", name}] = std::move(pod);
  ++made_;
  return true;
}

/// Scheduler and kubelet: a pending pod without troubles runs and is ready.
void FakeKubernetes::run_pods() {
  for (auto& [key, pod] : objects_) {
    if (key.first != "Pod" || pod["status"]["phase"] != "Pending" || pod["metadata"].contains("deletionTimestamp")) continue;
    if (condition(pod, "PodScheduled") != nullptr) continue;
    if (full_) {
      pod["status"]["conditions"].push_back({{"type", "PodScheduled"},
                                             {"status", "False"},
                                             {"reason", "Unschedulable"},
                                             {"message", "0/3 nodes are available: 3 Insufficient cpu."},
                                             {"lastTransitionTime", stamp(now_)}});
      touch(pod);
      continue;
    }
    pod["spec"]["nodeName"] = fmt::format("node-{}", made_ % kNodes);
    const int number = std::stoi(uid_of(pod).substr(24));
    pod["status"] = {
        {"phase", "Running"},
        {"podIP", fmt::format("10.42.{}.{}", number / 250, number % 250 + 1)},
        {"containerStatuses", Json::array({{{"name", "app"},
                                            {"image", pod["spec"]["containers"][0]["image"]},
                                            {"imageID", ""},
                                            {"ready", true},
                                            {"restartCount", 0},
                                            {"state", {{"running", {{"startedAt", stamp(now_)}}}}}}})},
        {"conditions", Json::array({{{"type", "PodScheduled"}, {"status", "True"}, {"lastTransitionTime", stamp(now_)}},
                                    {{"type", "ContainersReady"}, {"status", "True"}, {"lastTransitionTime", stamp(now_)}},
                                    {{"type", "Ready"}, {"status", "True"}, {"lastTransitionTime", stamp(now_)}}})}};
    touch(pod);
  }
}

void FakeKubernetes::begin_deletion(const std::string& name) {
  Json& pod = objects_.at({"Pod", name});
  if (pod["metadata"].contains("deletionTimestamp")) return;
  pod["metadata"]["deletionTimestamp"] = stamp(now_);
  touch(pod);
}

/// Five of the letters the real one takes, in an order that says nothing about age.
std::string FakeKubernetes::random_suffix() {
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  std::string suffix;
  std::uint64_t number = (static_cast<std::uint64_t>(uids_) + 1) * 0x9E3779B97F4A7C15ULL;
  for (int i = 0; i < 5; ++i, number >>= 7U) suffix += kLetters[(number >> 20U) % kLetters.size()];
  return suffix;
}

}  // namespace weir
