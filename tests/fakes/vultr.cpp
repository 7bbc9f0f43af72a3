#include "tests/fakes/vultr.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string_view>

#include "tests/config/json_schema.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::string_view kFirstCursor = "bmV4dA==/+";  // with all that must not go into a URL as it is
constexpr std::size_t kMostTags = 50;
constexpr std::size_t kCallsPerSecond = 30;

std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%' && at + 2 < text.size()) {
      result += static_cast<char>(std::stoi(std::string(text.substr(at + 1, 2)), nullptr, 16));
      at += 2;
    } else {
      result += text[at] == '+' ? ' ' : text[at];
    }
  }
  return result;
}

std::string parameter(std::string_view target, const std::string& name) {
  std::size_t at = target.find('?');
  while (at != std::string_view::npos) {
    const std::string_view rest = target.substr(at + 1);
    const std::string_view pair = rest.substr(0, rest.find('&'));
    if (pair.starts_with(name + "=")) return decoded(pair.substr(name.size() + 1));
    at = target.find('&', at + 1);
  }
  return {};
}

std::string value_of_tag(const json& order, std::string_view name) {
  for (const json& tag : order.value("tags", json::array())) {
    const auto text = tag.get<std::string>();
    if (text.starts_with(name)) return text.substr(name.size());
  }
  return {};
}

bool is_base64(const std::string& text) {
  const auto end = text.find_last_not_of('=');
  const std::size_t padding = text.size() - (end == std::string::npos ? 0 : end + 1);
  return text.size() % 4 == 0 && padding <= 2 &&
         text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") == std::string::npos;
}

json error_body(int status, std::string text) { return {{"error", std::move(text)}, {"status", status}}; }

json plan(const std::string& id, double monthly) {
  return {{"id", id},
          {"vcpu_count", 1},
          {"ram", 2048},
          {"disk", 55},
          {"bandwidth", 2048},
          {"disk_count", 1},
          {"type", "vc2"},
          {"monthly_cost", monthly},
          {"hourly_cost", monthly / 730},
          {"locations", json::array({"icn", "nrt"})}};
}

json read_schema() {
  std::ifstream file(WEIR_SOURCE_DIR "/tests/data/vultr/schema.json");
  return json::parse(file);
}

}  // namespace

FakeVultr::FakeVultr(Options options)
    : options_(std::move(options)),
      began_(options_.clock.now()),
      epoch_(std::chrono::floor<std::chrono::seconds>(
          options_.begins_at.value_or(std::chrono::sys_days(std::chrono::year(2026) / 3 / 1) + 9h))),
      schema_(read_schema()),
      quota_(options_.quota) {}

TimePoint FakeVultr::wall_time() const { return epoch_ + std::chrono::floor<Duration>(options_.clock.now() - began_); }

// ---- what tests say and ask
// -------------------------------------------------------------------------------------------------------

void FakeVultr::fail(const std::string& operation, std::vector<Fault> faults) {
  const std::lock_guard lock(mutex_);
  faults_[operation] = std::move(faults);
}

void FakeVultr::refuse_key(int status) {
  const std::lock_guard lock(mutex_);
  refused_with_ = status;
}

void FakeVultr::sell_out(const std::string& plan, const std::string& region) {
  const std::lock_guard lock(mutex_);
  sold_out_.insert(plan + "@" + region);
}

void FakeVultr::lack_snapshot(const std::string& id) {
  const std::lock_guard lock(mutex_);
  lacking_.insert(id);
}

void FakeVultr::restock() {
  const std::lock_guard lock(mutex_);
  sold_out_.clear();
}

void FakeVultr::set_quota(std::size_t instances) {
  const std::lock_guard lock(mutex_);
  quota_ = instances;
}

void FakeVultr::add_foreign(int count) {
  for (int i = 0; i < count; ++i) add_tagged({"somebody's"});
}

std::string FakeVultr::add_tagged(const std::vector<std::string>& tags) {
  const std::lock_guard lock(mutex_);
  Machine& machine = make({{"region", "icn"}, {"plan", "vc2-1c-2gb"}, {"os_id", 1}, {"tags", tags}}, options_.clock.now(), false);
  machine.made -= 1h;
  machine.created -= 1h;
  return machine.id;
}

void FakeVultr::change(const std::string& id, const std::function<void(Machine&)>& change) {
  const std::lock_guard lock(mutex_);
  if (Machine* machine = find(id)) change(*machine);
}

