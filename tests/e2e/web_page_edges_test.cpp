// weir's web page in a real browser, over answers that a real weir gives rarely: very many, very long, hostile, wrong, late.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "controller/api/page.h"
#include "controller/render/rfc3339.h"
#include "tests/support/browser_test.h"
#include "tests/support/http_stub.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::AllOf;
using testing::Gt;
using testing::HasSubstr;
using testing::Le;
using testing::Not;
using testing::StartsWith;
using Answer = HttpStub::Answer;
using Request = HttpStub::Request;

const std::string kLive = "document.querySelector('.contact.live')";
const std::string kDrawn = "document.querySelector('.plot path.in_service')?.getBBox().width > 20";
/// The last turn of all groups: Central Europe's clocks were put back four hours before.
constexpr const char* kLastTurn = "2026-10-25T05:00:00Z";

Answer as_json(const json& body, int status = 200) {
  return {.status = status, .body = body.dump(), .content_type = "application/json"};
}
Answer refusal(int status, const std::string& title, const std::string& detail) {
  return as_json({{"title", title}, {"detail", detail}}, status);
}

json server(int number, const json& special = json::object()) {
  json server = {{"id", fmt::format("s{}", number)},
                 {"address", fmt::format("10.0.0.{}:80", number)},
                 {"phase", "in_service"},
                 {"health", "healthy"},
                 {"version", "v1"},
                 {"launched_at", "2026-10-24T00:00:00Z"},
                 {"connections", nullptr}};
  server.update(special);
  return server;
}

json group(const std::string& name, const json& special = json::object()) {
  json group = {{"name", name},
                {"provider", "icn"},
                {"version", "v1"},
                {"min", 2},
                {"max", 6},
                {"desired", 2},
                {"in_service", 2},
                {"paused", false},
                {"servers", {server(1), server(2)}},
                {"last_turn", kLastTurn},
                {"last_change", "2026-10-24T00:00:00Z"},
                {"why", "all content"}};
  group.update(special);
  return group;
}

json turn(const std::string& at, const json& special = json::object()) {
  json turn = {{"at", at},
               {"previous", 2},
               {"desired", 2},
               {"votes",
                {{{"policy", "cpu"},
                  {"type", "threshold"},
                  {"stance", "content"},
                  {"desired", nullptr},
                  {"value", 50},
                  {"why", "between its bounds"}}}},
               {"steps", {{{"stage", "votes"}, {"from", 2}, {"to", 2}, {"why", "all content"}}}},
               {"actions", json::array()},
               {"servers", json::array()}};
  turn.update(special);
  return turn;
}

/// Twelve hours, a turn every ten minutes.
json series(const std::string& policy = "cpu", const std::string& currency = "USD") {
  const TimePoint last = parse_rfc3339(kLastTurn).value_or(TimePoint{});
  json series = {{"currency", currency}, {"policies", {{{"policy", policy}, {"type", "threshold"}}}}};
  json& asked = series["policies"][0];
  for (int ago = 72; ago >= 0; --ago) {
    series["at"].push_back(format_time(last - ago * 10min));
    for (const char* name : {"desired", "in_service", "servers", "min"}) series[name].push_back(2);
    series["max"].push_back(6);
    series["per_hour"].push_back(0.072);
    asked["value"].push_back(50);
    asked["forecast"].push_back(nullptr);
    asked["desired"].push_back(nullptr);
  }
  return series;
}

class WebPageEdges : public BrowserTest {
 protected:
  /// What is answered otherwise than usually; nothing: as usual.
  using Special = std::function<std::optional<Answer>(const Request&)>;

  static void SetUpTestSuite() { start_browser(); }
  void TearDown() override {
    if (browser_) {
      browser_->run_first("");
      browser_->live_in("");
    }
    BrowserTest::TearDown();
    // It would go on asking a weir that is gone.
    if (browser_) browser_->open_url("about:blank");
  }
  [[nodiscard]] std::string place() const override { return weir_.url() + "/"; }

