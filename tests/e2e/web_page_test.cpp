// weir's web page in a real browser, over a site with a real weir. Pictures of it stay where pictures_folder() says.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "controller/state/sqlite_store.h"
#include "platform/file.h"
#include "tests/docs/documents.h"
#include "tests/e2e/site.h"
#include "tests/support/browser_test.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::AllOf;
using testing::Each;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::Not;
using testing::StartsWith;

constexpr const char* kToken = "token-of-the-stand";
/// A load that rises and falls by itself, and what a policy is asked to expect of it.
constexpr const char* kForecastQuery = "6 + 2 * sin(vector(time() / 10))";
constexpr const char* kHostileName = "<img src=x onerror=alert(1)>";
const std::filesystem::path kAxe = std::filesystem::path(WEIR_SOURCE_DIR) / "build/axe/node_modules/axe-core/axe.min.js";

const std::string kLive = "document.querySelector('.contact.live')";
const std::string kDrawn = kLive + " && document.querySelector('.plot > svg path.in_service')?.getBBox().width > 20";

/// A forecast is believed after half a day of keeping score. Here weir finds that it has done so: the load came about twice as high
/// as it was, each time.
Result<void> leave_a_score(const std::filesystem::path& state) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::open({.path = state});
  if (!store) return std::unexpected(store.error());
  Result<Memory> memory = (*store)->load("batch");
  if (!memory) return std::unexpected(memory.error());
  PolicyMemory policy{.policy = "tomorrow"};
  std::vector<double> errors(48);
  errors.back() = 1000;
  policy.forecast = {.load = kForecastQuery, .errors = {errors}};
  memory->policies = {policy};
  Record record{.group = "batch", .at = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now())};
  record.plan.decision = {.previous = 3, .desired = 3, .min = 3, .max = 9, .steps = {{"votes", 3, 3, "all content"}}};
  return (*store)->save("batch", *memory, record, Store::Durability::durable);
}

class WebPage : public BrowserTest {
 protected:
  static void SetUpTestSuite() {
    if (!Browser::is_installed()) return;
    site_ = Site::create({.min = 2, .max = 6, .deploy = "{strategy: rolling, max_surge: 1, soak: 0s, pause_at: [\"50%\"]}"});
    ASSERT_TRUE(site_);
    site_->rewrite_config("    min: 2", "    cost: {per_hour: 0.036, currency: USD}\n    min: 2");
    // A second group, of servers that do not exist: their health checks fail.
    site_->rewrite_config("  local: {type: process}", "  local: {type: process}\n  dream: {type: memory}");
    site_->rewrite_config("groups:\n",
                          fmt::format("groups:\n  - {{name: batch, provider: dream, version: v7, server: {{}}, min: 3, max: 9,\n"
                                      "     policies: [{{name: size, type: fixed, servers: 3}},\n"
                                      "                {{name: tomorrow, type: predictive, query: \"{}\", target: 10}}]}}\n",
                                      kForecastQuery));
    const Result<void> left = leave_a_score(site_->stand().state_directory() / "state.db");
    ASSERT_TRUE(left) << left.error().message;
    ASSERT_TRUE(site_->begin());
    start_browser();
  }
  static void TearDownTestSuite() {
    BrowserTest::TearDownTestSuite();
    site_.reset();
  }
  void SetUp() override {
    BrowserTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_TRUE(site_);
    open();
    (void)evaluate("(sessionStorage.clear(), localStorage.clear())");
    open();
  }
  [[nodiscard]] std::string place() const override { return place_.empty() ? site_->stand().weir_url() + "/" : place_; }

  void open(const std::string& group = "app") {
    browser_->open_url(place() + "#/" + group);
    ASSERT_TRUE(browser_->comes_true(kLive)) << text("document.body.innerText");
  }
  void give_token() {
    click("[data-action=token]");
    fill("token", kToken);
    click("dialog .strong");
    ASSERT_TRUE(browser_->comes_true("!document.querySelector('dialog')"));
  }
  [[nodiscard]] json group() { return json::parse(site_->stand().weir_get("/v1/groups/app").value_or("{}"), nullptr, false); }
  [[nodiscard]] static bool runs_only(const std::string& version) {
    return Stand::eventually([&] { return site_->versions() == std::set<std::string>{version}; }, 20s);
  }
  [[nodiscard]] json audit() {
    (void)evaluate(read_file(kAxe).value_or(""));
    return evaluate(
        "axe.run(document).then(found => found.violations.filter(each => ['serious', 'critical'].includes(each.impact))"
        ".map(each => each.id + ': ' + each.nodes.map(node => node.html).join(' ')))");
  }

