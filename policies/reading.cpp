#include "policies/reading.h"

#include <fmt/format.h>

#include <cmath>
#include <string_view>

namespace weir {
namespace {

Reading untrusted(std::string why) {
  Reading reading;
  reading.why = std::move(why);
  return reading;
}

/// One number that stands for the query's answer: for a query per server it is the mean.
Reading number(double value, const Query& query, const Fleet& fleet) {
  Reading reading;
  reading.trusted = true;
  reading.per_server = !query.server_label.empty();
  reading.value = value;
  reading.measured = fleet.warmed;
  return reading;
}

/// The user's rule for an answer that is there but says nothing.
Reading fall_back(const Fallback& rule, std::string_view what, const Query& query, const Fleet& fleet, TimePoint at,
                  const PolicyMemory& memory) {
  switch (rule.kind) {
    case Fallback::Kind::zero:
      return number(0, query, fleet);
    case Fallback::Kind::last:
      if (memory.good_at && at - *memory.good_at <= rule.window) {
        Reading reading = number(memory.good_value, query, fleet);
        reading.missing = memory.good_missing;
        return reading;
      }
      return untrusted(fmt::format("{}, and no good value in the last {}", what, format_duration(rule.window)));
    case Fallback::Kind::at_least: {
      Reading reading = untrusted(std::string(what));
      reading.at_least = rule.servers;
      return reading;
    }
    case Fallback::Kind::hold:
      break;
  }
  return untrusted(std::string(what));
}

const Sample::Series* series_of(const Sample& sample, const Server& server) {
  for (const Sample::Series& series : sample.series) {
    if (series.server == server.id || series.server == server.address) return &series;
  }
  return nullptr;
}

Reading per_server(const Sample& sample, const Fleet& fleet) {
  Reading reading;
  reading.per_server = true;
  double sum = 0;
  for (const Server& server : fleet.servers) {
    if (!fleet.is_warmed(server)) continue;
    const Sample::Series* series = series_of(sample, server);
    if (series == nullptr) {
      ++reading.missing;
      continue;
    }
    ++reading.measured;
    sum += series->value;
  }
  if (reading.measured == 0) {
    reading.why =
        reading.missing == 0 ? "no server has been in service for its warm_up yet" : "no series matches a server of the group";
    return reading;
  }
  reading.trusted = true;
  reading.value = sum / reading.measured;
  return reading;
}

}  // namespace

Reading read_sample(const Query& query, const Sample& sample, const Fleet& fleet, TimePoint at, PolicyMemory& memory) {
  switch (sample.status) {
    case Sample::Status::empty:
      return fall_back(query.on_empty, "the query returned no series", query, fleet, at, memory);
    case Sample::Status::nan:
      return fall_back(query.on_nan, "the query returned NaN or an infinite value", query, fleet, at, memory);
    case Sample::Status::degraded:
      return untrusted("partial or stale data: " + sample.detail);
    case Sample::Status::failed:
      return untrusted("no data: " + sample.detail);
    case Sample::Status::ok:
      break;
  }
  Reading reading = query.server_label.empty() ? number(sample.value, query, fleet) : per_server(sample, fleet);
  if (reading.trusted && !std::isfinite(reading.value)) {
    return fall_back(query.on_nan, "the query returned NaN or an infinite value", query, fleet, at, memory);
  }
  if (reading.trusted) {
    memory.good_at = at;
    memory.good_value = reading.value;
    memory.good_missing = reading.missing;
  }
  return reading;
}

void vote_untrusted(const Reading& reading, const Fleet& fleet, Vote& vote) {
  vote.stance = Vote::Stance::abstains;
  vote.why = reading.why;
  if (!reading.at_least) return;
  if (*reading.at_least > fleet.desired) {
    vote.stance = Vote::Stance::wants;
    vote.wants = *reading.at_least;
  }
  vote.why += fmt::format("; at least {} servers meanwhile", *reading.at_least);
}

std::string partial_text(const Reading& reading) {
  return fmt::format("{} of {} servers have no number: not shrunk on part of the data", reading.missing,
                     reading.missing + reading.measured);
}

Query query_from(const Settings& settings) {
  Query query;
  query.expression = settings.text("query");
  query.server_label = settings.text("server_label");
  for (const auto& [label, value] : settings.text_map("select")) query.select.emplace_back(label, value);
  query.on_empty = settings.fallback("on_empty");
  query.on_nan = settings.fallback("on_nan");
  return query;
}

}  // namespace weir
