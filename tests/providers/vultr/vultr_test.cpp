#include "providers/vultr/vultr.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "tests/providers/vultr/world.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Fault = FakeVultr::Fault;

class Vultr : public testing::Test {
 protected:
  ~Vultr() override { EXPECT_THAT(world_.fake.violations(), IsEmpty()); }

  Result<Server> launch(const std::string& token) { return provider_->launch({app_, token, "v1"}, {}); }
  Result<std::vector<Server>> list() {
    const Group* const groups[] = {&app_};
    return provider_->list(groups, {});
  }
  Server only() {
    const auto servers = list();
    EXPECT_TRUE(servers) << servers.error().message;
    EXPECT_EQ(servers->size(), 1U);
    return servers->empty() ? Server{} : servers->front();
  }
  Result<void> terminate(const std::string& id) { return provider_->terminate(app_, id, {}); }
  void restart_weir() { provider_ = world_.open(); }
  int creates() { return world_.fake.count("instances.create"); }
  /// Lets so much time pass that a launch need not wait for what an earlier weir may have posted.
  void settle() { world_.clock.pass(10s); }

  /// Moments of the searches after the first create.
  std::vector<FakeVultr::Moment> lists_after_create() {
    std::vector<FakeVultr::Moment> moments;
    bool created = false;
    for (const FakeVultr::Call& call : world_.fake.calls()) {
      if (created && call.operation == "instances.list") moments.push_back(call.at);
      created = created || call.operation == "instances.create";
    }
    return moments;
  }

  VultrWorld world_;
  Group app_ = vultr_group("app");
  std::unique_ptr<Provider> provider_ = world_.open();
};

// ---- launch
// -----------------------------------------------------------------------------------------------------------------------

TEST_F(Vultr, a_lost_reply_is_looked_for_before_anything_else_is_made) {
  settle();
  world_.fake.fail("instances.create", {Fault::reset_after});
  const auto made = launch("t");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(creates(), 1);
  EXPECT_EQ(only().id, made->id);
}

TEST_F(Vultr, every_unknown_end_of_a_create_is_searched_for_at_least_five_seconds_and_then_unavailable) {
  for (const Fault fault : {Fault::error, Fault::reset, Fault::html}) {
    VultrWorld world;
    world.clock.pass(10s);
    world.fake.fail("instances.create", {fault});
    const auto made = world.open()->launch({app_, "t", "v1"}, {});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, ErrorKind::unavailable);
    EXPECT_EQ(world.fake.count("instances.create"), 1);
  }
  settle();
  world_.fake.fail("instances.create", {Fault::error});
  EXPECT_FALSE(launch("t"));
  const auto searches = lists_after_create();
  ASSERT_GE(searches.size(), 3U);
  EXPECT_GE(searches.back() - searches.front(), 5s);
  EXPECT_TRUE(launch("t")) << "the repeat makes it";
  EXPECT_EQ(creates(), 2);
  EXPECT_EQ(world_.fake.alive().size(), 1U);
}

TEST_F(Vultr, answers_that_arrive_broken_after_a_create_find_what_was_made) {
  for (const Fault fault : {Fault::error_after, Fault::cut_off, Fault::reset_after}) {
    settle();
    world_.fake.fail("instances.create", {fault});
    EXPECT_TRUE(launch("t" + std::to_string(static_cast<int>(fault))));
  }
  EXPECT_EQ(creates(), 3);
}

TEST_F(Vultr, a_create_is_repeated_after_429_alone_and_not_before_it_was_asked_for) {
  settle();
  world_.fake.fail("instances.create", {Fault::throttled, Fault::throttled});
  EXPECT_TRUE(launch("t"));
  EXPECT_EQ(creates(), 3);
  std::vector<FakeVultr::Moment> moments;
  for (const auto& call : world_.fake.calls()) {
    if (call.operation == "instances.create") moments.push_back(call.at);
  }
  EXPECT_GE(moments[1] - moments[0], 2s);
  EXPECT_GE(moments[2] - moments[1], 2s);
}

