#include "controller/import/hpa.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "controller/config/values.h"
#include "controller/import/writing.h"

namespace weir {
namespace {

constexpr int kMostServers = 100'000;
constexpr int kLongestPeriod = 1800;
constexpr int kLongestWindow = 3600;
constexpr double kDefaultCpuPercent = 80;

/// The path of a key with all list positions gone: spec.metrics[0].type -> spec.metrics.type.
std::string plain_path(std::string_view path) {
  std::string result;
  bool inside = false;
  for (const char c : path) {
    if (c == '[') inside = true;
    if (!inside) result += c;
    if (c == ']') inside = false;
  }
  return result;
}

std::string why_not(std::string_view path) {
  static const std::vector<std::pair<std::string_view, std::string_view>> reasons = {
      {"status", "what the cluster observed, not what it should do"}, {"metadata.labels", "groups of weir have no labels"},
      {"metadata.annotations", "groups of weir have no annotations"}, {"metadata", "Kubernetes' own bookkeeping"},
      {"spec.scaleTargetRef", "weir scales the group's own servers"},
  };
  const std::string plain = plain_path(path);
  // A list's objects have their path behind items[N].
  std::string_view rest = plain;
  if (rest.starts_with("items.")) rest.remove_prefix(6);
  for (const auto& [prefix, why] : reasons) {
    if (rest.starts_with(prefix)) return std::string(why);
  }
  return "weir has nothing of the kind";
}

/// Kubernetes' quantities: 250m, 1.5Gi, 3e6, 100k.
std::optional<double> parse_quantity(std::string_view text) {
  static const std::map<std::string_view, double> suffixes = {
      {"n", 1e-9}, {"u", 1e-6}, {"m", 1e-3},  {"", 1},        {"k", 1e3},     {"M", 1e6},     {"G", 1e9},     {"T", 1e12},
      {"P", 1e15}, {"E", 1e18}, {"Ki", 1024}, {"Mi", 0x1p20}, {"Gi", 0x1p30}, {"Ti", 0x1p40}, {"Pi", 0x1p50}, {"Ei", 0x1p60}};
  if (const auto whole = parse_number(text)) return *whole;
  const std::size_t end = std::min(text.find_first_not_of("+-.0123456789"), text.size());
  const auto number = parse_number(text.substr(text.starts_with('+') ? 1 : 0, text.starts_with('+') ? end - 1 : end));
  const auto suffix = suffixes.find(text.substr(end));
  if (!number || suffix == suffixes.end()) return std::nullopt;
  return *number * suffix->second;
}

/// An object of the file.
struct Object {
  const YamlNode* node = nullptr;
  std::string kind;
  std::string version;
  std::string name;
  std::string name_space;

  [[nodiscard]] std::string title() const { return clean(name.empty() ? kind : kind + "/" + name); }
};

/// What the scaled object's containers ask for; 0: unknown.
struct Requests {
  double cpu = 0;
  double memory = 0;
};

std::string scalar_at(const YamlNode& node, std::initializer_list<std::string_view> path) {
  const YamlNode* at = &node;
  for (const std::string_view key : path) {
    at = find(*at, key);
    if (at == nullptr) return "";
  }
  return at->text;
}

const YamlNode* node_at(const YamlNode& node, std::initializer_list<std::string_view> path) {
  const YamlNode* at = &node;
  for (const std::string_view key : path) {
    if (at != nullptr) at = find(*at, key);
  }
  return at;
}

Object object_of(const YamlNode& node) {
  return {&node, scalar_at(node, {"kind"}), scalar_at(node, {"apiVersion"}), scalar_at(node, {"metadata", "name"}),
          scalar_at(node, {"metadata", "namespace"})};
}

/// A rule in one direction, as the manifest says or Kubernetes assumes.
struct Behavior {
  int window = 0;
  std::string select = "max";
  std::vector<std::string> limits;
  std::optional<double> tolerance;
};

/// What a metric's target says.
struct Target {
  enum class Kind { utilization, average, value };
  Kind kind = Kind::average;
  double amount = 0;
};

/// A metric's name and the labels that pick it, as PromQL.
struct Series {
  std::string name;      ///< as Kubernetes has it
  std::string selector;  ///< `name{…}`
  bool renamed = false;  ///< a name or label could not be kept
};

/// One HorizontalPodAutoscaler.
class HpaReader {
 public:
  HpaReader(Source& source, const Object& hpa, std::span<const Object> objects) : source_(source), hpa_(hpa), objects_(objects) {}