  /// From now on weir has these groups.
  void say(std::vector<json> groups, Special special = {}) {
    weir_.answer([groups = json(std::move(groups)), special = std::move(special)](const Request& request) -> Answer {
      const std::string path = request.target.substr(0, request.target.find('?'));
      if (const auto page = page_answer({"GET", path, {}, {}}))
        return {.status = page->status, .body = page->body, .content_type = page->content_type, .headers = page->headers};
      if (special) {
        if (auto answer = special(request)) return *std::move(answer);
      }
      if (path == "/v1/groups") return as_json({{"groups", groups}});
      if (path.ends_with("/decisions")) return as_json({{"decisions", {turn(kLastTurn)}}});
      if (path.ends_with("/series")) return as_json(series());
      if (request.method == "POST") return as_json(json::object(), 202);
      return refusal(404, "Not Found", "there is nothing here");
    });
  }
  /// Opens the page as one who has never been here.
  void open() {
    browser_->open_url(place());
    (void)evaluate("(sessionStorage.clear(), localStorage.clear())");
    browser_->open_url(place());
  }
  void open_live() {
    open();
    ASSERT_TRUE(browser_->comes_true(kLive)) << text("document.body.innerText");
  }
  [[nodiscard]] long shown(const std::string& token) const {
    const std::vector<Request> requests = weir_.requests();
    return std::ranges::count_if(requests, [&](const Request& request) {
      const auto header = request.headers.find("authorization");
      return header != request.headers.end() && header->second == "Bearer " + token;
    });
  }
  void give_token(const std::string& token) {
    click("header [data-action=token]");
    fill("token", token);
    click("dialog .strong");
    ASSERT_TRUE(browser_->comes_true("!document.querySelector('dialog')"));
  }

  HttpStub weir_;
};

TEST_F(WebPageEdges, text_from_outside_is_only_ever_text) {
  const std::string hostile = "<img src=x onerror=alert(1)><script>document.title = 'taken over'</script>";
  const json mine =
      group(hostile, {{"provider", hostile},
                      {"version", hostile},
                      {"why", hostile},
                      {"hold", {{"servers", 3}, {"by", hostile}}},
                      {"pause", {{"out", true}, {"in", true}, {"by", hostile}}},
                      {"cost", {{"per_hour", 1}, {"month_to_date", 1}, {"month_end", 2}, {"currency", hostile}}},
                      {"servers",
                       {server(1, {{"id", hostile},
                                   {"address", hostile + ":80"},
                                   {"version", hostile},
                                   {"failure", hostile},
                                   {"phase", "pending"},
                                   {"health", "unhealthy"},
                                   {"health_detail", hostile},
                                   {"protection", hostile}})}},
                      {"deploy",
                       {{"version", hostile},
                        {"from", hostile + "0"},
                        {"strategy", hostile},
                        {"by", hostile},
                        {"started_at", kLastTurn},
                        {"direction", "forward"},
                        {"step", 1},
                        {"failures", 1},
                        {"last_failure", hostile},
                        {"end", "none"},
                        {"waits", hostile},
                        {"at_checkpoint", true},
                        {"judge", {{"why", hostile}}},
                        {"hooks", {{{"point", hostile}, {"token", hostile}, {"started_at", kLastTurn}, {"said", hostile}}}}}}});
  const json decided = turn(
      kLastTurn,
      {{"desired", 3},
       {"votes",
        {{{"policy", hostile}, {"type", hostile}, {"stance", hostile}, {"desired", nullptr}, {"value", 50}, {"why", hostile}}}},
       {"steps", {{{"stage", hostile}, {"from", 2}, {"to", 3}, {"why", hostile}}}},
       {"actions", {{{"kind", hostile}, {"server", hostile}, {"version", hostile}, {"why", hostile}}}},
       {"notes", {hostile}},
       {"servers_detail", hostile},
       {"orders", {{{"order", "deploy"}, {"version", hostile}, {"at", kLastTurn}, {"by", hostile}}}}});
  say({mine, group("other")}, [=](const Request& request) -> std::optional<Answer> {
    if (request.target.contains("/decisions")) return as_json({{"decisions", {decided}}});
    if (request.target.contains("/series")) return as_json(series(hostile, hostile));
    if (request.method == "POST") return refusal(409, hostile, hostile);
    return std::nullopt;
  });
  expected_ = "409";
  open_live();
  ASSERT_TRUE(browser_->comes_true(kDrawn));
  click(".decisions summary");
  click("[data-open=table] summary");
  ASSERT_TRUE(browser_->comes_true("document.querySelector('.decisions .turn') && document.querySelector('.numbers')"));
  give_token("secret");
  click("[data-action=promote]");
  click("dialog .strong");
  EXPECT_TRUE(shows("dialog .problem", hostile));
  for (const char* place :
       {"#group-heading", ".group-name", ".why", ".by-hand", ".tiles", ".deploy-card", ".plot:not(.wide) .panel-name",
        ".numbers thead", ".stacked tbody", ".decisions .sentence", ".decisions .turn", "dialog h2"}) {
    EXPECT_THAT(text_of(place), HasSubstr(hostile)) << place;
  }
  EXPECT_EQ(number("document.querySelectorAll('img, #page script, dialog script, [onerror]').length"), 0);
  EXPECT_THAT(text("document.title"), Not(StartsWith("taken over")));
}