TEST_F(Vultr, what_a_weir_that_died_may_have_posted_is_given_time_to_turn_up) {
  VultrWorld world([](FakeVultr::Options& options) { options.list_lag = 3s; });
  world.clock.pass(10s);
  auto provider = world.open();
  std::stop_source died;
  world.fake.on_call([&](const FakeVultr::Call& call, bool done) {
    if (done && call.operation == "instances.create") died.request_stop();
  });
  (void)provider->launch({app_, "t", "v1"}, died.get_token());
  world.fake.on_call({});
  provider = world.open();
  EXPECT_TRUE(provider->launch({app_, "t", "v1"}, {}));
  EXPECT_EQ(world.fake.alive().size(), 1U);
}

TEST_F(Vultr, a_list_that_lags_does_not_make_a_second_server) {
  VultrWorld world([](FakeVultr::Options& options) { options.list_lag = 90s; });
  auto provider = world.open();
  const auto first = provider->launch({app_, "t", "v1"}, {});
  world.clock.pass(60s);
  const auto again = provider->launch({app_, "t", "v1"}, {});
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->id, again->id);
  EXPECT_EQ(world.fake.count("instances.create"), 1);
}

TEST_F(Vultr, a_server_made_late_is_the_one_given_up_and_the_one_handed_out_stays) {
  settle();
  world_.fake.fail("instances.create", {Fault::late});
  ASSERT_FALSE(launch("t"));
  const auto made = launch("t");
  ASSERT_TRUE(made);
  EXPECT_EQ(only().id, made->id);
  world_.clock.pass(60s);
  const auto servers = list();
  ASSERT_THAT(*servers, SizeIs(2));
  for (const Server& server : *servers) {
    EXPECT_EQ(server.failure.empty(), server.id == made->id);
    EXPECT_TRUE(server.failure.empty() || server.failure.ends_with(made->id + " is the one in use"));
  }
  const auto again = launch("t");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, made->id);
}

TEST_F(Vultr, of_two_with_one_token_none_is_accused_by_a_weir_that_knows_neither) {
  settle();
  world_.fake.fail("instances.create", {Fault::late});
  ASSERT_FALSE(launch("t"));
  ASSERT_TRUE(launch("t"));
  world_.clock.pass(60s);
  restart_weir();
  const auto servers = list();
  ASSERT_THAT(*servers, SizeIs(2));
  for (const Server& server : *servers) EXPECT_EQ(server.failure, "") << "either may have traffic";
}

TEST_F(Vultr, a_failed_search_after_an_unknown_create_is_never_a_refusal) {
  settle();
  world_.fake.choose([this](const FakeVultr::Call& call) {
    if (call.operation != "instances.create") return Fault::none;
    world_.fake.refuse_key(401);
    return Fault::reset;
  });
  const auto made = launch("t");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::unavailable) << "denied would mean that nothing was made";
}

TEST_F(Vultr, what_is_sold_out_is_made_at_the_next_place_and_out_of_capacity_when_there_is_none) {
  settle();
  const auto place = [](const char* plan, const char* region) {
    Settings settings;
    settings.set("plan", std::string(plan));
    settings.set("region", std::string(region));
    return settings;
  };
  app_.server.set("overflow", Settings::Sections{place("vhf-1c-2gb", "icn"), place("vc2-2c-4gb", "nrt")});
  world_.fake.sell_out("vc2-1c-2gb", "icn");
  world_.fake.sell_out("vhf-1c-2gb", "icn");
  ASSERT_TRUE(launch("a"));
  EXPECT_EQ(world_.fake.alive()[0].order->at("plan"), "vc2-2c-4gb");
  EXPECT_EQ(world_.fake.alive()[0].order->at("region"), "nrt");
  world_.fake.sell_out("vc2-2c-4gb", "nrt");
  const auto refused = launch("b");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::out_of_capacity);
  EXPECT_THAT(refused.error().message, HasSubstr("vhf-1c-2gb in icn"));
  EXPECT_EQ(creates(), 6);
  world_.fake.restock();
  ASSERT_TRUE(launch("b"));
  EXPECT_EQ(world_.fake.alive()[1].order->at("plan"), "vc2-1c-2gb");
}

TEST_F(Vultr, a_quota_is_out_of_capacity) {
  settle();
  world_.fake.set_quota(1);
  ASSERT_TRUE(launch("a"));
  const auto refused = launch("b");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::out_of_capacity);
}