void FakeVultr::choose(std::function<Fault(const Call&)> choose) {
  const std::lock_guard lock(mutex_);
  choose_ = std::move(choose);
}

void FakeVultr::on_call(std::function<void(const Call&, bool done)> told) {
  const std::lock_guard lock(mutex_);
  on_call_ = std::move(told);
}

void FakeVultr::distort(std::function<void(const Call&, Json&)> distort) {
  const std::lock_guard lock(mutex_);
  distort_ = std::move(distort);
}

void FakeVultr::settle() {
  const std::lock_guard lock(mutex_);
  settle_locked();
}

std::vector<FakeVultr::Machine> FakeVultr::all() {
  const std::lock_guard lock(mutex_);
  settle_locked();
  std::vector<Machine> result;
  std::ranges::copy_if(machines_, std::back_inserter(result), [](const Machine& machine) { return !machine.token.empty(); });
  return result;
}

std::vector<FakeVultr::Machine> FakeVultr::alive() {
  std::vector<Machine> result = all();
  std::erase_if(result, [](const Machine& machine) { return machine.gone.has_value(); });
  return result;
}

bool FakeVultr::has_late_creates() {
  const std::lock_guard lock(mutex_);
  settle_locked();
  return !late_.empty();
}

std::vector<FakeVultr::Call> FakeVultr::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

int FakeVultr::count(const std::string& operation) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::ranges::count(calls_, operation, &Call::operation));
}

std::vector<std::string> FakeVultr::violations() const {
  const std::lock_guard lock(mutex_);
  return violations_;
}

std::size_t FakeVultr::busiest_second() const {
  const std::lock_guard lock(mutex_);
  std::size_t most = 0;
  std::size_t first = 0;
  for (std::size_t last = 0; last < calls_.size(); ++last) {
    while (calls_[last].at - calls_[first].at >= 1s) ++first;
    most = std::max(most, last - first + 1);
  }
  return most;
}

bool FakeVultr::is_up(const Machine& machine) const {
  const bool there = !machine.gone && !machine.removed && !machine.off && !machine.suspended;
  return there && options_.clock.now() - machine.made >= options_.boot;
}

bool FakeVultr::is_up(const std::string& id) {
  const std::lock_guard lock(mutex_);
  settle_locked();
  const Machine* machine = find(id);
  return machine != nullptr && is_up(*machine);
}