TEST_F(WebPageEdges, however_long_a_name_is_nothing_is_wider_than_the_window) {
  const std::string name(180, 'x');
  const std::string version = "sha256-" + std::string(100, 'f');
  const json large = group(
      name, {{"provider", name},
             {"version", version},
             {"why", name},
             {"hold", {{"servers", 3}, {"by", name}}},
             {"servers",
              {server(1, {{"id", name}, {"version", version}}),
               server(2, {{"version", version + "0"}, {"phase", "warming"}, {"health", "unhealthy"}, {"health_detail", name}})}},
             {"deploy",
              {{"version", version},
               {"from", version + "0"},
               {"strategy", "canary"},
               {"by", name},
               {"started_at", kLastTurn},
               {"direction", "forward"},
               {"step", 1},
               {"failures", 1},
               {"last_failure", name},
               {"end", "none"},
               {"waits", name},
               {"at_checkpoint", true}}}});
  say({large, group(name + "0", {{"version", version}})}, [name](const Request& request) -> std::optional<Answer> {
    if (request.target.contains("/series")) return as_json(series(name));
    return std::nullopt;
  });
  for (const int width : {1360, 700, 360}) {
    browser_->show(width, 900);
    open_live();
    ASSERT_TRUE(browser_->comes_true(kDrawn));
    click(".decisions summary");
    click("[data-open=table] summary");
    ASSERT_TRUE(browser_->comes_true("document.querySelector('.decisions .turn') && document.querySelector('.numbers')"));
    EXPECT_THAT(number("document.documentElement.scrollWidth"), Le(width));
    // What scrolls by itself may be wider inside.
    EXPECT_EQ(evaluate(fmt::format(
                  "[...document.querySelectorAll('#page *')].filter(each => !each.closest('.scroll, .cards, svg, .hidden, .skip, "
                  ".stacked thead') && each.getBoundingClientRect().right > {}).map(each => each.outerHTML)",
                  width)),
              json::array())
        << width;
    click("[data-action=promote]");
    EXPECT_THAT(number("document.querySelector('dialog').getBoundingClientRect().right"), Le(width));
    EXPECT_THAT(number("document.querySelector('dialog').scrollWidth"), Le(width));
    browser_->key("Escape");
  }
}

