// weir-demo: a small site on this machine, a load that grows and falls, and weir keeping up with it. The last line of its output is
// one JSON object.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "examples/common/interrupt.h"
#include "examples/demo/screen.h"
#include "examples/demo/story.h"
#include "examples/demo/weir_view.h"
#include "examples/load/load.h"
#include "examples/stand/stand.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

struct Options {
  int seconds = 180;
  std::string weir = "weir";
  std::string app = WEIR_EXAMPLE_APP;
  std::filesystem::path directory;
};

/// Which servers answered first, and when.
class Answers {
 public:
  void see(std::chrono::microseconds at, const std::string& body) {
    const auto answer = nlohmann::json::parse(body, nullptr, false);
    if (!answer.is_object() || !answer.contains("server")) return;
    const std::lock_guard lock(mutex_);
    if (!servers_.insert(answer["server"].get<std::string>()).second) return;
    if (servers_.size() > kMin && !first_added_) first_added_ = at;
  }
  /// When a server answered that was not there at the beginning.
  [[nodiscard]] std::optional<std::chrono::microseconds> first_added() const {
    const std::lock_guard lock(mutex_);
    return first_added_;
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> servers_;
  std::optional<std::chrono::microseconds> first_added_;
};

/// What weir says while the load runs.
struct Watched {
  std::string last_decision;  ///< DecisionView::at
  int scale_outs = 0;
  int scale_ins = 0;
  int most = 0;
  int fewest = kMax;
};

/// The mean of a histogram's observations since `before`, both as the text of /metrics.
std::optional<double> mean_since(const std::string& before, const std::string& after, const std::string& name) {
  const auto grown = [&](const char* part) {
    return sum_of(after, name + part).value_or(0) - sum_of(before, name + part).value_or(0);
  };
  if (grown("_count") <= 0) return std::nullopt;
  return grown("_sum") / grown("_count");
}

class Demo {
 public:
  Demo(Options options, Stand& stand, std::stop_token stop)
      : options_(std::move(options)),
        stand_(stand),
        stop_(std::move(stop)),
        length_(std::chrono::seconds(options_.seconds)),
        story_(length_) {}

  Result<void> start();
  Result<void> run();

 private:
  [[nodiscard]] Result<void> wait_for_the_first_servers();
  void watch(const Load& load);
  void show(const DecisionView& decision, Duration now);
  void row(const Load& load, const Result<GroupView>& group);
  [[nodiscard]] Result<void> summarize(const Load& load);
  [[nodiscard]] double breach_to_serving() const;