  ImportedGroup read(std::set<std::string>& names) {
    source_.take_text(*hpa_.node, "apiVersion");
    source_.take_text(*hpa_.node, "kind");
    if (const YamlNode* metadata = source_.take_mapping(*hpa_.node, "metadata")) read_metadata(*metadata);
    const YamlNode* spec = source_.take_mapping(*hpa_.node, "spec");
    if (spec == nullptr) {
      source_.complain(*hpa_.node, "expected a mapping 'spec'");
      return std::move(group_);
    }
    read_target(*spec, names);
    read_sizes(*spec);
    read_behavior(*spec);
    read_metrics(*spec);
    return std::move(group_);
  }

 private:
  void read_metadata(const YamlNode& metadata) {
    source_.take(metadata, "name");
    source_.take(metadata, "namespace");
    const YamlNode* annotations = find(metadata, "annotations");
    if (annotations == nullptr) return;
    const auto hides_metrics = [](const YamlEntry& entry) {
      return entry.key == "autoscaling.alpha.kubernetes.io/metrics" || entry.key == "autoscaling.alpha.kubernetes.io/behavior";
    };
    if (std::ranges::none_of(annotations->entries, hides_metrics)) return;
    source_.open(*annotations);
    for (const YamlEntry& entry : annotations->entries) {
      if (!hides_metrics(entry)) continue;
      source_.leave(entry.value,
                    fmt::format("autoscaling/v1 keeps here what it has no words for; import the object as `kubectl get "
                                "hpa.v2.autoscaling {} -o yaml` prints it",
                                clean(hpa_.name)));
    }
  }

  void read_target(const YamlNode& spec, std::set<std::string>& names) {
    const YamlNode* target = source_.take_mapping(spec, "scaleTargetRef");
    if (target == nullptr) {
      source_.complain(spec, "expected a mapping 'scaleTargetRef' with what is scaled");
      return;
    }
    source_.take(*target, "apiVersion");
    const std::string kind = source_.take_text(*target, "kind").value_or("");
    const std::string name = source_.take_text(*target, "name").value_or("");
    if (name.empty()) source_.complain(*target, "expected the 'name' of what is scaled");
    std::set<std::string> nobody;
    const bool taken = names.contains(group_name(name, nobody)) && !hpa_.name_space.empty();
    group_.name = group_name(taken ? hpa_.name_space + "-" + name : name, names);
    group_.comments.push_back(fmt::format("{}{} scaled {}/{}.", hpa_.title(),
                                          hpa_.name_space.empty() ? "" : " in namespace " + clean(hpa_.name_space), clean(kind),
                                          clean(name)));
    find_requests(kind, name);
  }

  /// Requests of the containers of the scaled object, if it stands in the same file.
  void find_requests(const std::string& kind, const std::string& name) {
    const auto found = std::ranges::find_if(objects_, [&](const Object& object) {
      const bool same_space = object.name_space.empty() || hpa_.name_space.empty() || object.name_space == hpa_.name_space;
      return object.kind == kind && object.name == name && same_space;
    });
    if (found == objects_.end()) return;
    const YamlNode* containers = node_at(*found->node, {"spec", "template", "spec", "containers"});
    if (containers == nullptr) return;
    asked_by_ = found->title();
    for (const YamlNode& container : containers->items) {
      containers_.emplace_back(scalar_at(container, {"name"}),
                               Requests{parse_quantity(scalar_at(container, {"resources", "requests", "cpu"})).value_or(0),
                                        parse_quantity(scalar_at(container, {"resources", "requests", "memory"})).value_or(0)});
    }
  }