TEST_F(WebPageEdges, of_very_many_groups_and_servers_some_are_shown_and_all_if_asked_for) {
  std::vector<json> groups;
  for (int number = 0; number < 200; ++number) groups.push_back(group(fmt::format("group-{}", number)));
  json& servers = groups[0]["servers"];
  servers.clear();
  for (int number = 0; number < 500; ++number) servers.push_back(server(number));
  servers[499].update({{"health", "unhealthy"}, {"health_detail", "503 Service Unavailable"}});
  say(groups);
  open_live();
  const std::string cards = "document.querySelectorAll('.group').length";
  const std::string rows = "document.querySelectorAll('.stacked tbody tr').length";
  EXPECT_EQ(number(cards), 60);
  (void)evaluate(element(".filter") + ".focus()");
  browser_->type("group-19");
  EXPECT_TRUE(browser_->comes_true(cards + " === 11")) << "19 and 190 to 199, also those that are not shown at first";
  (void)evaluate(element(".filter") + ".select()");
  browser_->type("nobody");
  EXPECT_TRUE(shows(".groups", "No group's name has this in it."));
  (void)evaluate(element(".filter") + ".select()");
  browser_->type("g");
  click("[data-action=all][data-value=groups]");
  EXPECT_TRUE(browser_->comes_true(cards + " === 200"));

  EXPECT_EQ(number(rows), 100);
  EXPECT_THAT(text_of(".stacked tbody tr"), AllOf(HasSubstr("s499"), HasSubstr("503 Service Unavailable")))
      << "what needs a look is not among those left out";
  EXPECT_TRUE(shows("[data-key=servers]", "100 of 500, first those with a remark."));
  picture("many");
  click("[data-action=all][data-value=servers]");
  EXPECT_TRUE(browser_->comes_true(rows + " === 500"));
  EXPECT_FALSE(evaluate("!!document.querySelector('[data-action=all]')").get<bool>());
}

TEST_F(WebPageEdges, says_that_there_are_no_groups) {
  say({});
  open_live();
  EXPECT_TRUE(shows(".groups", "weir has no groups"));
  EXPECT_THAT(number("document.querySelector('.groups').getBoundingClientRect().width"), Gt(100)) << "to be seen";
}

TEST_F(WebPageEdges, the_only_group_is_offered_to_those_who_ask_for_another) {
  say({group("app")});
  open_live();
  EXPECT_EQ(number("document.querySelector('.groups').getBoundingClientRect().width"), 0) << "nothing to choose from";
  (void)evaluate("(location.hash = '#/gone')");
  EXPECT_TRUE(shows(".detail", "There is no group gone any more."));
  click(".group");
  EXPECT_TRUE(shows("#group-heading", "app"));
  (void)evaluate("(location.hash = '#/gone')");
  EXPECT_TRUE(shows(".detail", "There is no group gone any more."));
  (void)evaluate("(location.hash = '')");
  EXPECT_TRUE(shows("#group-heading", "app"));
}

TEST_F(WebPageEdges, a_token_that_is_good_no_longer_is_forgotten_and_not_shown_again) {
  say({group("app")}, [](const Request& request) -> std::optional<Answer> {
    const auto header = request.headers.find("authorization");
    if (header != request.headers.end() && header->second == "Bearer new") return std::nullopt;
    return refusal(401, "Unauthorized", "reading needs a token");
  });
  expected_ = "401";
  open();
  EXPECT_TRUE(shows("[role=alert]", "weir shows this only with a token."));
  click("[role=alert] [data-action=token]");
  fill("token", "old");
  click("dialog .strong");
  EXPECT_TRUE(shows("[role=alert]", "The token was not accepted and is forgotten. weir shows this only with a token."));
  EXPECT_TRUE(evaluate("sessionStorage.getItem('weir.token')").is_null());
  EXPECT_THAT(text_of("header [data-action=token]"), HasSubstr("Read only"));
  const std::size_t before = weir_.requests().size();
  EXPECT_TRUE(wait_until(20s, [&] { return weir_.requests().size() >= before + 2; })) << "it goes on asking";
  EXPECT_EQ(shown("old"), 1) << "each time counts as another attempt to guess it";
  click("[role=alert] [data-action=token]");
  fill("token", "new");
  click("dialog .strong");
  EXPECT_TRUE(browser_->comes_true(kLive));
  EXPECT_TRUE(shows("header [data-action=token]", "With a token"));
}

