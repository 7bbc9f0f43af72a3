// The real weir with a program of the user's as its provider.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "platform/child_program.h"
#include "platform/file.h"
#include "tests/support/free_port.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

std::string configuration(const std::string& directory) {
  return fmt::format(R"(
controller: {{interval: 200ms, state: {0}/state.db, listen: "127.0.0.1:{1}"}}
providers:
  own: {{type: exec, command: [sh, -c, "echo $$ >{0}/pid; exec {2}/examples/providers/records.sh"], endpoint: somewhere}}
groups:
  - {{name: app, provider: own, version: v1, server: {{size: 2, tags: [a, b]}}, min: 2, max: 2}}
)",
                     directory, free_port(), WEIR_SOURCE_DIR);
}

TEST(ExecService, launches_with_it_and_takes_it_along_even_when_killed) {
  const TempDirectory directory;
  const std::string path = directory.path().string();
  std::ofstream(path + "/weir.yaml") << configuration(path);
  auto weir = ChildProgram::start({WEIR_PROGRAM, "run", "-c", path + "/weir.yaml"}, {"PATH=/usr/bin:/bin"});
  ASSERT_TRUE(weir) << weir.error().message;
  const std::filesystem::path servers = path + "/servers/own/servers";
  EXPECT_TRUE(wait_until(30s, [&] {
    std::error_code error;
    return std::distance(std::filesystem::directory_iterator(servers, error), {}) == 2;
  }));
  const std::string program = "/proc/" + std::to_string(std::stoi(read_file(path + "/pid").value_or("0"))) + "/stat";
  EXPECT_TRUE(read_file(program));
  weir->signal(SIGKILL);
  EXPECT_TRUE(wait_until(20s, [&] {
    const auto stat = read_file(program);
    return !stat || stat->contains(") Z ");
  }));
  (void)weir->reap();
}

}  // namespace
}  // namespace weir