  static std::unique_ptr<Site> site_;
  std::string place_;  ///< where the page is, if not where weir listens
};
std::unique_ptr<Site> WebPage::site_;

TEST_F(WebPage, shows_groups_servers_charts_costs_and_decisions) {
  ASSERT_TRUE(browser_->comes_true(kDrawn));
  EXPECT_EQ(evaluate("[...document.querySelectorAll('.group-name')].map(each => each.textContent)"), json({"app", "batch"}));
  EXPECT_EQ(text_of(".tiles [data-key=in_service] .value"), "2");
  EXPECT_EQ(text_of(".tiles [data-key=bounds] .value"), "2 – 6");
  EXPECT_EQ(text_of(".tiles [data-key=per_hour] .value"), "$0.072");
  EXPECT_THAT(text_of(".tiles [data-key=month]"), HasSubstr("at month's end"));
  // What the policy looks at is drawn once Prometheus has it.
  const std::string panels = "[...document.querySelectorAll('.plot .panel-name')].map(each => each.textContent).join()";
  EXPECT_TRUE(browser_->comes_true(panels + " === 'Servers,wanted,Cost per hour (USD)'")) << text(panels);
  EXPECT_THAT(text("document.querySelector('.plot svg[role=img]').getAttribute('aria-label')"),
              AllOf(StartsWith("Servers, in service: now "), HasSubstr("highest 2")));
  EXPECT_EQ(
      evaluate("[...document.querySelectorAll('.plot path')].some(each => /NaN|undefined|Infinity/.test(each.getAttribute('d')))"),
      false);
  EXPECT_EQ(number("document.querySelectorAll('.stacked tbody tr').length"), 2);
  EXPECT_THAT(text_of(".stacked tbody tr"), AllOf(HasSubstr("in service"), HasSubstr("v1"), HasSubstr("healthy")));
  click(".decisions summary");
  ASSERT_TRUE(shows(".decisions .turn", "Votes of the policies"));
  EXPECT_THAT(text_of(".decisions .turn"),
              AllOf(HasSubstr("target_tracking"), HasSubstr("stabilization_window"), HasSubstr("min_max")));
  click("[data-open=table] summary");
  EXPECT_TRUE(shows(".numbers thead", "wanted, value"));
  EXPECT_THAT(number("document.querySelectorAll('.numbers tbody tr').length"), Ge(2));
  picture("desktop");
}

TEST_F(WebPage, says_why_a_server_is_not_in_service) {
  open("batch");
  EXPECT_TRUE(shows(".stacked tbody tr", "Gets no traffic before it has answered enough health checks in a row."));
  EXPECT_TRUE(shows(".stacked tbody tr", "Last failed check:"));
  EXPECT_EQ(text("document.querySelector('.group[aria-current] .group-name').textContent"), "batch");
}

TEST_F(WebPage, draws_what_a_policy_expects_and_tells_it_to_those_who_do_not_see_it) {
  const std::string plot =
      "[...document.querySelectorAll('.plot')].find(each => each.querySelector('.panel-name').textContent === 'tomorrow')";
  const std::string drawn = plot + "?.querySelector('svg[role=img] path.forecast')?.getBBox().width > 20";
  const std::string legend = "[..." + plot + ".querySelectorAll('.legend li span')].map(each => each.textContent)";
  const std::string said = plot + ".querySelector('svg[role=img]').getAttribute('aria-label')";
  browser_->move_to(0, 0);  // a legend tells the last turn, unless somebody points at another
  open("batch");
  ASSERT_TRUE(browser_->comes_true(drawn)) << text(plot + "?.outerHTML");
  // Twice the load is above it.
  EXPECT_LT(number(plot + ".querySelector('path.line.forecast').getBBox().y"),
            number(plot + ".querySelector('path.line.value').getBBox().y"));
  EXPECT_EQ(evaluate(legend), json({"value", "forecast"}));
  EXPECT_EQ(evaluate("[..." + plot + ".querySelectorAll('.legend svg line')].map(each => each.getAttribute('class'))"),
            json({"line value", "line forecast"}));
  EXPECT_THAT(
      number(plot + ".querySelectorAll('.legend b')[1].textContent - " + plot + ".querySelectorAll('.legend b')[0].textContent"),
      Ge(3));
  EXPECT_THAT(text(said), AllOf(StartsWith("tomorrow, value the policy saw (predictive): now "), HasSubstr("; forecast: now ")));
  EXPECT_THAT(text(said), Not(HasSubstr("forecast: now –")));
  click("[data-open=table] summary");
  EXPECT_TRUE(shows(".numbers thead", "tomorrow, forecast"));
  picture("forecast");
  browser_->speak("ko-KR");
  open("batch");
  ASSERT_TRUE(browser_->comes_true(drawn)) << text(plot + "?.outerHTML");
  EXPECT_EQ(evaluate(legend), json({"값", "예측"}));
  EXPECT_THAT(text(said), AllOf(StartsWith("tomorrow, 정책이 본 값(predictive): 현재 "), HasSubstr("; 예측: 현재 ")));
}

