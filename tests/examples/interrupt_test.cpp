// Ctrl-C on the demo.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "examples/stand/process.h"
#include "examples/stand/stand.h"
#include "platform/file.h"
#include "tests/examples/processes.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class InterruptedDemo : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Signals, InterruptedDemo, testing::Values(SIGINT, SIGTERM, SIGHUP, SIGKILL));

TEST_P(InterruptedDemo, leaves_no_process_behind) {
  // In place of weir a program that never becomes ready, so that the moment does not matter.
  auto stand = Stand::create({});
  ASSERT_TRUE(stand);
  const fs::path outside = (*stand)->directory();
  const fs::path inside = outside / "demo";
  ASSERT_TRUE(replace_file(outside / "weir", "#!/bin/sh\nexec sleep 600\n"));
  fs::permissions(outside / "weir", fs::perms::owner_all);
  auto demo = Program::start({.command = {WEIR_DEMO, "--weir", outside / "weir", "--directory", inside},
                              .directory = outside,
                              .log = outside / "logs" / "demo.log"});
  ASSERT_TRUE(demo) << demo.error().message;
  const auto said = [&] { return read_file(outside / "logs" / "demo.log").value_or(""); };
  ASSERT_TRUE(Stand::eventually([&] { return said().find("started Prometheus") != std::string::npos; }, 20s)) << said();
  EXPECT_GE(processes_in(inside).size(), 4U);

  demo->signal(GetParam());
  EXPECT_TRUE(demo->wait(10s)) << said();
  EXPECT_EQ(demo->status(), GetParam() == SIGKILL ? 128 + SIGKILL : 130) << said();
  EXPECT_TRUE(nothing_runs_in(inside));
}

}  // namespace
}  // namespace weir
