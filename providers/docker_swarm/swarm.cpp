#include "providers/docker_swarm/swarm.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "model/text.h"

namespace weir {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 15> kStates = {"new",       "allocated", "pending",  "assigned", "accepted",
                                                      "preparing", "ready",     "starting", "running",  "complete",
                                                      "shutdown",  "failed",    "rejected", "remove",   "orphaned"};

/// What makes an answer unusable; caught where the answer is read.
struct Unusable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

const Json& member(const Json& object, const char* name) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(name);
  return found == object.end() ? nothing : *found;
}

/// Go leaves out what is empty.
std::string text_of(const Json& object, const char* name) {
  const Json& value = member(object, name);
  return value.is_null() ? std::string() : value.get<std::string>();
}

int number_of(const Json& object, const char* name) {
  const Json& value = member(object, name);
  return value.is_null() ? 0 : value.get<int>();
}

std::string id_of(const Json& object) {
  std::string id = text_of(object, "ID");
  if (id.empty()) throw Unusable("something without ID");
  return id;
}

TaskState state_of(const std::string& text) {
  for (std::size_t index = 0; index < kStates.size(); ++index) {
    if (kStates[index] == text) return static_cast<TaskState>(index);
  }
  throw Unusable(fmt::format("a task state '{}'", text));
}

int digits(std::string_view text, std::size_t from, std::size_t count) {
  int value = 0;
  const std::string_view part = from + count <= text.size() ? text.substr(from, count) : std::string_view();
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
  if (part.empty() || error != std::errc{} || end != part.data() + part.size()) {
    throw Unusable(fmt::format("a time '{}'", text));
  }
  return value;
}

/// `2026-11-21T06:04:05.552728492Z`: always UTC, zeros at the end left out. Years that no Swarm has seen, and that nanoseconds
/// cannot tell, are no times.
SwarmTime time_of(const std::string& text) {
  using namespace std::chrono;
  const year_month_day date{year(digits(text, 0, 4)), month(static_cast<unsigned>(digits(text, 5, 2))),
                            day(static_cast<unsigned>(digits(text, 8, 2)))};
  const bool possible = date.ok() && date.year() >= 1970y && date.year() < 2200y;
  if (!possible || text.back() != 'Z') throw Unusable(fmt::format("a time '{}'", text));
  SwarmTime time = sys_days(date) + hours(digits(text, 11, 2)) + minutes(digits(text, 14, 2)) + seconds(digits(text, 17, 2));
  if (text.size() <= 20) return time;
  std::string fraction = text.substr(20, text.size() - 21);
  if (fraction.empty() || fraction.size() > 9) throw Unusable(fmt::format("a time '{}'", text));
  fraction.resize(9, '0');
  return time + nanoseconds(digits(fraction, 0, 9));
}

SwarmTask task_of(const Json& json) {
  SwarmTask task;
  task.id = id_of(json);
  task.service = text_of(json, "ServiceID");
  task.slot = number_of(json, "Slot");
  task.node = text_of(json, "NodeID");
  const Json& container = member(member(json, "Spec"), "ContainerSpec");
  task.image = text_of(container, "Image");
  if (const Json& labels = member(container, "Labels"); !labels.is_null()) labels.get_to(task.labels);
  const Json& status = member(json, "Status");
  task.state = state_of(text_of(status, "State"));
  task.desired = state_of(text_of(json, "DesiredState"));
  task.trouble = text_of(status, "Err");
  task.created_at = time_of(text_of(json, "CreatedAt"));
  task.updated_at = time_of(text_of(json, "UpdatedAt"));
  for (const Json& each : member(json, "NetworksAttachments")) {
    const Json& network = member(each, "Network");
    SwarmTask::Attachment attachment{.network = text_of(member(network, "Spec"), "Name"), .network_id = text_of(network, "ID")};
    const Json& addresses = member(each, "Addresses");
    if (!addresses.empty()) attachment.address = addresses.at(0).get<std::string>();
    attachment.address = attachment.address.substr(0, attachment.address.find('/'));
    task.attachments.push_back(std::move(attachment));
  }
  for (const Json& port : member(member(status, "PortStatus"), "Ports")) {
    const std::string protocol = text_of(port, "Protocol");
    if (text_of(port, "PublishMode") != "host" || (!protocol.empty() && protocol != "tcp")) continue;
    task.host_ports.push_back({.target = number_of(port, "TargetPort"), .published = number_of(port, "PublishedPort")});
  }
  return task;
}