TEST_F(WebPageEdges, a_token_that_may_only_read_can_be_replaced_where_it_is_refused) {
  say({group("app")}, [](const Request& request) -> std::optional<Answer> {
    if (request.method != "POST" || request.headers.at("authorization") == "Bearer operator") return std::nullopt;
    return refusal(403, "Forbidden", "token dashboard has the role read");
  });
  expected_ = "403";
  open_live();
  give_token("reader");
  click("[data-action=pause]");
  click("dialog .strong");
  EXPECT_TRUE(shows("dialog .problem", "403 Forbidden: token dashboard has the role read"));
  fill("token", "operator");
  click("dialog .strong");
  EXPECT_TRUE(shows("[role=status]", "app is to be paused."));
}

TEST_F(WebPageEdges, a_refused_order_leaves_the_focus_where_it_was) {
  say({group("app")}, [](const Request& request) -> std::optional<Answer> {
    if (request.method == "POST") return refusal(409, "Conflict", "it cannot be");
    return std::nullopt;
  });
  expected_ = "409";
  open_live();
  give_token("secret");
  click("[data-action=pause]");
  (void)evaluate(element("dialog .strong") + ".focus()");
  browser_->key("Enter");
  EXPECT_TRUE(shows("dialog .problem", "it cannot be"));
  (void)evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))");
  EXPECT_TRUE(focused("dialog .strong")) << text("document.activeElement.outerHTML");
}

TEST_F(WebPageEdges, when_its_button_goes_the_focus_goes_to_the_group) {
  const auto is_paused = std::make_shared<std::atomic<bool>>(true);
  const json paused = group("app", {{"paused", true}, {"pause", {{"out", true}, {"in", true}, {"by", "ops"}}}});
  say({}, [=](const Request& request) -> std::optional<Answer> {
    if (request.method == "POST") *is_paused = false;
    if (request.target == "/v1/groups") return as_json({{"groups", {*is_paused ? paused : group("app")}}});
    return std::nullopt;
  });
  open_live();
  give_token("secret");
  (void)evaluate(element("[data-action=resume]") + ".focus()");
  browser_->key("Enter");
  ASSERT_TRUE(browser_->comes_true("document.querySelector('dialog[open]')"));
  (void)evaluate(element("dialog .strong") + ".focus()");
  browser_->key("Enter");
  ASSERT_TRUE(browser_->comes_true("!document.querySelector('[data-action=resume], dialog')"));
  EXPECT_TRUE(focused("#group-heading")) << text("document.activeElement.outerHTML");
}

TEST_F(WebPageEdges, what_became_of_an_order_is_said_also_when_its_dialog_is_closed) {
  const auto lets_go = std::make_shared<std::promise<void>>();
  say({group("app")}, [go = lets_go->get_future().share()](const Request& request) -> std::optional<Answer> {
    if (request.method != "POST") return std::nullopt;
    (void)go.wait_for(20s);
    return Answer{.ending = HttpStub::Ending::no_answer};
  });
  expected_ = "net::ERR_EMPTY_RESPONSE";
  open_live();
  give_token("secret");
  click("[data-action=pause]");
  click("dialog .strong");
  EXPECT_TRUE(shows("dialog [role=status]", "Sending"));
  browser_->key("Escape");
  ASSERT_TRUE(browser_->comes_true("!document.querySelector('dialog')"));
  lets_go->set_value();
  EXPECT_TRUE(shows(".said.warn", "Pause scaling of app: There is no answer. It is not known whether weir got this"));
}

