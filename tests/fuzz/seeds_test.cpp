// What the fuzzers begin with, and what they once tripped over, run through the same code by every compiler and sanitizer.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "platform/file.h"

extern "C" {
int fuzz_aws_asg(const std::uint8_t* data, std::size_t size);
int fuzz_aws_target_group(const std::uint8_t* data, std::size_t size);
int fuzz_docker_swarm(const std::uint8_t* data, std::size_t size);
int fuzz_haproxy(const std::uint8_t* data, std::size_t size);
int fuzz_kubernetes(const std::uint8_t* data, std::size_t size);
int fuzz_pm2(const std::uint8_t* data, std::size_t size);
int fuzz_protocol(const std::uint8_t* data, std::size_t size);
int fuzz_vultr(const std::uint8_t* data, std::size_t size);
}

namespace weir {
namespace {

namespace fs = std::filesystem;

struct Target {
  const char* name;
  int (*run)(const std::uint8_t* data, std::size_t size);
};

class FuzzSeeds : public testing::TestWithParam<Target> {};

/// A finding ends the program: whatever was printed last names the file.
TEST_P(FuzzSeeds, hold) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(WEIR_SOURCE_DIR) / "tests/fuzz/seeds" / GetParam().name)) {
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  ASSERT_FALSE(files.empty());
  for (const fs::path& file : files) {
    std::printf("%s\n", file.c_str());
    const auto bytes = read_file(file);
    ASSERT_TRUE(bytes) << bytes.error().message;
    const std::vector<std::uint8_t> data(bytes->begin(), bytes->end());
    EXPECT_EQ(GetParam().run(data.data(), data.size()), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Adapters, FuzzSeeds,
                         testing::Values(Target{"aws_asg", fuzz_aws_asg}, Target{"aws_target_group", fuzz_aws_target_group},
                                         Target{"docker_swarm", fuzz_docker_swarm}, Target{"haproxy", fuzz_haproxy},
                                         Target{"kubernetes", fuzz_kubernetes}, Target{"pm2", fuzz_pm2},
                                         Target{"protocol", fuzz_protocol}, Target{"vultr", fuzz_vultr}),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace weir