TEST_F(Vultr, a_wrong_order_is_invalid_and_goes_nowhere_else) {
  settle();
  app_.server.set("plan", std::string("wrong"));
  const auto refused = launch("a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
  EXPECT_THAT(refused.error().message, HasSubstr("Invalid plan chosen."));
}

TEST_F(Vultr, a_refused_key_or_address_is_denied_everywhere_and_not_asked_again) {
  ASSERT_TRUE(launch("a"));
  const std::string id = only().id;
  for (const int status : {401, 403}) {
    world_.fake.refuse_key(status);
    const std::size_t before = world_.fake.calls().size();
    EXPECT_EQ(list().error().kind, ErrorKind::denied);
    EXPECT_EQ(launch("b").error().kind, ErrorKind::denied);
    EXPECT_EQ(terminate(id).error().kind, ErrorKind::denied);
    EXPECT_EQ(world_.fake.calls().size(), before + 3);
  }
}

TEST_F(Vultr, messages_hold_no_secret) {
  world_.fake.refuse_key(401);
  EXPECT_EQ(list().error().message.find("key"), std::string::npos) << list().error().message;
  for (const ApiReport& report : world_.outside.reports())
    EXPECT_EQ((report.url + report.detail).find("Bearer"), std::string::npos);
}

// ---- list
// -------------------------------------------------------------------------------------------------------------------------

TEST_F(Vultr, all_pages_are_walked) {
  VultrWorld world([](FakeVultr::Options& options) { options.page = 7; });
  world.fake.add_foreign(23);
  std::string first = world.fake.add_tagged({"weir:owner=weir", "weir:group=app", "weir:token=t"});
  world.fake.add_foreign(23);
  const auto servers = world.open()->list({}, {});
  ASSERT_TRUE(servers) << servers.error().message;
  ASSERT_THAT(*servers, SizeIs(1));
  EXPECT_EQ(servers->front().id, first);
  EXPECT_EQ(world.fake.count("instances.list"), 7);
}

TEST_F(Vultr, a_list_that_is_not_whole_is_unavailable) {
  VultrWorld world([](FakeVultr::Options& options) { options.page = 3; });
  world.fake.add_foreign(8);
  const auto provider = world.open();
  for (const Fault fault : {Fault::lacks_page, Fault::lacks_one}) {
    world.fake.choose([fault](const FakeVultr::Call&) { return fault; });
    const auto servers = provider->list({}, {});
    ASSERT_FALSE(servers);
    EXPECT_EQ(servers.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(servers.error().message, HasSubstr("not a whole list"));
  }
  world.fake.choose({});
  world.fake.fail("instances.list", {Fault::lacks_one});
  EXPECT_TRUE(provider->list({}, {})) << "one that changed between two pages is read again";
}

TEST_F(Vultr, html_a_broken_answer_and_no_answer_are_unavailable_and_never_an_empty_list) {
  ASSERT_TRUE(launch("t"));
  for (const Fault fault : {Fault::html, Fault::cut_off, Fault::reset, Fault::error}) {
    world_.clock.pass(60s);
    world_.fake.choose([fault](const FakeVultr::Call&) { return fault; });
    const auto servers = list();
    ASSERT_FALSE(servers);
    EXPECT_EQ(servers.error().kind, ErrorKind::unavailable);
  }
  world_.fake.choose({});
  world_.clock.pass(60s);
  EXPECT_EQ(only().token, "t");
}

TEST_F(Vultr, a_list_is_asked_for_again_after_what_passes) {
  world_.fake.fail("instances.list", {Fault::reset, Fault::error, Fault::throttled});
  EXPECT_TRUE(list());
  EXPECT_EQ(world_.fake.count("instances.list"), 4);
}

TEST_F(Vultr, instances_of_another_weir_are_nobodys_business) {
  ASSERT_TRUE(world_.open("staging")->launch({app_, "t", "v1"}, {}));
  EXPECT_THAT(*list(), IsEmpty());
  EXPECT_TRUE(terminate(world_.fake.alive()[0].id));
  EXPECT_EQ(world_.fake.count("instances.delete"), 0);
}

TEST_F(Vultr, an_instance_a_person_has_tagged_is_listed_without_a_token) {
  (void)world_.fake.add_tagged({"weir:owner=weir", "weir:group=app"});
  const Server server = only();
  EXPECT_EQ(server.token, "");
  EXPECT_THAT(server.address, testing::EndsWith(":3000"));
}

TEST_F(Vultr, an_address_is_one_only_when_it_is_assigned) {
  ASSERT_TRUE(launch("t"));
  EXPECT_EQ(only().address, "") << "0.0.0.0 is no address";
  EXPECT_EQ(only().phase, Phase::pending);
  world_.clock.pass(30s);
  EXPECT_EQ(only().address, "192.0.0.1:3000");
  EXPECT_EQ(only().phase, Phase::pending);
  world_.clock.pass(60s);
  EXPECT_EQ(only().phase, Phase::warming);
}

TEST_F(Vultr, a_private_address_is_waited_for) {
  app_.server.set("private_address", true);
  app_.server.set("vpc", std::string("p1"));
  VultrWorld world([](FakeVultr::Options& options) { options.private_after = 90s; });
  const auto provider = world.open();
  ASSERT_TRUE(provider->launch({app_, "t", "v1"}, {}));
  const auto address = [&] {
    const auto servers = provider->list({}, {});
    return servers->front().address;
  };
  world.clock.pass(80s);
  EXPECT_EQ(address(), "");
  world.clock.pass(20s);
  EXPECT_EQ(address(), "10.8.0.1:3000") << "known by its tags, although nobody configures the group";
}

TEST_F(Vultr, a_running_server_keeps_the_port_it_was_launched_with) {
  ASSERT_TRUE(launch("t"));
  world_.clock.pass(60s);
  app_.server.set("port", std::int64_t{4000});
  EXPECT_THAT(only().address, testing::EndsWith(":3000"));
}

TEST_F(Vultr, a_stopped_machine_is_no_failure_and_a_suspended_one_is) {
  ASSERT_TRUE(launch("t"));
  const std::string id = only().id;
  world_.clock.pass(120s);
  world_.fake.change(id, [](FakeVultr::Machine& machine) { machine.off = true; });
  EXPECT_EQ(only().failure, "") << "its health says what it is worth";
  EXPECT_EQ(only().phase, Phase::pending);
  world_.fake.change(id, [](FakeVultr::Machine& machine) { machine.suspended = true; });
  EXPECT_THAT(only().failure, HasSubstr("suspended"));
}

TEST_F(Vultr, prices_are_asked_for_once_and_paid_hours_count_from_the_creation) {
  ASSERT_TRUE(launch("t"));
  world_.clock.pass(30min);
  const Server server = only();
  ASSERT_TRUE(server.price);
  EXPECT_DOUBLE_EQ(server.price->per_hour, 10.0 / 672);
  EXPECT_EQ(server.price->currency, "USD");
  EXPECT_EQ(server.paid_until, server.launched_at + 1h);
  world_.clock.pass(60min);
  EXPECT_EQ(only().paid_until, server.launched_at + 2h);
  EXPECT_EQ(world_.fake.count("plans.list"), 1);
  app_.server.set("use_paid_hours", false);
  EXPECT_FALSE(only().paid_until);
}

TEST_F(Vultr, without_prices_servers_are_listed_all_the_same) {
  ASSERT_TRUE(launch("t"));
  world_.fake.choose([](const FakeVultr::Call& call) { return call.operation == "plans.list" ? Fault::html : Fault::none; });
  EXPECT_FALSE(only().price);
  const int asked = world_.fake.count("plans.list");
  EXPECT_FALSE(only().price);
  EXPECT_EQ(world_.fake.count("plans.list"), asked) << "not at every turn";
  world_.fake.choose({});
  world_.clock.pass(15min);
  EXPECT_TRUE(only().price);
}

// ---- terminate
// --------------------------------------------------------------------------------------------------------------------

TEST_F(Vultr, a_locked_server_is_protected_and_its_removal_is_repeated_by_the_next_turn) {
  ASSERT_TRUE(launch("t"));
  const std::string id = only().id;
  world_.fake.change(id, [&](FakeVultr::Machine& machine) { machine.locked_until = world_.clock.now() + 60s; });
  EXPECT_THAT(only().protection, HasSubstr("locked"));
  for (int turn = 0; turn < 8; ++turn) {
    const auto removed = terminate(id);
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(removed.error().message, HasSubstr("currently locked"));
  }
  EXPECT_EQ(world_.fake.count("instances.delete"), 8) << "once a turn, and no circuit breaker";
  world_.clock.pass(60s);
  EXPECT_TRUE(terminate(id));
  EXPECT_THAT(*list(), IsEmpty());
}

TEST_F(Vultr, a_removal_under_way_or_done_is_success_by_all_its_texts) {
  VultrWorld world([](FakeVultr::Options& options) { options.leave = 5min; });
  auto provider = world.open();
  ASSERT_TRUE(provider->launch({app_, "t", "v1"}, {}));
  const std::string id = world.fake.alive()[0].id;
  EXPECT_TRUE(provider->terminate(app_, id, {}));
  EXPECT_TRUE(provider->terminate(app_, id, {}));
  EXPECT_EQ(world.fake.count("instances.delete"), 1) << "not asked again at once";
  EXPECT_EQ(provider->list({}, {})->front().phase, Phase::terminating);
  provider = world.open();
  EXPECT_TRUE(provider->terminate(app_, id, {})) << "pending destruction, as a new weir hears it";
  EXPECT_EQ(world.fake.count("instances.delete"), 2);
  world.clock.pass(10min);
  EXPECT_TRUE(provider->terminate(app_, id, {}));
  EXPECT_THAT(*provider->list({}, {}), IsEmpty());
}

TEST_F(Vultr, the_answers_of_old_to_an_unknown_id_are_success) {
  HttpStub old(HttpStub::Answer{.status = 400, .body = R"({"error":"invalid instance ID","status":400})"});
  const auto provider = make_vultr_provider({.api_url = old.url(), .api_key = "key"}, world_.outside.network);
  EXPECT_TRUE(provider->terminate(app_, "cb676a46-66fd-4dfb-b839-443f2e6c0b60", {}));
}

TEST_F(Vultr, a_404_that_is_not_the_apis_own_proves_nothing) {
  HttpStub proxy(HttpStub::Answer{.status = 404, .body = "<html>Not Found</html>", .content_type = "text/html"});
  const auto provider = make_vultr_provider({.api_url = proxy.url(), .api_key = "key"}, world_.outside.network);
  EXPECT_EQ(provider->terminate(app_, "cb676a46-66fd-4dfb-b839-443f2e6c0b60", {}).error().kind, ErrorKind::unavailable);
}

TEST_F(Vultr, a_removal_with_a_lost_reply_is_repeated_safely) {
  ASSERT_TRUE(launch("t"));
  world_.fake.fail("instances.delete", {Fault::reset_after});
  EXPECT_TRUE(terminate(only().id));
  EXPECT_THAT(*list(), IsEmpty());
}

TEST_F(Vultr, nothing_is_changed_by_listing) {
  ASSERT_TRUE(launch("t"));
  ASSERT_TRUE(list());
  for (const FakeVultr::Call& call : world_.fake.calls()) {
    const bool reads = call.operation == "instances.list" || call.operation == "plans.list";
    EXPECT_TRUE(reads || call.operation == "instances.create") << call.operation;
  }
}

// ---- the rate
// ---------------------------------------------------------------------------------------------------------------------

TEST_F(Vultr, two_hundred_groups_of_several_entries_stay_within_ten_calls_a_second) {
  const std::unique_ptr<Provider> entries[] = {world_.open(), world_.open("other"), world_.open("third")};
  for (int number = 0; number < 200; ++number) {
    const std::string name = "g" + std::to_string(number);
    const Group group = vultr_group(name);
    Provider& provider = *entries[number % 3];
    ASSERT_TRUE(provider.launch({group, name + "-n-1", "v1"}, {}));
    ASSERT_TRUE(number % 25 != 0 || provider.list({}, {}));
    ASSERT_TRUE(number % 20 != 0 || provider.terminate(group, world_.fake.alive().back().id, {}));
  }
  EXPECT_LE(world_.fake.busiest_second(), 10U);
  EXPECT_GE(world_.fake.busiest_second(), 8U) << "no slower than it may be";
  EXPECT_EQ(creates(), 200);
}

TEST_F(Vultr, a_stop_ends_a_search_at_once) {
  settle();
  std::stop_source weir;
  world_.fake.choose([&](const FakeVultr::Call& call) {
    if (call.operation != "instances.create") return Fault::none;
    weir.request_stop();
    return Fault::reset;
  });
  const auto made = provider_->launch({app_, "t", "v1"}, weir.get_token());
  ASSERT_FALSE(made);
  EXPECT_THAT(lists_after_create(), IsEmpty());
}

}  // namespace
}  // namespace weir
