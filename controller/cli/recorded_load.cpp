#include "controller/cli/recorded_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "controller/cli/assemble.h"
#include "controller/cli/console.h"
#include "controller/config/values.h"
#include "controller/observe/prometheus_history.h"
#include "controller/render/rfc3339.h"

namespace weir {
namespace {

constexpr std::string_view kTimes = "a time such as 2026-03-01T09:30:00Z, unix seconds, now or now-28d";

std::optional<TimePoint> parse_time(const std::string& text, TimePoint now) {
  if (text == "now") return now;
  if (text.starts_with("now-")) {
    const auto ago = parse_duration(text.substr(4));
    return ago ? std::optional(now - *ago) : std::nullopt;
  }
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (whole && std::abs(seconds) < 253'402'300'800) return TimePoint(std::chrono::seconds(seconds));
  return parse_rfc3339(text);
}

struct Range {
  std::optional<TimePoint> from;
  std::optional<TimePoint> to;
};

Result<Range> range_of(const RecordedLoadArguments& arguments, TimePoint now) {
  Range range;
  for (const auto& [option, text, time] :
       {std::tuple("--from", &arguments.from, &range.from), std::tuple("--to", &arguments.to, &range.to)}) {
    if (text->empty()) continue;
    *time = parse_time(*text, now);
    if (!*time) return failure(ErrorKind::invalid, fmt::format("{}: expected {}, found '{}'", option, kTimes, *text));
  }
  return range;
}

/// The query of a policy whose value is the load of the whole group.
Result<std::string> query_of(const RecordedLoadArguments& arguments, const Group& group) {
  if (!arguments.load.empty()) return arguments.load;
  for (const PolicySpec& policy : group.policies) {
    const bool total =
        policy.type == "predictive" || (policy.type == "target_tracking" && policy.settings.text("value") == "total");
    if (total && policy.settings.has("query")) return policy.settings.text("query");
  }
  return failure(
      ErrorKind::invalid,
      fmt::format("--load: expected the PromQL of the load of group {}, such as sum(rate(http_requests_total[1m])); none "
                  "of its policies asks for it",
                  group.name));
}

Result<Trace> from_prometheus(const RecordedLoadArguments& arguments, const Range& range, TimePoint now, const Config& config,
                              const Group& group) {
  if (!range.from) {
    return failure(ErrorKind::invalid, "expected --trace FILE.csv, or --from TIME to read the load from Prometheus");
  }
  if (!arguments.column.empty()) return failure(ErrorKind::invalid, "--column: only a --trace has columns");
  if (!config.prometheus) {
    return failure(ErrorKind::invalid, fmt::format("without --trace the load is read from Prometheus, and {} has no `prometheus:`",
                                                   config.source.string()));
  }
  auto query = query_of(arguments, group);
  if (!query) return std::unexpected(query.error());
  HistoryQuestion question{.expression = *query, .from = *range.from, .to = range.to.value_or(now), .step = group.interval};
  if (question.from > question.to) {
    return failure(ErrorKind::invalid, fmt::format("the range from {} to {} is reversed; expected the earlier time first",
                                                   format_time(question.from), format_time(question.to)));
  }
  if (!arguments.step.empty()) {
    const auto step = parse_duration(arguments.step);
    if (!step || *step <= Duration{0}) {
      return failure(ErrorKind::invalid, fmt::format("--step: expected a duration above 0, found '{}'", arguments.step));
    }
    question.step = *step;
  }
  if ((question.to - question.from) / question.step >= static_cast<std::int64_t>(TraceOptions{}.most_rows)) {
    return failure(ErrorKind::invalid, fmt::format("{} to {} every {} are more than {} points; a larger --step makes them fewer",
                                                   format_time(question.from), format_time(question.to),
                                                   format_duration(question.step), TraceOptions{}.most_rows));
  }
  HttpClient http;
  const Progress progress("history from Prometheus");
  const PrometheusSettings& prometheus = *config.prometheus;
  auto history = ask_history({prometheus.url, prometheus.timeout, prometheus.access}, http, question,
                             [&](double share) { progress.show(share); });
  if (!history) return std::unexpected(history.error());
  auto trace = make_trace(*query, history->at, history->values);
  if (trace) trace->notes.insert(trace->notes.end(), history->notes.begin(), history->notes.end());
  return trace;
}

}  // namespace

Result<Trace> recorded_load(const RecordedLoadArguments& arguments, const Config& config, const Group& group) {
  const TimePoint now = SystemClock().now();
  const auto range = range_of(arguments, now);
  if (!range) return std::unexpected(range.error());
  if (arguments.trace.empty()) return from_prometheus(arguments, *range, now, config, group);
  for (const auto& [option, text] : {std::pair("--load", &arguments.load), std::pair("--step", &arguments.step)}) {
    if (!text->empty()) {
      return failure(ErrorKind::invalid, fmt::format("{}: only without --trace, for Prometheus' history", option));
    }
  }
  auto trace = read_trace(arguments.trace, {.column = arguments.column});
  if (!trace) return trace;
  return cut(*std::move(trace), range->from, range->to);
}

}  // namespace weir
