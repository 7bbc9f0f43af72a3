#include "controller/policy_test/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "controller/render/json_writer.h"
#include "controller/render/table.h"

namespace weir {
namespace {

constexpr const char* kRed = "31";
constexpr const char* kGreen = "32";

std::string painted(Colour colour, const char* code, const std::string& text) {
  return colour == Colour::on ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

std::string place_of(const TestResult& result, SourceMark mark) {
  return fmt::format("{}:{}:{}", result.file.string(), mark.line, mark.column);
}

std::string failure_text(const TestResult& result, const TestFailure& failure, Colour colour) {
  std::string text =
      fmt::format("  {}: at {}, {}\n", place_of(result, failure.mark), format_duration(failure.offset), format_time(failure.at));
  for (const Difference& difference : failure.differences) {
    text += fmt::format("    {}: expected {}, got {}\n", printable(difference.what),
                        painted(colour, kGreen, printable(difference.expected)), painted(colour, kRed, printable(difference.got)));
  }
  return text + "\n" + decision_text(failure.decision, colour) + "\n";
}

std::size_t failed(std::span<const TestResult> results) {
  return static_cast<std::size_t>(std::ranges::count_if(results, [](const TestResult& one) { return !one.failures.empty(); }));
}

void write_failure(JsonWriter& json, const TestFailure& failure) {
  json.begin_object();
  json.field("line", failure.mark.line);
  json.field("at", format_duration(failure.offset));
  json.field("time", failure.at);
  json.key("differences");
  json.begin_array();
  for (const Difference& difference : failure.differences) {
    json.begin_object();
    json.field("what", difference.what);
    json.field("expected", difference.expected);
    json.field("got", difference.got);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void write_test(JsonWriter& json, const TestResult& result) {
  json.begin_object();
  json.field("name", result.name);
  json.field("file", result.file.string());
  json.field("passed", result.failures.empty());
  json.key("failures");
  json.begin_array();
  for (const TestFailure& failure : result.failures) write_failure(json, failure);
  json.end_array();
  json.end_object();
}

}  // namespace

std::string tests_text(std::span<const TestResult> results, Colour colour) {
  std::string text;
  for (const TestResult& result : results) {
    if (result.failures.empty()) continue;
    text += fmt::format("{} {}\n", painted(colour, kRed, "FAILED"), printable(result.name));
    for (const TestFailure& failure : result.failures) text += failure_text(result, failure, colour);
  }
  const std::size_t bad = failed(results);
  return text + painted(colour, bad == 0 ? kGreen : kRed, fmt::format("{} passed, {} failed", results.size() - bad, bad)) + "\n";
}

std::string tests_json(std::span<const TestResult> results, std::span<const ConfigError> errors) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("tests");
  json.begin_array();
  for (const TestResult& result : results) write_test(json, result);
  json.end_array();
  json.field("passed", results.size() - failed(results));
  json.field("failed", failed(results));
  json.key("errors");
  json.begin_array();
  for (const ConfigError& error : errors) json.value(to_string(error));
  json.end_array();
  json.end_object();
  return text;
}

}  // namespace weir