TEST_F(WebPage, follows_what_happens_and_leaves_open_what_is_open) {
  ASSERT_TRUE(browser_->comes_true("document.querySelectorAll('.decisions > li').length > 1"));
  click(".decisions > li:last-child summary");
  ASSERT_TRUE(browser_->comes_true("document.querySelector('.decisions > li:last-child .turn')"));
  (void)evaluate("document.querySelector('.decisions > li:last-child details').mark = 'the same'");
  site_->want(4);
  EXPECT_TRUE(shows(".tiles [data-key=in_service] .value", "4"));
  EXPECT_TRUE(shows(".decisions .badge.out", "2 → 4"));
  EXPECT_EQ(text("document.querySelector('.decisions > li:last-child details[open]')?.mark"), "the same");
  EXPECT_TRUE(browser_->comes_true("/highest 4/.test(document.querySelector('.plot svg[role=img]').getAttribute('aria-label'))"));
  site_->want(2);
  EXPECT_TRUE(shows(".tiles [data-key=in_service] .value", "2"));
}

TEST_F(WebPage, an_order_needs_the_token_which_stays_in_the_tab) {
  expected_ = "401";  // the browser tells of the answer that is provoked here
  click("[data-action=scale]");
  fill("servers", "3");
  fill("for", "10m");
  fill("token", "guessed");
  fill("who", kHostileName);
  click("dialog .strong");
  EXPECT_TRUE(shows("dialog .problem", "401 Unauthorized: the token is wrong"));
  EXPECT_FALSE(group().contains("hold"));
  picture("refused");
  fill("token", kToken);
  click("dialog .strong");
  EXPECT_TRUE(shows("[role=status]", "app is to be held at 3."));
  EXPECT_TRUE(shows(".by-hand", fmt::format("by {}", kHostileName)));
  EXPECT_EQ(group()["hold"]["servers"], 3);
  EXPECT_TRUE(shows(".tiles [data-key=in_service] .value", "3"));
  EXPECT_EQ(evaluate("document.querySelectorAll('img').length"), 0) << "text from outside stays text";
  EXPECT_EQ(text("sessionStorage.getItem('weir.token')"), kToken);
  EXPECT_EQ(
      evaluate("JSON.stringify(localStorage).includes('token-of') || document.cookie !== '' || location.href.includes('token')"),
      false);
  EXPECT_THAT(browser_->requests(), Each(Not(HasSubstr("token"))));
  click("[data-action=resume]");
  click("dialog .strong");
  EXPECT_TRUE(browser_->comes_true("!document.querySelector('.by-hand')"));
  EXPECT_TRUE(shows(".tiles [data-key=in_service] .value", "2"));
}

TEST_F(WebPage, an_order_that_cannot_be_is_answered_in_the_words_of_the_api) {
  expected_ = "409";
  give_token();
  click("[data-action=scale]");
  fill("servers", "99");
  click("dialog .strong");
  EXPECT_TRUE(shows("dialog .problem", "409 Conflict: group app has at least 2 and at most 6 servers"));
}

TEST_F(WebPage, pauses_and_resumes) {
  give_token();
  click("[data-action=pause]");
  (void)evaluate(element("#field-direction") + ".value = 'in'");
  click("dialog .strong");
  EXPECT_TRUE(shows(".by-hand", "scaling in paused"));
  EXPECT_EQ(group()["pause"]["in"], true);
  EXPECT_EQ(group()["pause"]["out"], false);
  click("[data-action=resume]");
  click("dialog .strong");
  EXPECT_TRUE(browser_->comes_true("!document.querySelector('.by-hand')"));
  EXPECT_EQ(group()["paused"], false);
}