  Options options_;
  Stand& stand_;
  std::stop_token stop_;
  Duration length_;
  Story story_;
  Screen screen_;
  Answers answers_;
  Watched watched_;
  std::string metrics_before_;
};

Result<void> Demo::start() {
  const auto begin = [this](Piece& piece, const std::string& what) -> Result<void> {
    const Result<void> started = piece.start(stop_);
    if (started) screen_.say("started " + what);
    return started;
  };
  if (auto written = stand_.write_weir_config(stand_.weir_config(demo_group(length_))); !written) return written;
  screen_.say(fmt::format("everything is in {} and on 127.0.0.1; Ctrl-C ends it", stand_.directory().string()));
  if (auto started = begin(stand_.nginx(), "nginx       " + stand_.url()); !started) return started;
  if (auto started = begin(stand_.prometheus(), "Prometheus  " + stand_.prometheus_url()); !started) return started;
  if (auto started = begin(stand_.weir(), "weir        " + stand_.weir_url()); !started) return started;
  return wait_for_the_first_servers();
}

Result<void> Demo::wait_for_the_first_servers() {
  screen_.say(fmt::format("waiting for weir to bring up the first {} servers", kMin));
  const auto ready = [this] {
    const Result<std::string> groups = stand_.weir_get("/v1/groups");
    const Result<GroupView> group = groups ? parse_group(*groups, "app") : std::unexpected(groups.error());
    return !stand_.weir().running() || (group && group->count("in_service") >= kMin && stand_.get(stand_.url()));
  };
  const bool settled = Stand::eventually(ready, 30s, stop_);
  if (stop_.stop_requested()) return failure(ErrorKind::cancelled, "interrupted");
  if (settled && stand_.weir().running()) return {};
  return failure(ErrorKind::unavailable,
                 fmt::format("weir did not bring {} servers into service within 30 s\n{}", kMin, stand_.logs()));
}

Result<void> Demo::run() {
  metrics_before_ = stand_.weir_get("/metrics").value_or("");
  watched_.last_decision = format_time(std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()));
  screen_.say(fmt::format(
      "load for {}: {:.0f} requests per second, up to {:.0f} and back; a server can do {:.0f}, and is meant to do {:.0f}",
      format_duration(length_), kBaseline, kPeak, kServerRps, kServerRps * kTarget));
  screen_.say("   time  load             pending  warming  in_service  draining   p95 ms  failed");
  LoadOptions options;
  options.url = stand_.url();
  options.profile = story_.profile();
  options.timeout = 30s;
  Load load(std::move(options), [this](const LoadRecord& record, const HttpResponse* response) {
    if (response != nullptr) answers_.see(record.due + record.latency, response->body);
  });
  // The last second lets weir's last words be heard.
  Duration next{0};
  while (load.elapsed() < length_ + 1s) {
    if (!stand_.weir().running()) return failure(ErrorKind::unavailable, "weir ended\n" + stand_.logs());
    watch(load);
    next += 1s;
    (void)Stand::eventually([&] { return load.elapsed() >= next; }, 2s, stop_);
    if (stop_.stop_requested()) return failure(ErrorKind::cancelled, "interrupted");
  }
  load.wait(stop_);
  watch(load);
  return summarize(load);
}

void Demo::watch(const Load& load) {
  const Result<std::string> decisions = stand_.weir_get("/v1/groups/app/decisions");
  const auto parsed = decisions ? parse_decisions(*decisions) : std::unexpected(decisions.error());
  for (const DecisionView& decision : parsed.value_or(std::vector<DecisionView>{})) {
    if (decision.at > watched_.last_decision) show(decision, load.elapsed());
  }
  const Result<std::string> groups = stand_.weir_get("/v1/groups");
  const Result<GroupView> group = groups ? parse_group(*groups, "app") : std::unexpected(groups.error());
  if (group) {
    watched_.most = std::max(watched_.most, group->count("in_service"));
    watched_.fewest = std::min(watched_.fewest, group->count("in_service"));
  }
  row(load, group);
}

void Demo::show(const DecisionView& decision, Duration now) {
  watched_.last_decision = decision.at;
  watched_.scale_outs += decision.desired > decision.previous ? 1 : 0;
  watched_.scale_ins += decision.desired < decision.previous ? 1 : 0;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  if (decision.desired != decision.previous) {
    screen_.say(fmt::format("{:5} s  SCALE {}: {} -> {} servers", seconds, decision.desired > decision.previous ? "OUT" : "IN",
                            decision.previous, decision.desired));
    for (const std::string& reason : decision.reasons) screen_.say("           " + reason);
  }
  for (const std::string& action : decision.actions) screen_.say(fmt::format("{:5} s  {}", seconds, action));
}

void Demo::row(const Load& load, const Result<GroupView>& group) {
  const Duration now = load.elapsed();
  const LoadSummary lately = load.summary(now - 3s, now);
  const auto count = [&](const char* phase) { return group ? std::to_string(group->count(phase)) : std::string("?"); };
  screen_.row(fmt::format("{:5} s  {:8} {:3.0f} rps {:>7}  {:>7}  {:>10}  {:>8}  {:7.1f}  {:>6}",
                          std::chrono::duration_cast<std::chrono::seconds>(now).count(), story_.chapter(now),
                          rate_at(story_.profile(), now), count("pending"), count("warming"), count("in_service"),
                          count("draining"), lately.p95_ms, load.summary().failures));
}