std::string FakeVultr::main_ip_of(const Machine& machine) const {
  if (options_.main_ip) return options_.main_ip(machine.number);
  return fmt::format("192.{}.{}.{}", machine.number / 65'536, machine.number / 256 % 256, machine.number % 256);
}

// ---- one call
// ---------------------------------------------------------------------------------------------------------------------

HttpStub::Answer FakeVultr::answer(const HttpStub::Request& request) {
  const std::lock_guard lock(mutex_);
  settle_locked();
  Call call = read_call(request);
  call.fault = fault_for(call);
  calls_.push_back(call);
  const std::size_t index = calls_.size() - 1;
  if (on_call_) on_call_(call, false);
  const bool before = call.fault == Fault::error || call.fault == Fault::reset || call.fault == Fault::html;
  HttpStub::Answer answer;
  if (call.fault == Fault::throttled || is_throttled(call)) {
    answer = deliver(call, {.status = 429, .body = error_body(429, "rate limit exceeded")});
    answer.headers = {{"Retry-After", "2"}};
  } else if (call.fault == Fault::late && call.operation == "instances.create") {
    late_.push_back({options_.clock.now() + options_.late_by, Json::parse(call.body)});
  } else if (!before) {
    answer = deliver(call, carry_out(call, request));
  }
  switch (call.fault) {
    case Fault::error:
    case Fault::error_after:
      answer = page_of_html(500);
      break;
    case Fault::html:
      answer = page_of_html(200);
      break;
    case Fault::reset:
    case Fault::reset_after:
    case Fault::late:
      answer.ending = HttpStub::Ending::reset;
      break;
    case Fault::cut_off:
      answer.ending = HttpStub::Ending::cut_off;
      break;
    case Fault::slow:
      answer.delay = options_.slow_by;
      break;
    default:
      break;
  }
  call.status = answer.ending == HttpStub::Ending::reset ? 0 : answer.status;
  calls_[index] = call;
  if (on_call_) on_call_(call, true);
  return answer;
}

FakeVultr::Call FakeVultr::read_call(const HttpStub::Request& request) const {
  Call call{.at = options_.clock.now(), .operation = {}, .target = request.target, .body = request.body};
  const std::string path = request.target.substr(0, request.target.find('?'));
  constexpr std::string_view kOne = "/instances/";
  if (path == "/instances") call.operation = request.method == "POST" ? "instances.create" : "instances.list";
  if (path == "/plans") call.operation = "plans.list";
  if (path.starts_with(kOne)) {
    call.operation = request.method == "DELETE" ? "instances.delete" : "instances.get";
    call.subject = decoded(path.substr(kOne.size()));
  }
  if (call.operation == "instances.create") {
    const Json order = Json::parse(request.body, nullptr, false);
    if (order.is_object()) call.subject = value_of_tag(order, "weir:token=");
  }
  return call;
}

FakeVultr::Fault FakeVultr::fault_for(const Call& call) {
  std::vector<Fault>& waiting = faults_[call.operation];
  if (waiting.empty()) return choose_ ? choose_(call) : Fault::none;
  const Fault fault = waiting.front();
  waiting.erase(waiting.begin());
  return fault;
}

bool FakeVultr::is_throttled(const Call& call) const {
  if (calls_.size() <= kCallsPerSecond) return false;
  return call.at - calls_[calls_.size() - 1 - kCallsPerSecond].at < 1s;
}

FakeVultr::Reply FakeVultr::carry_out(Call& call, const HttpStub::Request& request) {
  if (refused_with_ != 0) return {.status = refused_with_, .body = error_body(refused_with_, "Unauthorized IP address: 192.0.2.1")};
  const auto key = request.headers.find("authorization");
  if (key == request.headers.end() || key->second != "Bearer key") {
    return {.status = 401, .body = error_body(401, "Invalid API token.")};
  }
  if (call.operation == "instances.list" || call.operation == "plans.list") return list(call, call.operation == "plans.list");
  if (call.operation == "instances.create") return create(call);
  if (call.operation == "instances.get") return get(call);
  if (call.operation == "instances.delete") return remove(call);
  return {.status = 404, .body = error_body(404, "Invalid route")};
}

FakeVultr::Reply FakeVultr::list(const Call& call, bool plans) {
  Json all = Json::array();
  if (plans) {
    all = {plan("vc2-1c-2gb", 10), plan("vc2-2c-4gb", 20), plan("vhf-1c-2gb", 12)};
    all[1]["location_cost"] = {{"nrt", {{"monthly_cost", 26.88}, {"hourly_cost", 0.0368}}}};
  } else {
    // The newest first, so that nobody takes the order for granted.
    for (auto machine = machines_.rbegin(); machine != machines_.rend(); ++machine) {
      if (!machine->gone && call.at - machine->made >= options_.list_lag) all.push_back(describe(*machine));
    }
  }
  const std::string cursor = parameter(call.target, "cursor");
  std::size_t first = 0;
  if (!cursor.empty()) {
    if (!cursor.starts_with(kFirstCursor)) return {.status = 400, .body = error_body(400, "Invalid cursor.")};
    first = std::stoul(cursor.substr(kFirstCursor.size()));
  }
  const std::string wanted = parameter(call.target, "per_page");
  const std::size_t size = std::min(options_.page, wanted.empty() ? 100 : std::stoul(wanted));
  Json page = Json::array();
  for (std::size_t at = first; at < std::min(all.size(), first + size); ++at) page.push_back(all[at]);
  std::string next = first + size < all.size() ? fmt::format("{}{}", kFirstCursor, first + size) : "";
  if (call.fault == Fault::lacks_page) next.clear();
  if (call.fault == Fault::lacks_page) page.erase(page.begin() + static_cast<std::ptrdiff_t>(page.size() / 2), page.end());
  if (call.fault == Fault::lacks_one && !page.empty()) page.erase(page.size() - 1);
  return {
      .body = {{plans ? "plans" : "instances", page}, {"meta", {{"total", all.size()}, {"links", {{"next", next}, {"prev", ""}}}}}},
      .schema = plans ? "list_plans" : "list_instances"};
}

std::optional<FakeVultr::Reply> FakeVultr::refusal(const Json& order) const {
  const auto refuse = [](std::string text) { return Reply{.status = 400, .body = error_body(400, std::move(text))}; };
  int images = 0;
  for (const char* image : {"os_id", "iso_id", "snapshot_id", "app_id", "image_id"}) images += order.contains(image) ? 1 : 0;
  if (images != 1) return refuse("Server add failed: Invalid OS.");
  if (lacking_.contains(order.value("snapshot_id", ""))) return refuse("Server add failed: Invalid snapshot.");
  const std::string plan = order.value("plan", "");
  const std::string region = order.value("region", "");
  if (!plan.starts_with("v")) return refuse("Invalid plan chosen.");
  if (sold_out_.contains(plan + "@" + region)) {
    return refuse(
        "Server add failed: Plan is not available in the selected datacenter.  This could mean you have chosen the wrong plan (for "
        "example, a storage plan in a location that does not offer them), or the location you have selected does not have any more "
        "capacity.");
  }
  const auto there = std::ranges::count_if(machines_, [](const Machine& machine) { return !machine.gone; });
  if (static_cast<std::size_t>(there) >= quota_) {
    return refuse(
        "Server add failed: You have reached the maximum number of active virtual machines for this account. For security reasons, "
        "please contact our support team to have the limit raised");
  }
  return std::nullopt;
}

FakeVultr::Reply FakeVultr::create(const Call& call) {
  const Json order = Json::parse(call.body, nullptr, false);
  if (!order.is_object()) return {.status = 400, .body = error_body(400, "Invalid JSON.")};
  check_order(order);
  if (auto refused = refusal(order)) return *std::move(refused);
  Json instance = describe(make(order, options_.clock.now(), false));
  instance["default_password"] = "v5{Fkvb#2ycPGwHs";
  return {.status = 202, .body = {{"instance", std::move(instance)}}, .schema = "create_instance"};
}

FakeVultr::Reply FakeVultr::get(const Call& call) {
  const Machine* machine = find(call.subject);
  if (machine == nullptr || machine->gone) return {.status = 404, .body = error_body(404, "instance not found")};
  return {.body = {{"instance", describe(*machine)}}, .schema = "get_instance"};
}

FakeVultr::Reply FakeVultr::remove(const Call& call) {
  Machine* machine = find(call.subject);
  if (machine == nullptr || machine->gone) return {.status = 404, .body = error_body(404, "instance not found")};
  if (machine->locked_until > call.at) {
    return {.status = 500, .body = error_body(500, "Unable to destroy server: Unable to remove VM: Server is currently locked")};
  }
  if (machine->removed) {
    return {.status = 500, .body = error_body(500, "Unable to destroy server: Server is already pending destruction.")};
  }
  machine->removed = call.at;
  settle_locked();
  return {.status = 204, .body = nullptr, .schema = ""};
}

HttpStub::Answer FakeVultr::deliver(const Call& call, Reply reply) {
  check(call, reply);
  if (distort_ && !reply.body.is_null()) distort_(call, reply.body);
  return {.status = reply.status,
          .body = reply.body.is_null() ? "" : reply.body.dump(),
          .content_type = "application/json",
          .headers = {{"X-User", "somebody"}}};
}

HttpStub::Answer FakeVultr::page_of_html(int status) {
  return {.status = status, .body = "<html><head><title>Sorry</title></head></html>", .content_type = "text/html"};
}

void FakeVultr::check(const Call& call, const Reply& reply) {
  const Json& documented = schema_.at("statuses").value(call.operation, Json::array());
  // A key that is refused: of plans and removals the document does not say so.
  const bool known = std::ranges::count(documented, Json(reply.status)) > 0 || reply.status == 401 || reply.status == 403;
  if (!known) complain(fmt::format("{} answered {}, which is not documented", call.operation, reply.status));
  if (reply.schema.empty()) return;
  // Entries of a long list are all made by the same lines.
  constexpr std::size_t kEnough = 20;
  const bool is_long = reply.schema == "list_instances" && reply.body["instances"].size() > kEnough;
  Json part;
  if (is_long) part = {{"instances", Json::array()}, {"meta", reply.body["meta"]}};
  for (std::size_t at = 0; is_long && at < kEnough; ++at) part["instances"].push_back(reply.body["instances"][at]);
  const std::string complaint = schema_complaint(schema_named(reply.schema), is_long ? part : reply.body);
  if (!complaint.empty()) complain(fmt::format("{} {}: {}", call.operation, reply.status, complaint));
}

const FakeVultr::Json& FakeVultr::schema_named(const std::string& name) {
  Json& schema = schemas_[name];
  if (schema.is_null()) schema = {{"$defs", schema_.at("$defs")}, {"$ref", "#/$defs/" + name}};
  return schema;
}

void FakeVultr::check_order(const Json& order) {
  const std::string complaint = schema_complaint(schema_named("create_body"), order);
  if (!complaint.empty()) complain("order: " + complaint);
  if (order.value("tags", Json::array()).size() > kMostTags) complain("order: too many tags");
  if (!is_base64(order.value("user_data", ""))) complain("order: user_data is no base64");
}

// ---- the cloud behind it
// ----------------------------------------------------------------------------------------------------------

FakeVultr::Machine& FakeVultr::make(const Json& order, Moment when, bool late) {
  const int number = static_cast<int>(machines_.size()) + 1;
  Machine machine{.number = number,
                  .id = fmt::format("cb{:06x}-66fd-4dfb-b839-443f2e6c0b60", number),
                  .order = std::make_shared<const Json>(order),
                  .token = value_of_tag(order, "weir:token="),
                  .group = value_of_tag(order, "weir:group="),
                  .created = std::chrono::floor<std::chrono::seconds>(epoch_ + std::chrono::floor<Duration>(when - began_)),
                  .made = when,
                  .made_late = late,
                  .locked_until = when + options_.locked_for};
  machines_.push_back(std::move(machine));
  return machines_.back();
}

void FakeVultr::settle_locked() {
  const Moment now = options_.clock.now();
  for (std::size_t at = 0; at < late_.size();) {
    if (late_[at].due > now) {
      ++at;
      continue;
    }
    if (!refusal(late_[at].order)) (void)make(late_[at].order, late_[at].due, true);
    late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  for (Machine& machine : machines_) {
    if (is_up(machine) && booted_.insert(machine.id).second && on_boot) on_boot(machine);
    if (machine.gone || !machine.removed || now - *machine.removed < options_.leave) continue;
    machine.gone = now;
    if (on_gone) on_gone(machine);
  }
}

FakeVultr::Machine* FakeVultr::find(const std::string& id) {
  const auto found = std::ranges::find(machines_, id, &Machine::id);
  return found == machines_.end() ? nullptr : &*found;
}

FakeVultr::Json FakeVultr::describe(const Machine& machine) const {
  const Duration age = std::chrono::floor<Duration>(options_.clock.now() - machine.made);
  const bool addressed = age >= options_.address_after;
  const bool attached = machine.order->contains("attach_vpc") && age >= options_.private_after;
  const bool up = age >= options_.boot;
  const bool locked = machine.locked_until > options_.clock.now();
  const auto number_of = [&](const char* key) { return machine.order->value(key, 0); };
  return {{"id", machine.id},
          {"os", "Debian 12 x64 (bookworm)"},
          {"ram", 2048},
          {"disk", 55},
          {"main_ip", addressed ? main_ip_of(machine) : "0.0.0.0"},
          {"vcpu_count", 1},
          {"region", machine.order->value("region", "")},
          {"plan", machine.order->value("plan", "")},
          {"date_created", fmt::format("{}+00:00", format_time(machine.created).substr(0, 19))},
          {"status", machine.suspended ? "suspended"
                     : up              ? "active"
                                       : "pending"},
          {"allowed_bandwidth", 2048},
          {"netmask_v4", addressed ? "255.255.252.0" : ""},
          {"gateway_v4", addressed ? "192.0.2.1" : "0.0.0.0"},
          {"power_status", machine.off ? "stopped" : "running"},
          {"server_status", locked      ? "locked"
                            : up        ? "ok"
                            : addressed ? "installingbooting"
                                        : "none"},
          {"v6_network", ""},
          {"v6_main_ip", ""},
          {"v6_network_size", 0},
          {"label", machine.order->value("label", "")},
          {"internal_ip", attached ? fmt::format("10.8.{}.{}", machine.number / 256 % 256, machine.number % 256) : ""},
          {"kvm", ""},
          {"hostname", machine.order->value("hostname", "")},
          {"os_id", number_of("os_id")},
          {"app_id", number_of("app_id")},
          {"image_id", machine.order->value("image_id", "")},
          {"firewall_group_id", machine.order->value("firewall_group_id", "")},
          {"features", Json::array()},
          {"tags", machine.order->value("tags", Json::array())}};
}

void FakeVultr::complain(const std::string& what) { violations_.push_back(what); }

}  // namespace weir