TEST_F(WebPage, an_order_goes_to_the_group_that_its_dialog_was_opened_for) {
  give_token();
  click("[data-action=pause]");
  EXPECT_TRUE(shows("dialog", "app"));
  (void)evaluate("(location.hash = '#/batch')");
  EXPECT_TRUE(shows("#group-heading", "batch"));
  click("dialog .strong");
  ASSERT_TRUE(browser_->comes_true("!document.querySelector('dialog')"));
  EXPECT_EQ(group()["paused"], true);
  open();
  click("[data-action=resume]");
  click("dialog .strong");
  EXPECT_TRUE(browser_->comes_true("!document.querySelector('.by-hand')"));
}

TEST_F(WebPage, deploys_and_promotes) {
  give_token();
  click("[data-action=deploy]");
  fill("version", "v2");
  click("dialog .strong");
  EXPECT_TRUE(shows(".deploy-card.under-way", "v1 → v2, rolling"));
  EXPECT_TRUE(shows(".detail .chips", "waits for you"));
  EXPECT_TRUE(shows(".deploy-card .versions", "v2: 1 of 1 servers in service"));
  picture("deploy");
  click("[data-action=promote]");
  EXPECT_TRUE(shows("dialog", "Ends a wait for time, the judge, the gate or a person."));
  click("dialog .strong");
  EXPECT_TRUE(shows(".deploy-card", "v2 is on all servers since"));
  EXPECT_TRUE(shows(".tiles [data-key=version] .value", "v2"));
  EXPECT_TRUE(runs_only("v2"));
  EXPECT_TRUE(evaluate("document.querySelector('[data-action=promote]')").is_null());
}

TEST_F(WebPage, aborts_a_deploy) {
  const std::string before = group().value("version", "");
  give_token();
  click("[data-action=deploy]");
  fill("version", "v3");
  click("dialog .strong");
  EXPECT_TRUE(shows(".detail .chips", "waits for you"));
  click("[data-action=abort]");
  EXPECT_TRUE(shows("dialog", fmt::format("All servers run {} again.", before)));
  click("dialog .danger");
  EXPECT_TRUE(shows(".deploy-card", fmt::format("Went back from v3 to {}", before)));
  EXPECT_TRUE(runs_only(before));
}

TEST_F(WebPage, works_on_without_contact_and_says_so) {
  expected_ = "net::ERR_INTERNET_DISCONNECTED";
  ASSERT_TRUE(browser_->comes_true(kDrawn));
  browser_->cut_network(true);
  EXPECT_TRUE(shows(".contact.lost", "No contact since "));
  EXPECT_TRUE(shows("[role=alert]", "Below is what it said last"));
  EXPECT_EQ(text_of(".tiles [data-key=in_service] .value"), "2");
  click(".decisions summary");
  EXPECT_TRUE(shows(".decisions .turn", "Stages from the votes to the result"));
  click("[data-action=language][data-value=ko]");
  EXPECT_TRUE(shows(".contact.lost", "부터 응답 없음"));
  click("[data-action=language][data-value=en]");
  picture("no_contact");
  browser_->cut_network(false);
  click("[data-action=retry]");
  EXPECT_TRUE(browser_->comes_true(kLive));
  EXPECT_EQ(text_of("[role=alert]"), "");
}

TEST_F(WebPage, finds_weir_again_after_a_restart) {
  expected_ = "net::ERR_";
  ASSERT_TRUE(site_->stand().weir().stop());
  EXPECT_TRUE(shows(".contact.lost", "No contact since "));
  ASSERT_TRUE(site_->stand().weir().start());
  EXPECT_TRUE(browser_->comes_true(kLive)) << "by itself";
  EXPECT_TRUE(shows(".tiles [data-key=in_service] .value", "2"));
}

/// The configuration of nginx that the documentation shows.
std::string documented_location() {
  const std::string file = "docs/web-page.md";
  for (const docs::Block& block : docs::fenced_blocks(file, docs::read_text(std::filesystem::path(WEIR_SOURCE_DIR) / file))) {
    if (block.language == "nginx") return block.text;
  }
  return "";
}