  void read_sizes(const YamlNode& spec) {
    const YamlNode* least = source_.take(spec, "minReplicas");
    const int min = least == nullptr ? 1 : source_.integer(*least, 0, kMostServers).value_or(1);
    const YamlNode* most = source_.take(spec, "maxReplicas");
    if (most == nullptr) {
      source_.complain(spec, "expected 'maxReplicas'");
      return;
    }
    const auto max = source_.integer(*most, 1, kMostServers);
    if (!max) return;
    if (*max < min) source_.complain(*most, fmt::format("maxReplicas {} is less than minReplicas {}", *max, min));
    std::string comment = least == nullptr ? "the manifest is silent: Kubernetes assumes 1" : "";
    if (min == 0) comment = kZeroComment;
    group_.lines.push_back({"min", fmt::format("{}", min), comment});
    group_.lines.push_back({"max", fmt::format("{}", *max)});
    group_.lines.push_back({"warm_up", "30s", "Kubernetes' initial readiness delay; better: until a new server takes its share"});
  }

  // ---- behavior

  void read_behavior(const YamlNode& spec) {
    Behavior up{.window = 0, .limits = {"{percent: 100, per: 15s}", "{servers: 4, per: 15s}"}};
    Behavior down{.window = 300, .limits = {"{percent: 100, per: 15s}"}};
    if (const YamlNode* behavior = source_.take_mapping(spec, "behavior")) {
      read_rules(*behavior, "scaleUp", up);
      read_rules(*behavior, "scaleDown", down);
    }
    out_tolerance_ = up.tolerance;
    in_tolerance_ = down.tolerance;
    group_.scale_out = rule(up);
    group_.scale_in = rule(down);
  }

  /// Each key that is there replaces the default, as Kubernetes merges them.
  void read_rules(const YamlNode& behavior, std::string_view key, Behavior& into) {
    const YamlNode* rules = source_.take_mapping(behavior, key);
    if (rules == nullptr) return;
    if (const auto window = source_.take_integer(*rules, "stabilizationWindowSeconds", 0, kLongestWindow)) into.window = *window;
    if (const YamlNode* select = source_.take(*rules, "selectPolicy")) into.select = select_of(*select);
    if (const YamlNode* tolerance = source_.take(*rules, "tolerance")) into.tolerance = quantity(*tolerance);
    if (find(*rules, "policies") == nullptr) return;
    const auto policies = source_.take_list(*rules, "policies");
    if (!policies.empty()) into.limits.clear();
    for (const YamlNode& policy : policies) into.limits.push_back(limit_of(policy));
  }

  std::string select_of(const YamlNode& node) {
    const auto text = source_.text(node);
    if (text == "Max") return "max";
    if (text == "Min") return "min";
    if (text == "Disabled") return "disabled";
    if (text) source_.complain(node, fmt::format("expected Max, Min or Disabled, found '{}'", clean(*text)));
    return "max";
  }

  std::string limit_of(const YamlNode& policy) {
    const auto type = required_text(policy, "type");
    const auto value = source_.take_integer(policy, "value", 1, kMostServers);
    const auto period = source_.take_integer(policy, "periodSeconds", 1, kLongestPeriod);
    if (!value && find(policy, "value") == nullptr) source_.complain(policy, "expected a 'value'");
    if (!period && find(policy, "periodSeconds") == nullptr) source_.complain(policy, "expected 'periodSeconds'");
    const bool known = type == "Pods" || type == "Percent";
    if (!type.empty() && !known) {
      source_.complain(*find(policy, "type"), fmt::format("expected Pods or Percent, found '{}'", clean(type)));
    }
    return fmt::format("{{{}: {}, per: {}}}", type == "Pods" ? "servers" : "percent", value.value_or(1),
                       seconds_text(period.value_or(1)));
  }

  static EntryBlock rule(const Behavior& behavior) {
    EntryBlock block;
    block.lines = {{"cooldown", "0s", "the HPA has none"},
                   {"stabilization_window", seconds_text(behavior.window)},
                   {"limits", fmt::format("[{}]", fmt::join(behavior.limits, ", "))},
                   {"select", behavior.select}};
    return block;
  }

  // ---- metrics

  void read_metrics(const YamlNode& spec) {
    const YamlNode* percent = source_.take(spec, "targetCPUUtilizationPercentage");
    if (percent != nullptr) {
      const auto target = source_.integer(*percent, 1, kMostServers);
      return add_resource("cpu", {Target::Kind::utilization, static_cast<double>(target.value_or(1))}, "", "");
    }
    const auto metrics = source_.take_list(spec, "metrics");
    if (metrics.empty()) {
      return add_resource("cpu", {Target::Kind::utilization, kDefaultCpuPercent}, "",
                          fmt::format("The manifest names no metric: Kubernetes then keeps the CPU at {} %.", kDefaultCpuPercent));
    }
    for (const YamlNode& metric : metrics) read_metric(metric);
  }

