// The page of `weir simulate --html` in a real browser.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "controller/simulate/report.h"
#include "tests/simulate/examples.h"
#include "tests/support/browser.h"

namespace weir {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::StartsWith;

constexpr const char* kHostile = "</script><img src=x onerror=\"document.title='taken over'\">'\"&<b>bold</b>";

class SimulationPage : public testing::Test {
 protected:
  void SetUp() override {
    if (!Browser::is_installed())
      GTEST_SKIP() << "there is no chromium on PATH; ./dev test e2e installs it where the system has it";
    auto started = Browser::start();
    ASSERT_TRUE(started) << started.error().message;
    browser_ = *std::move(started);
  }
  /// Whatever a test did, the page had nothing to complain of and asked nobody for anything.
  void TearDown() override {
    if (!browser_) return;
    EXPECT_THAT(browser_->complaints(), IsEmpty());
    EXPECT_THAT(browser_->requests(), ElementsAre(StartsWith("file://")));
    EXPECT_EQ(browser_->trouble(), "");
  }

  void open(std::vector<Simulation> simulations, int width = 1200, Browser::Scheme scheme = Browser::Scheme::light) {
    const std::filesystem::path page = directory_.path() / "page.html";
    std::ofstream(page, std::ios::binary) << simulation_html(simulations);
    browser_->show(width, 900, scheme);
    browser_->open(page);
  }
  [[nodiscard]] json evaluate(const std::string& expression) { return browser_->evaluate(expression); }
  [[nodiscard]] std::string text(const std::string& expression) {
    const json value = evaluate(expression);
    return value.is_string() ? value.get<std::string>() : value.dump();
  }
  [[nodiscard]] double number(const std::string& expression) {
    const json value = evaluate(expression);
    return value.is_number() ? value.get<double>() : -1e9;
  }
  using Place = Browser::Place;
  Place place_of(const std::string& element) {
    const Place place = browser_->place_of(element);
    EXPECT_GT(place.width, 0) << element;
    return place;
  }
  void click(const std::string& element) { browser_->click(element); }
  [[nodiscard]] bool comes_true(const std::string& expression) { return browser_->comes_true(expression); }

  std::unique_ptr<Browser> browser_;