TEST_F(WebPage, works_below_a_path_of_nginx_as_documented) {
  std::string location = documented_location();
  const std::string listen = "http://127.0.0.1:8600";
  ASSERT_NE(location.find(listen), std::string::npos);
  location.replace(location.find(listen), listen.size(), site_->stand().weir_url());
  const std::filesystem::path file = site_->stand().directory() / "nginx" / "nginx.conf";
  std::string config = read_file(file).value_or("");
  const std::size_t place = config.find("    location / {");
  ASSERT_NE(place, std::string::npos);
  ASSERT_TRUE(replace_file(file, config.insert(place, location)));
  ASSERT_TRUE(site_->stand().reload_nginx());
  place_ = site_->stand().url() + "weir/";
  open();
  ASSERT_TRUE(browser_->comes_true(kDrawn));
  give_token();
  click("[data-action=pause]");
  click("dialog .strong");
  EXPECT_TRUE(shows(".by-hand", "paused"));
  click("[data-action=resume]");
  click("dialog .strong");
  EXPECT_TRUE(browser_->comes_true("!document.querySelector('.by-hand')"));
}

TEST_F(WebPage, fits_a_phone) {
  for (const char* group : {"app", "batch"}) {
    browser_->show(360, 780);
    open(group);
    ASSERT_TRUE(browser_->comes_true(kDrawn));
    click(".decisions summary");
    click("[data-open=table] summary");
    ASSERT_TRUE(browser_->comes_true("document.querySelector('.decisions .turn') && document.querySelector('.numbers')"));
    EXPECT_THAT(number("document.documentElement.scrollWidth"), Le(360)) << group;
    EXPECT_THAT(
        number("Math.max(...[...document.querySelectorAll('.detail .card')].map(each => each.getBoundingClientRect().right))"),
        Le(360));
    EXPECT_THAT(number("Math.min(...[...document.querySelectorAll('button')].map(each => each.getBoundingClientRect().height))"),
                Ge(40))
        << "a finger has to hit it";
    picture(std::string("phone_") + group);
  }
  click("[data-action=scale]");
  EXPECT_THAT(number("document.querySelector('dialog').getBoundingClientRect().right"), Le(360));
  EXPECT_THAT(number("document.documentElement.scrollWidth"), Le(360));
  browser_->key("Escape");
}

TEST_F(WebPage, is_dark_for_those_who_like_it_dark) {
  const std::string brightness =
      "getComputedStyle({}).{}.match(/[0-9]+/g).slice(0, 3).reduce((sum, each) => sum + Number(each), 0) / 3";
  const std::string page = fmt::format(fmt::runtime(brightness), "document.body", "backgroundColor");
  const std::string words = fmt::format(fmt::runtime(brightness), "document.body", "color");
  EXPECT_THAT(number(page), Ge(230));
  EXPECT_THAT(number(words), Le(60));
  browser_->show(1360, 1000, Browser::Scheme::dark);
  open();
  ASSERT_TRUE(browser_->comes_true(kDrawn));
  EXPECT_THAT(number(page), Le(40));
  EXPECT_THAT(number(words), Ge(200));
  picture("dark");
}

TEST_F(WebPage, moves_nothing_for_those_who_want_it_calm) {
  const std::string moving =
      "[...document.querySelectorAll('*')].filter(each => getComputedStyle(each).transitionDuration !== '0s' || "
      "getComputedStyle(each).animationName !== 'none').length";
  EXPECT_THAT(number(moving), Ge(1));
  browser_->calm();
  EXPECT_EQ(number(moving), 0);
}