  void read_metric(const YamlNode& metric) {
    static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {{"Resource", "resource"},
                                                                               {"ContainerResource", "containerResource"},
                                                                               {"Pods", "pods"},
                                                                               {"Object", "object"},
                                                                               {"External", "external"}};
    const std::string type = required_text(metric, "type");
    const auto* const known = std::ranges::find(kTypes, type, &std::pair<std::string_view, std::string_view>::first);
    if (known == std::ranges::end(kTypes)) {
      const std::string message = "expected Resource, ContainerResource, Pods, Object or External";
      if (!type.empty()) source_.complain(*find(metric, "type"), fmt::format("{}, found '{}'", message, clean(type)));
      return;
    }
    const YamlNode* details = source_.take_mapping(metric, known->second);
    if (details == nullptr) return source_.complain(metric, fmt::format("expected a mapping '{}'", known->second));
    if (known->second == "pods") return read_pods(*details);
    if (known->second == "object") return read_object(*details);
    if (known->second == "external") return read_external(*details);
    const std::string name = required_text(*details, "name");
    const std::string container = known->second == "containerResource" ? required_text(*details, "container") : "";
    if (const auto target = read_metric_target(*details)) add_resource(name, *target, container, "");
  }

  std::optional<Target> read_metric_target(const YamlNode& details) {
    const YamlNode* target = source_.take_mapping(details, "target");
    if (target == nullptr) {
      source_.complain(details, "expected a mapping 'target' (of the API autoscaling/v2)");
      return std::nullopt;
    }
    static constexpr std::tuple<std::string_view, std::string_view, Target::Kind> kKinds[] = {
        {"Utilization", "averageUtilization", Target::Kind::utilization},
        {"AverageValue", "averageValue", Target::Kind::average},
        {"Value", "value", Target::Kind::value}};
    const std::string type = required_text(*target, "type");
    if (type.empty()) return std::nullopt;
    for (const auto& [name, key, kind] : kKinds) {
      if (name != type) continue;
      const YamlNode* amount = source_.take(*target, key);
      if (amount == nullptr) {
        source_.complain(*target, fmt::format("a target of type {} needs '{}'", name, key));
        return std::nullopt;
      }
      const auto value = quantity(*amount);
      if (value && *value > 0) return Target{kind, *value};
      if (value) source_.complain(*amount, "expected a target above 0");
      return std::nullopt;
    }
    source_.complain(*find(*target, "type"), fmt::format("expected Utilization, AverageValue or Value, found '{}'", clean(type)));
    return std::nullopt;
  }

  std::optional<double> quantity(const YamlNode& node) {
    const auto text = source_.text(node);
    if (!text) return std::nullopt;
    const auto value = parse_quantity(*text);
    const bool usable = value && std::isfinite(*value) && *value >= 0;
    if (usable) return value;
    source_.complain(node, fmt::format("expected a quantity such as 500m, 2 or 1Gi, found '{}'", clean(*text)));
    return std::nullopt;
  }

  std::string required_text(const YamlNode& mapping, std::string_view key) {
    const YamlNode* node = source_.take(mapping, key);
    if (node != nullptr) return source_.text(*node).value_or("");
    source_.complain(mapping, fmt::format("expected '{}'", key));
    return "";
  }

  // ---- queries

  [[nodiscard]] std::string ours() const { return fmt::format("weir_group={}", promql_text(group_.name)); }

  /// What a pod asks for of a resource, and who says so.
  std::pair<double, std::string> request(const std::string& resource, const std::string& container) {
    double sum = 0;
    for (const auto& [name, asks] : containers_) {
      if (!container.empty() && name != container) continue;
      sum += resource == "cpu" ? asks.cpu : asks.memory;
    }
    const std::string unit = resource == "cpu" ? "cores" : "bytes";
    if (sum > 0) return {sum, fmt::format("{} {}, as {} asks", number_text(sum), unit, asked_by_)};
    const double guess = resource == "cpu" ? 1 : 0x1p30;
    return {guess, fmt::format("the file does not tell it: taken for {}", resource == "cpu" ? "1 core" : "1 GiB")};
  }

