#include "model/version.h"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

TEST(Version, is_what_tags_images_and_snapshots_are_called) {
  for (const std::string& version : {std::string("v1"), std::string("7"), std::string("2026.03.01-rc.1+build_5"),
                                     std::string("registry.example:5000/team/app@sha256:0f3a"), std::string(128, 'a')}) {
    EXPECT_TRUE(check_version(version)) << version;
  }
}

TEST(Version, is_refused_with_what_it_should_be) {
  for (const std::string& version :
       {std::string(), std::string(129, 'a'), std::string("-v1"), std::string(".."), std::string("/v1"), std::string("v 1"),
        std::string("v1;reboot"), std::string("v1\n"), std::string("v1$(id)"), std::string("vé"), std::string("v1\0", 3)}) {
    const auto refused = check_version(version);
    ASSERT_FALSE(refused) << version;
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
    EXPECT_NE(refused.error().message.find("at most 128 characters, found '"), std::string::npos);
    EXPECT_LT(refused.error().message.size(), 250U);
  }
}

}  // namespace
}  // namespace weir
