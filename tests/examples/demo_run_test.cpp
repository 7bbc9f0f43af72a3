// The demo as a person runs it, with the real weir.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "examples/stand/process.h"
#include "examples/stand/stand.h"
#include "platform/file.h"
#include "tests/examples/processes.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// A demo in a directory of its own.
class RunningDemo {
 public:
  RunningDemo() : outside_(Stand::create({}).value()) {
    inside_ = outside_->directory() / "demo";
    log_ = outside_->directory() / "logs" / "demo.log";
    const std::vector<std::string> command{WEIR_DEMO, "--seconds", "60", "--directory", inside_.string()};
    program_ = Program::start({.command = command, .directory = outside_->directory(), .log = log_}).value();
  }

  [[nodiscard]] Program& program() { return *program_; }
  [[nodiscard]] const fs::path& directory() const { return inside_; }
  [[nodiscard]] std::string output() const { return read_file(log_).value_or(""); }

 private:
  std::unique_ptr<Stand> outside_;
  fs::path inside_;
  fs::path log_;
  std::optional<Program> program_;
};

class InterruptedDemo : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Signals, InterruptedDemo, testing::Values(SIGINT, SIGTERM, SIGHUP, SIGKILL));

TEST_P(InterruptedDemo, leaves_no_process_behind) {
  RunningDemo demo;
  ASSERT_TRUE(Stand::eventually([&] { return demo.output().find("load for 1m") != std::string::npos; }, 60s)) << demo.output();
  EXPECT_GE(processes_in(demo.directory()).size(), 7U) << "nginx and two workers, Prometheus, weir and two servers";
  demo.program().signal(GetParam());
  EXPECT_TRUE(demo.program().wait(20s)) << demo.output();
  EXPECT_EQ(demo.program().status(), GetParam() == SIGKILL ? 128 + SIGKILL : 130) << demo.output();
  EXPECT_TRUE(nothing_runs_in(demo.directory()));
}

TEST(Demo, scales_out_and_in_and_fails_no_request) {
  RunningDemo demo;
  ASSERT_TRUE(demo.program().wait(170s)) << demo.output();
  EXPECT_EQ(demo.program().status(), 0) << demo.output();
  EXPECT_EQ(processes_in(demo.directory()), std::vector<std::string>{});

  const std::string output = demo.output();
  ASSERT_TRUE(output.ends_with("}\n")) << output;
  const std::string last = output.substr(output.rfind('\n', output.size() - 2) + 1);
  const auto result = nlohmann::ordered_json::parse(last, nullptr, false);
  ASSERT_TRUE(result.is_object()) << last;
  std::vector<std::string> keys;
  for (const auto& [key, value] : result.items()) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"requests", "failed", "p95_ms_before", "p95_ms_peak", "p95_ms_after", "scale_outs",
                                            "scale_ins", "breach_to_serving_s", "max_servers", "min_servers"}));
  EXPECT_EQ(result["failed"], 0);
  EXPECT_GT(result["requests"], 8'000);
  EXPECT_GT(result["scale_outs"], 0);
  EXPECT_GT(result["scale_ins"], 0);
  EXPECT_EQ(result["min_servers"], 2);
  EXPECT_GT(result["max_servers"], 2);
  EXPECT_GT(result["breach_to_serving_s"], 0);
}

}  // namespace
}  // namespace weir