  void add_resource(const std::string& name, const Target& target, const std::string& container, const std::string& remark) {
    const bool known = name == "cpu" || name == "memory";
    std::string measured = fmt::format("{}{{{}}}", promql_name(name), ours());
    if (name == "cpu") measured = fmt::format("rate(process_cpu_seconds_total{{{}}}[1m])", ours());
    if (name == "memory") measured = fmt::format("process_resident_memory_bytes{{{}}}", ours());
    std::string query = fmt::format("sum by (weir_server) ({})", measured);
    std::string stands_for = fmt::format("the {} of a pod", clean(name));
    if (!container.empty()) stands_for = fmt::format("the {} of container {}", clean(name), clean(container));
    if (target.kind == Target::Kind::utilization && known) {
      const auto [amount, who] = request(name, container);
      query = fmt::format("100 * {} / {}", query, number_text(amount));
      stands_for += fmt::format(" in % of its request ({})", who);
    } else if (target.kind == Target::Kind::utilization) {
      stands_for += " in % of its request";
    } else {
      stands_for += name == "cpu" ? " in cores" : name == "memory" ? " in bytes" : "";
    }
    EntryBlock block;
    if (!remark.empty()) block.comments.push_back(remark);
    block.comments.push_back(fmt::format("Check this query: it stands for {}.", stands_for));
    add_policy(name + (container.empty() ? "" : "-" + container), query, PerServer::yes, target, std::move(block));
  }

  void read_pods(const YamlNode& details) {
    const auto series = read_series(details, {ours()});
    const auto target = read_metric_target(details);
    if (!series || !target) return;
    EntryBlock block;
    block.comments.push_back(
        fmt::format("Check this query: it stands for the metric {} of a pod, which an adapter answered; of a counter write sum by "
                    "(weir_server) "
                    "(rate(…[1m])).{}",
                    clean(series->name), renamed_text(*series)));
    add_policy(series->name, fmt::format("sum by (weir_server) ({})", series->selector), PerServer::yes, *target, std::move(block));
  }

  void read_object(const YamlNode& details) {
    const YamlNode* described = source_.take_mapping(details, "describedObject");
    if (described == nullptr) return source_.complain(details, "expected a mapping 'describedObject'");
    source_.take(*described, "apiVersion");
    const std::string kind = required_text(*described, "kind");
    const std::string name = required_text(*described, "name");
    std::vector<std::string> labels = {fmt::format("{}={}", promql_name(snake_case(kind)), promql_text(name))};
    if (!hpa_.name_space.empty()) labels.push_back("namespace=" + promql_text(hpa_.name_space));
    const auto series = read_series(details, std::move(labels));
    const auto target = read_metric_target(details);
    if (!series || !target) return;
    EntryBlock block;
    block.comments.push_back(fmt::format("Check this query: it stands for the metric {} of {}/{}, which an adapter answered.{}",
                                         clean(series->name), clean(kind), clean(name), renamed_text(*series)));
    add_policy(series->name, fmt::format("sum({})", series->selector), PerServer::no, *target, std::move(block));
  }

  void read_external(const YamlNode& details) {
    const auto series = read_series(details, {});
    const auto target = read_metric_target(details);
    if (!series || !target) return;
    EntryBlock block;
    // KEDA names the metrics of its HorizontalPodAutoscalers by the trigger's number: s0-prometheus-…
    const bool keda = series->name.size() > 2 && series->name[0] == 's' && series->name[1] >= '0' && series->name[1] <= '9';
    block.comments.push_back(
        fmt::format("Check this query: it stands for the external metric {}, which {} answered.{}", clean(series->name),
                    keda ? "perhaps KEDA (then the ScaledObject's trigger has the query)" : "an adapter", renamed_text(*series)));
    add_policy(series->name, fmt::format("sum({})", series->selector), PerServer::no, *target, std::move(block));
  }

  static std::string renamed_text(const Series& series) {
    return series.renamed ? " Names were changed to what PromQL can say." : "";
  }