TEST_F(WebPage, is_led_by_the_keyboard_alone) {
  const auto tab_to = [&](const std::string& selector) {
    for (int stop = 0; stop < 40 && !focused(selector); ++stop) browser_->key("Tab");
    EXPECT_TRUE(focused(selector)) << selector << " is not reached; the focus is on " << text("document.activeElement.outerHTML");
  };
  ASSERT_TRUE(browser_->comes_true(kDrawn));
  browser_->key("Tab");
  ASSERT_TRUE(focused(".skip"));
  browser_->key("Enter");
  EXPECT_TRUE(focused("#group-heading"));
  tab_to("[data-action=scale]");
  EXPECT_EQ(text("getComputedStyle(document.activeElement).outlineStyle"), "solid") << "where the focus is can be seen";
  browser_->key("Enter");
  ASSERT_TRUE(browser_->comes_true("document.querySelector('dialog[open]')"));
  EXPECT_TRUE(focused("#field-servers"));
  for (int stop = 0; stop < 12; ++stop) {
    browser_->key("Tab");
    EXPECT_EQ(evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')"), true);
  }
  browser_->key("Escape");
  ASSERT_TRUE(browser_->comes_true("!document.querySelector('dialog')"));
  EXPECT_TRUE(focused("[data-action=scale]")) << "it has the focus again";
  tab_to("[data-action=range]");
  tab_to("[data-open=table] summary");
  browser_->key("Enter");
  EXPECT_TRUE(browser_->comes_true("document.querySelector('.numbers')"));
  EXPECT_TRUE(focused("[data-open=table] summary")) << "drawing anew takes no focus away";
  tab_to(".decisions summary");
  browser_->key("Enter");
  EXPECT_TRUE(browser_->comes_true("document.querySelector('.decisions .turn')"));
}

TEST_F(WebPage, speaks_korean_to_those_who_read_it_and_as_they_choose) {
  browser_->speak("ko-KR");
  open();
  ASSERT_TRUE(browser_->comes_true(kDrawn));
  EXPECT_EQ(text("document.documentElement.lang"), "ko");
  EXPECT_TRUE(shows(".contact", "실시간"));
  EXPECT_THAT(text_of(".tiles"), AllOf(HasSubstr("서비스 중"), HasSubstr("목표 대수"), HasSubstr("최소 – 최대")));
  EXPECT_THAT(text_of(".stacked tbody tr"), HasSubstr("정상"));
  EXPECT_THAT(text("document.body.innerText"), Not(HasSubstr("In service")));
  picture("korean");
  click("[data-action=language][data-value=en]");
  EXPECT_TRUE(shows(".tiles", "In service"));
  open();
  EXPECT_EQ(text("document.documentElement.lang"), "en") << "the choice is remembered";
}

TEST_F(WebPage, a_checker_of_accessibility_finds_nothing_serious) {
  if (!std::filesystem::exists(kAxe))
    GTEST_SKIP() << "there is no axe-core here (./dev test e2e has npm bring it): it is not asked";
  ASSERT_TRUE(browser_->comes_true(kDrawn));
  EXPECT_EQ(audit(), json::array()) << "the page";
  click(".decisions summary");
  click("[data-open=table] summary");
  ASSERT_TRUE(browser_->comes_true("document.querySelector('.decisions .turn') && document.querySelector('.numbers')"));
  EXPECT_EQ(audit(), json::array()) << "with what can be opened";
  click("[data-action=scale]");
  ASSERT_TRUE(browser_->comes_true("document.querySelector('dialog[open]')"));
  EXPECT_EQ(audit(), json::array()) << "a question";
  browser_->show(1360, 1000, Browser::Scheme::dark);
  open("batch");
  ASSERT_TRUE(shows(".stacked tbody tr", "Last failed check:"));
  EXPECT_EQ(audit(), json::array()) << "in the dark, with servers that are ill";
  browser_->show(360, 780);
  browser_->speak("ko-KR");
  open();
  ASSERT_TRUE(browser_->comes_true(kDrawn));
  EXPECT_EQ(audit(), json::array()) << "on a phone, in Korean";
  (void)evaluate("document.body.append(Object.assign(new Image(), {src: 'web/icon.svg'}))");
  EXPECT_THAT(audit().dump(), HasSubstr("image-alt")) << "it does look";
}

TEST_F(WebPage, runs_nothing_that_does_not_come_from_weir) {
  const json inserted = evaluate(
      "(() => { const script = document.createElement('script'); script.textContent = \"document.title = 'taken over'\"; "
      "document.body.append(script); })()");
  EXPECT_TRUE(inserted.is_null() || inserted.contains("exception"));
  (void)evaluate("document.body.insertAdjacentElement('beforeend', Object.assign(document.createElement('p'), {className: 'x'}))");
  (void)evaluate("document.querySelector('.x').setAttribute('onclick', \"document.title = 'taken over'\")");
  (void)evaluate("document.querySelector('.x')?.click()");
  EXPECT_THAT(text("document.title"), Not(HasSubstr("taken over")));
  EXPECT_EQ(evaluate("fetch('http://127.0.0.1:1/').then(() => 'sent', () => 'kept')"), "kept");
  EXPECT_THAT(browser_->complaints(), Not(IsEmpty()));
  open();  // all that is forgotten
}

}  // namespace
}  // namespace weir
