#include "controller/import/metrics.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "controller/import/writing.h"

namespace weir {
namespace {

constexpr std::size_t kLongestMath = 4000;

/// How a statistic joins servers, as PromQL and as cloudwatch_exporter's suffix.
struct Statistic {
  std::string_view aggregation;
  std::string suffix;
};

Statistic statistic_of(const std::string& name) {
  if (name == "Sum") return {"sum", "sum"};
  if (name == "SampleCount") return {"sum", "sample_count"};
  if (name == "Maximum") return {"max", "maximum"};
  if (name == "Minimum") return {"min", "minimum"};
  if (name.empty() || name == "Average") return {"avg", "average"};
  return {"max", snake_case(name)};
}

std::string window(const CloudMetric& metric) { return seconds_text(std::max(metric.period, 60)); }

std::string processors(const CloudMetric& metric, const std::string& ours) {
  const std::string idle = fmt::format("rate(node_cpu_seconds_total{{mode=\"idle\", {}}}[{}])", ours, window(metric));
  const std::string_view aggregation = statistic_of(metric.statistic).aggregation;
  // The busiest server is the one that idles least.
  if (aggregation == "max") return fmt::format("100 * (1 - min(avg by (instance) ({})))", idle);
  if (aggregation == "min") return fmt::format("100 * (1 - max(avg by (instance) ({})))", idle);
  return fmt::format("100 * (1 - avg({}))", idle);
}

std::string network(const CloudMetric& metric, const std::string& ours, std::string_view direction) {
  return fmt::format("{} * {}(sum by (instance) (rate(node_network_{}_bytes_total{{device!=\"lo\", {}}}[{}])))", metric.period,
                     statistic_of(metric.statistic).aggregation, direction, ours, window(metric));
}

std::string requests(const CloudMetric& metric) {
  return fmt::format("{} * sum(rate(nginx_http_requests_total[{}]))", metric.period, window(metric));
}

Suggestion from_exporter(const CloudMetric& metric) {
  const Statistic statistic = statistic_of(metric.statistic);
  std::vector<std::string> labels;
  for (const auto& [name, value] : metric.dimensions) {
    labels.push_back(fmt::format("{}={}", promql_name(snake_case(name)), promql_text(value)));
  }
  const std::string name =
      promql_name(fmt::format("{}_{}_{}", snake_case(metric.name_space), snake_case(metric.name), statistic.suffix));
  const std::string selector = labels.empty() ? name : fmt::format("{}{{{}}}", name, fmt::join(labels, ", "));
  return {.query = fmt::format("{}({})", statistic.aggregation, selector),
          .stands_for = fmt::format("{} {} ({}), under the name that cloudwatch_exporter gives it", clean(metric.name_space),
                                    clean(metric.name), clean(metric.statistic))};
}

}  // namespace

Suggestion suggest(const CloudMetric& metric, const std::string& group) {
  const std::string ours = fmt::format("weir_group={}", promql_text(group));
  const auto is = [&](std::string_view name_space, std::string_view name) {
    return metric.name_space == name_space && metric.name == name;
  };
  const std::string of_servers = fmt::format("{} of the servers, by node_exporter", clean(metric.name));
  if (is("AWS/EC2", "CPUUtilization")) return {processors(metric, ours), of_servers};
  if (is("AWS/EC2", "NetworkIn"))
    return {network(metric, ours, "receive"), of_servers + fmt::format("; bytes in {} s", metric.period)};
  if (is("AWS/EC2", "NetworkOut")) {
    return {network(metric, ours, "transmit"), of_servers + fmt::format("; bytes in {} s", metric.period)};
  }
  if (is("CWAgent", "mem_used_percent") || is("System/Linux", "MemoryUtilization")) {
    return {fmt::format("100 * (1 - avg(node_memory_MemAvailable_bytes{{{0}}} / node_memory_MemTotal_bytes{{{0}}}))", ours),
            of_servers};
  }
  const std::string by_nginx =
      fmt::format("{} of the load balancer, by nginx-prometheus-exporter; requests in {} s", clean(metric.name), metric.period);
  if (is("AWS/ApplicationELB", "RequestCount")) return {requests(metric), by_nginx};
  if (is("AWS/ApplicationELB", "RequestCountPerTarget")) {
    return {fmt::format("{} / count(up{{{}}})", requests(metric), ours), by_nginx};
  }
  return from_exporter(metric);
}

std::optional<Suggestion> suggest_predefined(std::string_view type, const std::string& group) {
  const auto of_servers = [&](const char* name) { return suggest({.name_space = "AWS/EC2", .name = name}, group); };
  if (type == "ASGAverageCPUUtilization" || type == "ASGCPUUtilization") return of_servers("CPUUtilization");
  if (type == "ASGAverageNetworkIn" || type == "ASGNetworkIn") return of_servers("NetworkIn");
  if (type == "ASGAverageNetworkOut" || type == "ASGNetworkOut") return of_servers("NetworkOut");
  if (type != "ALBRequestCountPerTarget" && type != "ALBRequestCount") return std::nullopt;
  // A total, so that weir divides by the servers it knows.
  Suggestion all = suggest({.name_space = "AWS/ApplicationELB", .name = "RequestCount"}, group);
  all.total = true;
  return all;
}

std::optional<std::string> translate_math(std::string_view expression, const std::map<std::string, std::string>& queries) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  };
  std::string result;
  while (!expression.empty() && result.size() <= kLongestMath) {
    const auto* const end = std::ranges::find_if_not(expression, is_word);
    const std::string word(expression.begin(), end);
    if (word.empty()) {
      if (!std::string_view("+-*/() ").contains(expression.front())) return std::nullopt;
      result += expression.front();
      expression.remove_prefix(1);
      continue;
    }
    const auto query = queries.find(word);
    const bool number = word.find_first_not_of("0123456789.") == std::string::npos;
    if (query == queries.end() && !number) return std::nullopt;
    result += number ? word : fmt::format("({})", query->second);
    expression.remove_prefix(word.size());
  }
  if (result.empty() || result.size() > kLongestMath) return std::nullopt;
  return result;
}

}  // namespace weir