  std::optional<Series> read_series(const YamlNode& details, std::vector<std::string> labels) {
    const YamlNode* metric = source_.take_mapping(details, "metric");
    if (metric == nullptr) {
      source_.complain(details, "expected a mapping 'metric' with a name (of the API autoscaling/v2)");
      return std::nullopt;
    }
    Series series{.name = required_text(*metric, "name")};
    if (series.name.empty()) return std::nullopt;
    const std::string name = promql_name(series.name);
    series.renamed = name != series.name;
    if (const YamlNode* selector = source_.take_mapping(*metric, "selector")) read_selector(*selector, series, labels);
    series.selector = labels.empty() ? name : fmt::format("{}{{{}}}", name, fmt::join(labels, ", "));
    return series;
  }

  static std::string label(const std::string& key, Series& series) {
    std::string name = promql_name(key);
    if (name != key) series.renamed = true;
    return name;
  }

  void read_selector(const YamlNode& selector, Series& series, std::vector<std::string>& labels) {
    if (const YamlNode* exact = source_.take_mapping(selector, "matchLabels")) {
      for (const YamlEntry& entry : exact->entries) {
        source_.open(entry.value);
        labels.push_back(fmt::format("{}={}", label(entry.key, series), promql_text(source_.text(entry.value).value_or(""))));
      }
    }
    for (const YamlNode& expression : source_.take_list(selector, "matchExpressions")) {
      labels.push_back(matcher(expression, series));
    }
  }

  std::string matcher(const YamlNode& expression, Series& series) {
    const std::string key = label(required_text(expression, "key"), series);
    const std::string name = required_text(expression, "operator");
    std::vector<std::string> values;
    for (const YamlNode& value : source_.take_list(expression, "values")) {
      values.push_back(literal_regex(source_.text(value).value_or("")));
    }
    const std::string any = promql_text(fmt::format("{}", fmt::join(values, "|")));
    if (name == "In") return fmt::format("{}=~{}", key, any);
    if (name == "NotIn") return fmt::format("{}!~{}", key, any);
    if (name == "Exists") return fmt::format("{}!=\"\"", key);
    if (name != "DoesNotExist" && !name.empty()) {
      source_.complain(*find(expression, "operator"),
                       fmt::format("expected In, NotIn, Exists or DoesNotExist, found '{}'", clean(name)));
    }
    return fmt::format("{}=\"\"", key);
  }

  // ---- policies

  enum class PerServer { no, yes };

  void add_policy(const std::string& name, const std::string& query, PerServer per_server, const Target& target, EntryBlock block) {
    // One number for all, with a target for each server, is a total to divide; everything else is an average already.
    const bool total = per_server == PerServer::no && target.kind == Target::Kind::average;
    block.lines = {{"name", yaml_text(policy_name(name, policy_names_))}, {"type", "target_tracking"}, {"query", yaml_text(query)}};
    if (per_server == PerServer::yes)
      block.lines.push_back({"server_label", "weir_server", "the balancer file_sd writes this label"});
    block.lines.push_back({"value", total ? "total" : "average"});
    block.lines.push_back({"target", number_text(target.amount), target.kind == Target::Kind::utilization ? "%" : ""});
    add_tolerances(block);
    block.lines.push_back({"rules", "kubernetes", "for servers without data or not yet ready"});
    group_.policies.push_back(std::move(block));
  }

  void add_tolerances(EntryBlock& block) const {
    const bool both = out_tolerance_ && in_tolerance_;
    if (!both) block.lines.push_back({"tolerance", "0.1", "Kubernetes' default, unless the cluster has another"});
    const auto add = [&](const char* key, std::optional<double> tolerance) {
      if (!tolerance) return;
      const std::string comment = *tolerance > 1 ? fmt::format("{} there; 1 is the most", number_text(*tolerance)) : "";
      block.lines.push_back({key, number_text(std::min(*tolerance, 1.0)), comment});
    };
    add("tolerance_out", out_tolerance_);
    add("tolerance_in", in_tolerance_);
  }

  Source& source_;
  const Object& hpa_;
  std::span<const Object> objects_;
  ImportedGroup group_;
  std::set<std::string> policy_names_;
  std::string asked_by_;
  std::vector<std::pair<std::string, Requests>> containers_;
  std::optional<double> out_tolerance_;
  std::optional<double> in_tolerance_;
};

/// The whole file.
class ManifestReader {
 public:
  explicit ManifestReader(Source source) : source_(std::move(source)) {}