 private:
  TempDirectory directory_;
};

const std::string kTooltip = "document.querySelector('.tooltip:not([hidden])')?.innerText ?? 'none'";
const std::string kView = "document.querySelector('.view').textContent";
const std::string kMarkers = "document.querySelectorAll('.plot .marker').length";

Simulation nasa() { return recorded_simulation("nasa_http_1995-07-13.csv", "weir.yaml", 0.8, 4); }
Simulation mongo(const std::string& name, int behind) {
  return recorded_simulation("ms_mongo01_2018-04-26.csv", name, 900, behind);
}

TEST_F(SimulationPage, draws_load_capacity_servers_violations_faults_and_gaps) {
  open({nasa()});
  for (const char* line :
       {"load-line", "load-area", "capacity-line", "service-line", "service-area", "desired-line", "launched-line"}) {
    EXPECT_GT(number(fmt::format("document.querySelector('.plot path.{}').getAttribute('d').length", line)), 200) << line;
    EXPECT_GT(number(fmt::format("document.querySelector('.plot path.{}').getBBox().width", line)), 1000) << line;
    EXPECT_EQ(
        evaluate(fmt::format("/NaN|Infinity|undefined/.test(document.querySelector('.plot path.{}').getAttribute('d'))", line)),
        false);
  }
  EXPECT_GT(number("document.querySelectorAll('.plot .violation.band').length"), 3);
  EXPECT_EQ(number("document.querySelectorAll('.plot .gap').length"), 2) << "one in each panel";
  EXPECT_EQ(evaluate("[...document.querySelectorAll('.fault-name')].map(e => e.textContent)"),
            json({"provider sold out", "Prometheus silent"}));
  EXPECT_THAT(text("document.querySelector('.plot svg').textContent"), AllOf(HasSubstr("08:00"), HasSubstr("Jul 14")))
      << "in UTC, though the browser is in Seoul";
  EXPECT_EQ(text("document.querySelector('h1').textContent"), "app over nasa_http_1995-07-13");
}

TEST_F(SimulationPage, load_runs_from_sample_to_sample_and_servers_go_in_steps) {
  open({small_simulation()});
  const auto is_drawn = [this](const std::string& line, const std::string& pattern) {
    return evaluate(fmt::format("/{}/.test(document.querySelector('.plot .{}').getAttribute('d'))", pattern, line)) == true;
  };
  EXPECT_TRUE(is_drawn("load-line", "^M[0-9. ]+(L[0-9. ]+){4}H[0-9.]+$"));
  EXPECT_TRUE(is_drawn("capacity-line", "^M[0-9. ]+(H[0-9.]+V[0-9.]+){4}H[0-9.]+$"));
  EXPECT_TRUE(is_drawn("desired-line", "^M[0-9. ]+(H[0-9.]+V[0-9.]+){4}H[0-9.]+$"));
  const std::string in_panel = "document.querySelector('.plot .{}').getBBox().{}";
  const double bottom = number("document.querySelector('.axis').getBBox().y");                         // of the upper panel: load 0
  const double height = number("document.querySelector('.plot .gap').getBBox().height") / 1.06 / 400;  // of one unit
  EXPECT_NEAR(bottom - number(fmt::format(fmt::runtime(in_panel), "load-line", "y")), 300 * height, 0.2)
      << "the highest load is 300";
  EXPECT_NEAR(bottom - number(fmt::format(fmt::runtime(in_panel), "capacity-line", "y")), 400 * height, 0.2);
  EXPECT_EQ(number("document.querySelectorAll('.plot .violation.band').length"), 2);
}

TEST_F(SimulationPage, tells_the_reason_of_a_decision_to_the_pointer) {
  open({small_simulation()});
  EXPECT_EQ(text(kTooltip), "none");
  const Place marker = place_of("document.querySelector('.plot .marker.out')");
  browser_->move_to(marker.x, marker.y);
  EXPECT_THAT(text(kTooltip),
              AllOf(HasSubstr("2026-03-01 09:31:00 UTC"), HasSubstr("2 → 4"), HasSubstr("cpu 81 is above 70 for 5m: +2")));
  browser_->move_to(marker.x, marker.y - 100);
  EXPECT_TRUE(comes_true("document.querySelector('.tooltip').hidden"));
  EXPECT_THAT(text("document.querySelector('.readout').textContent"),
              AllOf(HasSubstr("09:31:00 UTC"), HasSubstr("capacity 200"), HasSubstr("desired 4"), HasSubstr("in service 2")));
}

TEST_F(SimulationPage, tells_the_reason_of_a_decision_to_the_keyboard) {
  open({mongo("weir.yaml", 3)});
  for (int stop = 0; stop < 30 && evaluate("document.activeElement.classList.contains('marker')") != true; ++stop)
    browser_->key("Tab");
  EXPECT_THAT(text(kTooltip), HasSubstr("2018-04-26 00:00:00 UTC 2 → 10")) << "the first marker";
  browser_->key("ArrowRight");
  const std::string second = text(kTooltip);
  EXPECT_THAT(second, HasSubstr("rps wants"));
  EXPECT_THAT(second, testing::Not(HasSubstr("00:00:00")));
  EXPECT_EQ(text("document.getElementById(document.activeElement.getAttribute('aria-describedby')).innerText"), second);
  browser_->key("Escape");
  EXPECT_EQ(text(kTooltip), "none");
  browser_->key("End");
  EXPECT_THAT(text(kTooltip), HasSubstr("decisions: "));
  const std::string before = text(kView);
  browser_->key("Enter");
  EXPECT_NE(text(kView), before) << "a marker of several decisions opens";
  EXPECT_THAT(text(kTooltip), HasSubstr("rps wants")) << "and the focus is on what came out of it";
}

TEST_F(SimulationPage, is_zoomed_by_dragging_and_by_its_buttons) {
  open({mongo("weir.yaml", 3), mongo("brave.yaml", 8)});
  EXPECT_EQ(text(kView), "2018-04-26 00:00 to 2018-04-27 00:00 UTC");
  EXPECT_EQ(evaluate("document.querySelector('[title=\"Show everything\"]').disabled"), true);
  const Place plot = place_of("document.querySelector('.plot .hit')");
  browser_->move_to(plot.x, plot.y - 60);
  browser_->press(plot.x, plot.y - 60);
  browser_->drag_to(plot.x + plot.width / 4, plot.y - 60);
  EXPECT_EQ(text("document.querySelector('.selection').getAttribute('visibility')"), "visible");
  browser_->release(plot.x + plot.width / 4, plot.y - 60);
  EXPECT_THAT(text(kView), AllOf(HasSubstr("2018-04-26 12:"), HasSubstr("to 2018-04-26 1"))) << "the third quarter of the day";
  EXPECT_EQ(evaluate("[...document.querySelectorAll('.view')].map(e => e.textContent)")[1], evaluate(kView))
      << "both are looked at together";
  click("document.querySelector('[title=\"Zoom in\"]')");
  EXPECT_THAT(text(kView), AllOf(HasSubstr("2018-04-26 13:"), HasSubstr("to 2018-04-26 16:"))) << "the middle of it";
  click("document.querySelector('[title=\"Show everything\"]')");
  EXPECT_EQ(text(kView), "2018-04-26 00:00 to 2018-04-27 00:00 UTC");
}

TEST_F(SimulationPage, a_table_holds_every_decision_and_finds_them) {
  open({nasa()});
  const auto count = static_cast<int>(nasa().decisions.size());
  const std::string rows = "document.querySelectorAll('.table tbody tr').length";
  EXPECT_EQ(number(rows), 20);
  EXPECT_EQ(text("document.querySelector('[role=status]').textContent"), fmt::format("Showing 20 of {} decisions", count));
  click("[...document.querySelectorAll('button')].find(e => /^Show .* more$/.test(e.textContent))");
  EXPECT_EQ(number(rows), count);
  click("document.querySelector('input[type=search]')");
  browser_->type("1995-07-13 12:");
  EXPECT_GT(number(rows), 1);
  EXPECT_EQ(evaluate("[...document.querySelectorAll('.table tbody tr')].every(e => e.textContent.startsWith('1995-07-13 12:'))"),
            true);
  click("document.querySelector('.table tbody button')");
  EXPECT_THAT(text(kTooltip), HasSubstr("1995-07-13 12:")) << "its time leads to its place in the chart";
}

TEST_F(SimulationPage, fits_a_narrow_screen) {
  Simulation wide = mongo("a-name-of-a-configuration-file-that-does-not-fit-into-a-line-of-a-phone.yaml", 3);
  wide.decisions.front().why = std::string(300, 'x');
  wide.notes = {std::string(300, 'y')};
  for (const auto& simulations : {std::vector{wide}, std::vector{wide, mongo("brave.yaml", 8), mongo("third.yaml", 1)}}) {
    for (const int width : {360, 768}) {
      open(simulations, width);
      (void)evaluate("document.querySelectorAll('details').forEach(e => e.open = true)");
      (void)evaluate("document.querySelector('.plot .marker').focus()");
      EXPECT_THAT(number("document.documentElement.scrollWidth"), Le(width));
      EXPECT_THAT(number("Math.max(...[...document.querySelectorAll('.card')].map(e => e.getBoundingClientRect().right))"),
                  Le(width));
      EXPECT_GT(number("document.querySelector('.plot .load-line').getBBox().width"), width * 0.7);
    }
  }
}

TEST_F(SimulationPage, is_dark_for_those_who_like_it_dark) {
  const std::string brightness =
      "getComputedStyle({}).{}.match(/[0-9]+/g).slice(0, 3).reduce((sum, each) => sum + Number(each), 0) / 3";
  const std::string page = fmt::format(fmt::runtime(brightness), "document.body", "backgroundColor");
  const std::string words = fmt::format(fmt::runtime(brightness), "document.querySelector('h1')", "color");
  open({small_simulation()}, 1200, Browser::Scheme::light);
  EXPECT_THAT(number(page), Ge(230));
  EXPECT_THAT(number(words), Le(60));
  open({small_simulation()}, 1200, Browser::Scheme::dark);
  EXPECT_THAT(number(page), Le(40));
  EXPECT_THAT(number(words), Ge(200));
}

TEST_F(SimulationPage, text_from_outside_stays_text) {
  Simulation hostile = small_simulation();
  hostile.name = hostile.group = hostile.trace = kHostile;
  hostile.assumptions = hostile.notes = {kHostile};
  for (SimulatedDecision& decision : hostile.decisions) decision.why = kHostile;
  for (SimulatedFault& fault : hostile.faults) fault.what = kHostile;
  open({hostile, hostile});
  EXPECT_EQ(number("document.querySelectorAll('img, b:not(.readout b)').length"), 0);
  EXPECT_THAT(text("document.title"), HasSubstr("</script><img"));
  EXPECT_EQ(text("document.querySelector('.table tbody td:last-child').textContent"), kHostile);
  (void)evaluate("document.querySelector('.plot .marker').focus()");
  EXPECT_THAT(text(kTooltip), HasSubstr(kHostile));
}

TEST_F(SimulationPage, three_years_of_decisions_are_still_a_page) {
  open({long_simulation(3 * 365, 50'000)});
  EXPECT_THAT(number(kMarkers), AllOf(Ge(20), Le(400)));
  EXPECT_EQ(number("document.querySelectorAll('.table tbody tr').length"), 20);
  EXPECT_THAT(number("document.querySelectorAll('*').length"), Le(3000));
  const double milliseconds = number(
      "(() => { const begin = performance.now(); document.querySelector('[title=\"Zoom in\"]').click(); "
      "document.querySelector('.plot svg').getBoundingClientRect(); return performance.now() - begin; })()");
  EXPECT_THAT(milliseconds, AllOf(Ge(0), Le(2000))) << "one step of zooming";
}

TEST_F(SimulationPage, a_simulation_without_decisions_or_moments_is_a_page_too) {
  open({Simulation{}});
  EXPECT_THAT(text("document.querySelector('.decisions').textContent"), HasSubstr("never changed"));
  Simulation unknown = small_simulation();
  for (SimulatedMoment& moment : unknown.moments) moment.load = std::nan("");
  open({unknown});
  EXPECT_EQ(text("document.querySelector('.plot .load-line').getAttribute('d')"), "");
}

}  // namespace
}  // namespace weir
