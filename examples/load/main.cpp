// weir-load: HTTP load on one URL, and what became of it. The last line of its output is one JSON object.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "examples/common/interrupt.h"
#include "examples/load/load.h"

namespace {

/// `10:100` = ten seconds of 100 requests per second; `10:100:400` = ten seconds from 100 to 400.
weir::LoadSegment parse_segment(const std::string& text) {
  std::vector<double> numbers;
  for (const std::string& part : CLI::detail::split(text, ':')) {
    double number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    const bool good = error == std::errc() && end == part.data() + part.size() && number >= 0 && number < 1e6;
    numbers.push_back(good ? number : -1);
  }
  if (numbers.size() < 2 || numbers.size() > 3 || std::ranges::min(numbers) < 0 || numbers[0] == 0)
    throw CLI::ValidationError(text, "expected SECONDS:RPS or SECONDS:FROM:TO");
  return {.length = weir::Duration(std::llround(numbers[0] * 1000)), .from_rps = numbers[1], .to_rps = numbers.back()};
}

}  // namespace

int main(int argc, char** argv) {
  weir::LoadOptions options;
  std::vector<std::string> segments;
  int seconds = 10;
  bool fresh = false;
  CLI::App app("HTTP load on one URL. Exit status 0 if no request failed (a 5xx, or no usable answer).", "weir-load");
  app.add_option("url", options.url, "what to ask for")->required();
  app.add_option("--method", options.method, "GET, POST …")->capture_default_str();
  app.add_option("--body", options.body, "sent with each request");
  auto* profile =
      app.add_option("--profile", segments, "SECONDS:RPS or SECONDS:FROM:TO, one after the other: requests leave on time");
  app.add_option("--clients", options.clients, "so many clients that ask again as soon as they are answered")
      ->check(CLI::PositiveNumber)
      ->excludes(profile);
  app.add_option("--seconds", seconds, "length with --clients")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_flag("--fresh", fresh, "a connection for each request");
  try {
    app.parse(argc, argv);
    for (const std::string& segment : segments) options.profile.push_back(parse_segment(segment));
    if (segments.empty() && options.clients == 0) throw CLI::RequiredError("--profile or --clients");
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  options.keep_alive = !fresh;
  options.length = std::chrono::seconds(seconds);

  const weir::Interrupt interrupt;
  weir::Load load(std::move(options));
  load.wait(interrupt.token());
  load.stop();
  const weir::LoadSummary summary = load.summary();
  if (summary.failures > 0) fmt::print(stderr, "first failure: {}\n", summary.first_failure);
  fmt::print("{}\n", nlohmann::json{{"requests", summary.requests},
                                    {"failed", summary.failures},
                                    {"p50_ms", summary.p50_ms},
                                    {"p95_ms", summary.p95_ms},
                                    {"p99_ms", summary.p99_ms},
                                    {"max_ms", summary.max_ms}}
                         .dump());
  return summary.failures == 0 ? 0 : 1;
}