double Demo::breach_to_serving() const {
  const std::string metrics = stand_.weir_get("/metrics").value_or("");
  const auto decided = mean_since(metrics_before_, metrics, "weir_breach_to_decision_seconds");
  const auto serving = mean_since(metrics_before_, metrics, "weir_decision_to_serving_seconds");
  if (decided && serving) return *decided + *serving;
  const auto answered = answers_.first_added();
  return answered ? std::chrono::duration<double>(*answered - story_.breach()).count() : -1;
}

Result<void> Demo::summarize(const Load& load) {
  const LoadSummary all = load.summary();
  const double before = load.summary(0s, story_.end_of(0)).p95_ms;
  const double peak = load.summary(story_.end_of(1), story_.end_of(2)).p95_ms;
  const double after = load.summary(story_.end_of(3), story_.end_of(4)).p95_ms;
  const double serving = breach_to_serving();
  const auto rounded = [](double value) { return std::round(value * 100) / 100; };
  screen_.say("");
  screen_.say(fmt::format("{} requests, {} failed{}", all.requests, all.failures,
                          all.failures == 0 ? "" : " (the first: " + all.first_failure + ")"));
  screen_.say(
      fmt::format("95 % were answered within {:.0f} ms before, {:.0f} ms at the peak, {:.0f} ms after", before, peak, after));
  screen_.say(fmt::format("{} to {} servers in service; {} times scaled out, {} times in", watched_.fewest, watched_.most,
                          watched_.scale_outs, watched_.scale_ins));
  screen_.say(fmt::format("from too much load to a new server that serves: {:.1f} s", serving));
  const nlohmann::ordered_json result{{"requests", all.requests},         {"failed", all.failures},
                                      {"p95_ms_before", rounded(before)}, {"p95_ms_peak", rounded(peak)},
                                      {"p95_ms_after", rounded(after)},   {"scale_outs", watched_.scale_outs},
                                      {"scale_ins", watched_.scale_ins},  {"breach_to_serving_s", rounded(serving)},
                                      {"max_servers", watched_.most},     {"min_servers", watched_.fewest}};
  screen_.say(result.dump());
  if (all.failures > 0) return failure(ErrorKind::unavailable, "requests failed");
  if (watched_.scale_outs == 0 || watched_.scale_ins == 0) return failure(ErrorKind::unavailable, "weir did not scale out and in");
  return {};
}

int play(const Options& options) {
  const Interrupt interrupt;
  Result<std::unique_ptr<Stand>> stand =
      Stand::create({.weir = options.weir, .app = options.app, .scrape_interval = 500ms, .directory = options.directory});
  Result<void> played;
  if (stand) {
    Demo demo(options, **stand, interrupt.token());
    played = demo.start();
    if (played) played = demo.run();
  } else {
    played = std::unexpected(stand.error());
  }
  if (played) return 0;
  (void)std::fflush(stdout);
  fmt::print(stderr, "\nweir-demo: {}\n", played.error().message);
  return played.error().kind == ErrorKind::cancelled ? 130 : 1;
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  weir::Options options;
  CLI::App app("Watch weir scale a small app behind nginx as its load grows and falls. Exit status 0 if no request failed.",
               "weir-demo");
  app.add_option("--seconds", options.seconds, "length of the load")->check(CLI::Range(60, 3600))->capture_default_str();
  app.add_option("--weir", options.weir, "the weir program")->capture_default_str();
  app.add_option("--app", options.app, "the weir-example-app program");
  app.add_option("--directory", options.directory, "work there and keep it: configurations and logs; a temporary one else");
  CLI11_PARSE(app, argc, argv);
  return weir::play(options);
}