TEST_F(WebPageEdges, tells_the_time_of_the_clocks_also_before_they_were_changed) {
  say({group("app")});
  browser_->live_in("Europe/Berlin");
  open_live();
  ASSERT_TRUE(browser_->comes_true(kDrawn));
  // Every label against what the browser's own calendar says of its place: six hours between the margins of the picture.
  const json labels = evaluate(
      "[...document.querySelectorAll('.plot.wide text[text-anchor=middle]')].map(each => { "
      "const box = each.ownerSVGElement.viewBox.baseVal; "
      "const time = Date.parse('2026-10-24T23:00:00Z') + (each.getAttribute('x') - 44) / (box.width - 52) * 6 * 3600e3; "
      "return [each.textContent, new Intl.DateTimeFormat('en', {hourCycle: 'h23', hour: '2-digit', minute: '2-digit'})"
      ".format(Math.round(time / 60e3) * 60e3)]; })");
  ASSERT_GE(labels.size(), 6U) << labels;
  for (const json& label : labels) EXPECT_EQ(label[0], label[1]);
  EXPECT_THAT(labels.dump(), AllOf(HasSubstr("01:30"), HasSubstr("03:30"))) << "before and after";
  EXPECT_THAT(text_of("[data-key=charts]"), HasSubstr("Times are those of Europe/Berlin."));
}

TEST_F(WebPageEdges, works_where_the_browser_keeps_nothing) {
  say({group("app")});
  browser_->run_first(
      "for (const name of ['localStorage', 'sessionStorage']) "
      "Object.defineProperty(window, name, {get() { throw new DOMException('blocked', 'SecurityError'); }});");
  browser_->open_url(place());
  ASSERT_TRUE(browser_->comes_true(kLive)) << text("document.body.innerText");
  click("[data-action=language][data-value=ko]");
  EXPECT_TRUE(shows(".contact", "실시간"));
  click("[data-action=language][data-value=en]");
  give_token("secret");
  click("[data-action=pause]");
  click("dialog .strong");
  EXPECT_TRUE(shows("[role=status]", "app is to be paused."));
  EXPECT_GE(shown("secret"), 1);
}

TEST_F(WebPageEdges, says_in_their_place_what_could_not_be_loaded) {
  say({group("app")}, [](const Request& request) -> std::optional<Answer> {
    if (request.target.contains("/series") || request.target.contains("/decisions"))
      return refusal(503, "Service Unavailable", "disk I/O error");
    return std::nullopt;
  });
  expected_ = "503";
  open_live();
  for (const char* card : {"[data-key=charts]", "[data-key=decisions]"}) {
    EXPECT_TRUE(shows(card, "This could not be loaded: disk I/O error"));
    EXPECT_THAT(text_of(card), Not(HasSubstr("Loading")));
  }
  EXPECT_EQ(text_of(".tiles [data-key=in_service] .value"), "2") << "the rest is there";
  say({group("app")});
  EXPECT_TRUE(browser_->comes_true(kDrawn));
  EXPECT_TRUE(browser_->comes_true("!document.querySelector('.problem')"));
}

TEST_F(WebPageEdges, takes_no_other_program_for_weir) {
  say({}, [](const Request& request) -> std::optional<Answer> {
    if (request.target == "/v1/groups") return as_json({{"status", "ok"}});
    return std::nullopt;
  });
  open();
  EXPECT_TRUE(shows(".contact.lost", "No contact with weir"));
  say({}, [](const Request& request) -> std::optional<Answer> {
    if (request.target == "/v1/groups") return Answer{.body = "<h1>Sign in</h1>", .content_type = "text/html"};
    return std::nullopt;
  });
  click("[data-action=retry]");
  EXPECT_TRUE(shows(".contact.lost", "No contact with weir"));
  say({group("app")});
  click("[data-action=retry]");
  EXPECT_TRUE(browser_->comes_true(kLive));
}

}  // namespace
}  // namespace weir
