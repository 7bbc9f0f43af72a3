#include "providers/plugin/plugin.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <stop_token>

#include "tests/contract/provider_contract.h"
#include "tests/fakes/network.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using namespace std::chrono_literals;

/// A place for one plug-in.
struct PluginWorld {
  TempDirectory directory;
  ImpatientNetwork outside;

  [[nodiscard]] static Settings settings(const std::string& library, const std::string& rest = "{}", Duration timeout = 30s) {
    Settings settings;
    settings.set("library", library);
    settings.set("timeout", timeout);
    settings.set(kRestKey, rest);
    return settings;
  }
  [[nodiscard]] Result<std::unique_ptr<Provider>> open(const Settings& settings) {
    return make_plugin_provider(settings, {.name = "own", .state_directory = directory.path(), .network = &outside.network});
  }
};

class PluginHarness final : public ProviderHarness {
 public:
  std::unique_ptr<Provider> open() override { return world_.open(PluginWorld::settings(WEIR_RECORDS_PLUGIN)).value(); }
  Group group(const std::string& name) override {
    Group group;
    group.name = name;
    group.max = 8;
    group.server.set(kRestKey, std::string(R"({"size":2})"));
    return group;
  }

 private:
  PluginWorld world_;
};

const MakeHarness kPlugin = [] { return std::make_unique<PluginHarness>(); };
INSTANTIATE_TEST_SUITE_P(Plugin, ProviderContract, testing::Values(kPlugin), named("built_outside"));
INSTANTIATE_TEST_SUITE_P(Plugin, ElasticProviderContract, testing::Values(kPlugin), named("built_outside"));

std::string library(const std::string& name) { return fmt::format("{}/{}.so", WEIR_PLUGINS, name); }

testing::Matcher<const Error&> error_of(ErrorKind kind, const std::string& part) {
  return AllOf(Field(&Error::kind, kind), Field(&Error::message, HasSubstr(part)));
}

/// Why that library is not taken.
Error refusal(const std::string& path, const std::string& rest = "{}") {
  PluginWorld world;
  const auto provider = world.open(PluginWorld::settings(path, rest));
  return provider ? Error{} : provider.error();
}

class UnrulyPlugin : public testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<Provider> open(const std::string& mode, Duration timeout = 30s) {
    return world_.open(PluginWorld::settings(library("unruly_plugin"), fmt::format(R"({{"mode":"{}"}})", mode), timeout)).value();
  }
  [[nodiscard]] Result<std::vector<Server>> listed(const std::string& mode, Duration timeout = 30s) {
    return open(mode, timeout)->list({}, {});
  }
  /// Why there is no list.
  [[nodiscard]] Error unlisted(const std::string& mode, Duration timeout = 30s) {
    const auto servers = listed(mode, timeout);
    return servers ? Error{} : servers.error();
  }

  PluginWorld world_;
};

TEST(Plugin, is_not_loaded_if_it_is_none) {
  EXPECT_THAT(refusal("/nowhere/x.so"), error_of(ErrorKind::invalid, "/nowhere/x.so: cannot be loaded"));
  EXPECT_THAT(refusal(__FILE__), error_of(ErrorKind::invalid, "cannot be loaded"));
  EXPECT_THAT(refusal(library("stranger_plugin")), error_of(ErrorKind::invalid, "it has no function weir_plugin_entry"));
}

TEST(Plugin, of_another_interface_is_refused_with_what_to_do) {
  EXPECT_THAT(refusal(library("other_abi_plugin")),
              error_of(ErrorKind::invalid, "version 2 of the plug-in interface, this weir has version 1; build it again"));
}

TEST(Plugin, without_one_of_its_functions_is_refused) {
  EXPECT_THAT(refusal(library("incomplete_plugin")), error_of(ErrorKind::invalid, "its table lacks a name or a function"));
}

TEST(Plugin, that_refuses_the_greeting_says_why_in_one_line) {
  EXPECT_THAT(refusal(library("unruly_plugin"), R"({"mode":"refuses"})"),
              error_of(ErrorKind::denied, "unruly 1: no licence for you"));
  EXPECT_THAT(refusal(library("unruly_plugin"), R"({"mode":"old"})"), error_of(ErrorKind::invalid, "does not speak version 1"));
  EXPECT_THAT(refusal(library("unruly_plugin"), R"({"mode":"opens_nothing"})"),
              error_of(ErrorKind::unavailable, "it opened nothing"));
}

TEST(Plugin, is_named_by_an_absolute_path) {
  Settings provider;
  provider.set("library", std::string("x.so"));
  const auto errors = plugin_provider_type().check(provider, {});
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_THAT(errors.front().message, HasSubstr("absolute path"));
  EXPECT_THAT(plugin_provider_type().check(PluginWorld::settings("/x.so"), {}), IsEmpty());
}

TEST_F(UnrulyPlugin, that_gives_no_answer_leaves_the_list_unknown) {
  EXPECT_THAT(unlisted("silent"), error_of(ErrorKind::unavailable, "own: list: it gave no answer"));
  EXPECT_THAT(unlisted("no_json"), error_of(ErrorKind::unavailable, "no JSON object"));
  EXPECT_THAT(unlisted("null"), error_of(ErrorKind::unavailable, "no JSON object"));
}

TEST_F(UnrulyPlugin, that_throws_harms_nobody) {
  EXPECT_THAT(unlisted("throws"), error_of(ErrorKind::unavailable, "it threw: out of luck"));
  EXPECT_THAT(unlisted("throws_number"), error_of(ErrorKind::unavailable, "it threw something"));
}

TEST_F(UnrulyPlugin, that_answers_twice_is_heard_once) { EXPECT_TRUE(listed("twice").has_value()); }

TEST_F(UnrulyPlugin, that_does_not_come_back_is_left_behind_at_the_deadline) {
  EXPECT_THAT(unlisted("hangs", 100ms), error_of(ErrorKind::unavailable, "no answer within"));
}

TEST_F(UnrulyPlugin, that_does_not_come_back_is_left_behind_when_weir_stops) {
  const auto provider = open("hangs");
  std::stop_source stop;
  stop.request_stop();
  const auto servers = provider->list({}, stop.get_token());
  ASSERT_FALSE(servers);
  EXPECT_EQ(servers.error().kind, ErrorKind::cancelled);
}

TEST_F(UnrulyPlugin, is_closed_once_nobody_uses_it) {
  {
    const auto provider = open("good");
  }
  EXPECT_TRUE(wait_until(10s, [&] {
    const auto servers = listed("good");
    return servers && servers->front().id == "open-1";
  }));
}

TEST_F(UnrulyPlugin, each_call_is_told_of) {
  EXPECT_TRUE(listed("good").has_value());
  EXPECT_THAT(unlisted("silent"), error_of(ErrorKind::unavailable, "no answer"));
  EXPECT_THAT(world_.outside.reports(), ElementsAre(AllOf(Field(&ApiReport::operation, "list"), Field(&ApiReport::outcome, "ok")),
                                                    AllOf(Field(&ApiReport::api, "own"), Field(&ApiReport::outcome, "no_answer"),
                                                          Field(&ApiReport::url, Not(IsEmpty())))));
}

}  // namespace
}  // namespace weir