  ImportResult read() {
    for (std::size_t i = 0; i < source_.documents().size(); ++i) add_document(i);
    if (objects_.size() > kMostObjects) source_.complain(*objects_.front().node, too_many_text(kMostObjects));
    if (source_.has_errors()) return std::unexpected(source_.take_errors());
    Imported imported{.origin = fmt::format("Kubernetes autoscalers, {}", clean(source_.file()))};
    std::set<std::string> names;
    for (const Object& object : objects_) {
      if (object.kind != "HorizontalPodAutoscaler") {
        leave(object);
      } else if (knows(object)) {
        source_.open(*object.node);
        imported.groups.push_back(HpaReader(source_, object, objects_).read(names));
      }
    }
    if (imported.groups.empty() && !source_.has_errors()) complain_about_nothing();
    if (source_.has_errors()) return std::unexpected(source_.take_errors());
    imported.not_carried_over = source_.leftovers(why_not);
    return imported;
  }

 private:
  void add_document(std::size_t index) {
    const YamlNode& document = source_.documents()[index];
    const Object object = object_of(document);
    source_.name_document(index, object.kind.empty() ? fmt::format("document {}", index + 1) : object.title());
    // `kubectl get` prints a List, of the API also HorizontalPodAutoscalerList.
    if (!object.kind.ends_with("List")) return objects_.push_back(object);
    source_.open(document);
    for (const char* key : {"apiVersion", "kind"}) source_.take(document, key);
    for (const YamlNode& item : source_.take_list(document, "items")) objects_.push_back(object_of(item));
  }

  bool knows(const Object& object) {
    static constexpr std::array<std::string_view, 3> kVersions = {"autoscaling/v2", "autoscaling/v2beta2", "autoscaling/v1"};
    if (std::ranges::find(kVersions, object.version) != kVersions.end()) return true;
    const YamlNode* version = find(*object.node, "apiVersion");
    source_.complain(
        version != nullptr ? *version : *object.node,
        fmt::format("expected apiVersion {}, found '{}'; `kubectl get hpa.v2.autoscaling {} -o yaml` prints the newest",
                    fmt::join(kVersions, ", "), clean(object.version, 48), clean(object.name, 63)));
    return false;
  }

  void leave(const Object& object) {
    if (object.kind == "ScaledObject") return source_.leave(*object.node, scaled_object_advice(object));
    const bool scaled = node_at(*object.node, {"spec", "template", "spec", "containers"}) != nullptr;
    source_.leave(*object.node, scaled ? "not an autoscaler; only its containers' requests were read, where a query divides by them"
                                       : "not an autoscaler");
  }

  static std::string scaled_object_advice(const Object& object) {
    const std::string space = object.name_space.empty() ? "" : " -n " + clean(object.name_space, 63);
    return fmt::format(
        "KEDA's ScaledObject; import the HorizontalPodAutoscaler that KEDA makes of it: kubectl get hpa keda-hpa-{}{} "
        "-o yaml | weir import hpa -",
        clean(object.name, 63), space);
  }

  void complain_about_nothing() {
    const auto scaled = std::ranges::find(objects_, "ScaledObject", &Object::kind);
    if (scaled != objects_.end()) return source_.complain(*scaled->node, scaled_object_advice(*scaled));
    std::set<std::string> kinds;
    for (const Object& object : objects_) kinds.insert(object.kind.empty() ? "something without a kind" : clean(object.kind, 63));
    source_.complain(source_.documents().front(),
                     fmt::format("expected a Kubernetes HorizontalPodAutoscaler, found {}",
                                 kinds.empty() ? "an empty list" : clean(fmt::format("{}", fmt::join(kinds, ", ")), 200)));
  }

  Source source_;
  std::vector<Object> objects_;
};

}  // namespace

ImportResult import_hpa(std::string_view text, const std::string& file) {
  auto source = Source::parse(text, file, YamlTags::refused);
  if (!source) return std::unexpected(std::move(source.error()));
  return ManifestReader(*std::move(source)).read();
}

}  // namespace weir