/// Without an address of its own a manager says 0.0.0.0; what its peers reach it at is better.
SwarmNode node_of(const Json& json) {
  SwarmNode node;
  node.id = id_of(json);
  node.name = text_of(member(json, "Description"), "Hostname");
  const Json& status = member(json, "Status");
  node.is_down = text_of(status, "State") == "down";
  node.address = text_of(status, "Addr");
  if (!node.address.empty() && node.address != "0.0.0.0") return node;
  const std::string manager = text_of(member(json, "ManagerStatus"), "Addr");
  node.address = manager.substr(0, manager.rfind(':'));
  if (node.address.starts_with('[')) node.address = node.address.substr(1, node.address.size() - 2);
  return node;
}

void read_mode(const Json& spec, SwarmService& service) {
  const Json& mode = member(spec, "Mode");
  if (!mode.is_object() || mode.size() != 1) throw Unusable("a service without a mode");
  service.mode = mode.begin().key();
  std::ranges::transform(service.mode, service.mode.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (service.mode != "replicated") return;
  const Json& replicas = member(*mode.begin(), "Replicas");
  service.replicas = replicas.is_null() ? 1 : replicas.get<int>();  // Swarm's own default
}

SwarmService service_of(const Json& json) {
  SwarmService service;
  service.id = id_of(json);
  service.version = member(member(json, "Version"), "Index").get<std::uint64_t>();
  const Json& spec = member(json, "Spec");
  service.spec = spec.dump();
  service.name = text_of(spec, "Name");
  if (const Json& labels = member(spec, "Labels"); !labels.is_null()) labels.get_to(service.labels);
  service.created_at = time_of(text_of(json, "CreatedAt"));
  service.image = text_of(member(member(spec, "TaskTemplate"), "ContainerSpec"), "Image");
  read_mode(spec, service);
  for (const Json& port : member(member(spec, "EndpointSpec"), "Ports")) {
    service.ports.push_back({.target = number_of(port, "TargetPort"), .on_host = text_of(port, "PublishMode") == "host"});
  }
  service.update_state = text_of(member(json, "UpdateStatus"), "State");
  service.rolls_back_by_itself = text_of(member(spec, "UpdateConfig"), "FailureAction") == "rollback";
  return service;
}

/// Of what a parser says, which quotes the text that it stumbled over.
constexpr std::size_t kLongestQuote = 300;

/// Whatever is not as it should be makes the whole answer unusable: half of it must not pass for all of it.
template <typename Read>
auto reading(const std::string& text, std::string_view what, const Read& read) -> Result<decltype(read(Json()))> {
  try {
    return read(Json::parse(text));
  } catch (const Unusable& error) {
    return failure(ErrorKind::unavailable, fmt::format("the answer to {} has {} in it", what, error.what()));
  } catch (const Json::exception& error) {
    return failure(ErrorKind::unavailable,
                   fmt::format("the answer to {} cannot be used: {}", what, quoted_line(error.what(), kLongestQuote)));
  }
}

template <typename Item>
std::vector<Item> all_of(const Json& json, Item (*read)(const Json&)) {
  if (!json.is_array()) throw Unusable("no list");
  std::vector<Item> items;
  for (const Json& each : json) items.push_back(read(each));
  return items;
}

}  // namespace

Result<std::vector<SwarmService>> read_services(const std::string& json) {
  return reading(json, "services", [](const Json& read) { return all_of(read, service_of); });
}

Result<SwarmService> read_service(const std::string& json) { return reading(json, "service", service_of); }

Result<std::vector<SwarmTask>> read_tasks(const std::string& json) {
  return reading(json, "tasks", [](const Json& read) { return all_of(read, task_of); });
}

Result<SwarmTask> read_task(const std::string& json) { return reading(json, "task", task_of); }

Result<std::vector<SwarmNode>> read_nodes(const std::string& json) {
  return reading(json, "nodes", [](const Json& read) { return all_of(read, node_of); });
}

SwarmNodes by_id(std::vector<SwarmNode> nodes) {
  SwarmNodes result;
  for (SwarmNode& node : nodes) result.emplace(node.id, std::move(node));
  return result;
}

std::string read_message(const std::string& json) {
  const Json read = Json::parse(json, nullptr, false);
  const Json& message = member(read, "message");
  return message.is_string() ? message.get<std::string>() : std::string();
}

std::string changed_spec(const std::string& spec, int replicas, const std::map<std::string, std::string>& labels) {
  Json changed = Json::parse(spec);
  changed["Mode"]["Replicated"]["Replicas"] = replicas;
  for (const auto& [name, value] : labels) changed["Labels"][name] = value;
  return changed.dump();
}

std::string version_of_image(const std::string& image) {
  const std::size_t at = image.find('@');
  const std::string name = image.substr(0, at);
  const std::size_t colon = name.rfind(':');
  const std::size_t slash = name.rfind('/');
  const bool tagged = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  if (tagged) return name.substr(colon + 1);
  return at == std::string::npos ? "latest" : image.substr(at + 1);
}

}  // namespace weir
