#include "controller/simulate/report.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "controller/simulate/page.h"
#include "tests/simulate/examples.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Foreign text that tries to be something else: ends the script, opens a tag, ends an attribute, colours a terminal.
const std::string kHostile = "</script><img src=x onerror=alert(1)>\"'&\x1b[31m\n<!--";

Simulation hostile_simulation() {
  Simulation simulation = small_simulation();
  simulation.name = simulation.group = simulation.trace = simulation.currency = kHostile;
  simulation.assumptions = simulation.notes = {kHostile};
  for (SimulatedDecision& decision : simulation.decisions) decision.why = kHostile;
  for (SimulatedFault& fault : simulation.faults) fault.what = kHostile;
  simulation.deploys = {{.version = kHostile, .from = kHostile, .end = SimulatedDeploy::End::went_back, .why = kHostile}};
  return simulation;
}

/// One that is done, and one that was refused.
Simulation deployed_simulation() {
  Simulation simulation = small_simulation();
  simulation.deploys = {{.version = "v2",
                         .from = "v1",
                         .strategy = "rolling",
                         .started_at = simulation.from + 1min,
                         .ended_at = simulation.from + 3min,
                         .end = SimulatedDeploy::End::done,
                         .servers_max = 5,
                         .in_service_min = 4,
                         .lost_ratio = 0.0123},
                        {.version = "v3",
                         .started_at = simulation.from + 4min,
                         .ended_at = simulation.from + 4min,
                         .end = SimulatedDeploy::End::refused,
                         .why = "not now"}};
  return simulation;
}

TEST(SimulationText, tells_one_simulation_in_full) {
  const Simulation simulations[] = {small_simulation()};
  EXPECT_EQ("\n" + simulation_text(simulations, Colour::off), R"(
app of weir.yaml over monday
2026-03-01 09:30:00 to 2026-03-01 09:35:00 UTC (5m)

  RESULT                   weir.yaml  MEANING
  time above capacity      1m30s      time in which more load came than the servers could carry
  requests above capacity  1.23 %     requests that came in that time
  requests lost            <0.01 %    requests beyond what could be carried
  requests while hot       25.00 %    requests that came with the servers over 85 % busy
  server hours             1,234.6    hours of all servers together
  cost                     61.70 USD  what those hours cost
  scale actions            3          changes of the desired number of servers
  flaps                    1          changes of direction within ten minutes
  servers                  2 to 4     fewest and most at a time
  turns                    1,234      how often it was decided

Assumptions
  - a server carries 100 requests/s
  - boots take 60s

Notes
  - one gap

Faults
  - 2026-03-01 09:32:00 for 1m: no launches

Longest violations
  FROM                 ABOVE CAPACITY FOR  LOAD  CAPACITY
  2026-03-01 09:31:00  1m30s               300   200
  2026-03-01 09:34:00  6s                  201   200

Decisions
  TIME                 SERVERS  WHY
  2026-03-01 09:31:00  2 → 4    cpu 81 is above 70 for 5m: +2
  2026-03-01 09:33:00  4 → 3    cpu 20 is below 30: -1
  2026-03-01 09:33:00  3 → 2    cpu 10 is below 30: -1
)");
}

TEST(SimulationText, tells_what_came_of_deploys) {
  const Simulation simulations[] = {deployed_simulation()};
  EXPECT_THAT(simulation_text(simulations, Colour::off), HasSubstr(R"(
Deploys
  STARTED              TOOK  DEPLOY           MOST SERVERS  FEWEST IN SERVICE  LOST    END
  2026-03-01 09:31:00  2m    rolling v1 → v2  5             4                  1.23 %  done
  2026-03-01 09:34:00  -     v3               -             -                  -       refused: not now
)"));
  Simulation without = small_simulation();
  without.name = "plain.yaml";
  const Simulation both[] = {deployed_simulation(), without};
  EXPECT_THAT(simulation_text(both, Colour::off),
              AllOf(HasSubstr("\nDeploys of weir.yaml\n"), Not(HasSubstr("Deploys of plain.yaml"))));
}

TEST(SimulationText, sets_several_side_by_side_and_marks_the_better) {
  Simulation other = small_simulation();
  other.name = "brave.yaml";
  other.slo_lost = 10min;
  other.servers_hours = 900;
  other.cost = 45;
  other.violation_ratio = other.hot_ratio = std::nan("");
  other.assumptions = {"boots take 90s"};
  const Simulation simulations[] = {small_simulation(), other};
  EXPECT_EQ("\n" + simulation_text(simulations, Colour::off), R"(
2 simulations over monday
2026-03-01 09:30:00 to 2026-03-01 09:35:00 UTC (5m)

  RESULT                   weir.yaml  brave.yaml   MEANING
  time above capacity      1m30s *    10m          time in which more load came than the servers could carry
  requests above capacity  1.23 % *   -            requests that came in that time
  requests lost            <0.01 %    <0.01 %      requests beyond what could be carried
  requests while hot       25.00 % *  -            requests that came with the servers over 85 % busy
  server hours             1,234.6    900.0 *      hours of all servers together
  cost                     61.70 USD  45.00 USD *  what those hours cost
  scale actions            3          3            changes of the desired number of servers
  flaps                    1          1            changes of direction within ten minutes
  servers                  2 to 4     2 to 4       fewest and most at a time
  turns                    1,234      1,234        how often it was decided
  * best of its row

Assumptions of weir.yaml
  - a server carries 100 requests/s
  - boots take 60s

Assumptions of brave.yaml
  - boots take 90s

Notes
  - one gap
)");
}

TEST(SimulationText, does_not_judge_what_cannot_be_compared) {
  Simulation other = small_simulation();
  other.trace = "tuesday";
  other.group = "web";
  other.slo_lost = 10min;
  const Simulation simulations[] = {small_simulation(), other};
  const std::string text = simulation_text(simulations, Colour::off);
  EXPECT_THAT(text, AllOf(HasSubstr("weir.yaml app over monday"), HasSubstr("weir.yaml web over tuesday"), Not(HasSubstr(" *")),
                          HasSubstr("over different loads or times: nothing is marked as best")));
}

TEST(SimulationText, costs_in_different_currencies_are_not_compared) {
  Simulation other = small_simulation();
  other.cost = 1;
  other.currency = "EUR";
  const Simulation simulations[] = {small_simulation(), other};
  EXPECT_THAT(simulation_text(simulations, Colour::off), Not(HasSubstr("EUR *")));
  Simulation free = small_simulation();
  free.cost.reset();
  const Simulation without[] = {free};
  EXPECT_THAT(simulation_text(without, Colour::off), Not(HasSubstr("cost")));
}

TEST(SimulationText, shows_the_last_decisions_of_many) {
  Simulation simulation = small_simulation();
  simulation.decisions.clear();
  for (int index = 0; index < 1500; ++index) {
    simulation.decisions.push_back({simulation.from + index * 1s, index % 2 + 2, 3 - index % 2, fmt::format("reason {};", index)});
  }
  const Simulation simulations[] = {simulation};
  EXPECT_THAT(simulation_text(simulations, Colour::off), AllOf(HasSubstr("Last 20 of 1,500 decisions\n"), HasSubstr("reason 1499;"),
                                                               HasSubstr("reason 1480;"), Not(HasSubstr("reason 1479;"))));
}

TEST(SimulationText, nothing_from_outside_reaches_the_terminal_as_a_command) {
  const Simulation simulations[] = {hostile_simulation(), hostile_simulation()};
  EXPECT_THAT(simulation_text(simulations, Colour::off), Not(HasSubstr("\x1b")));
  EXPECT_THAT(simulation_text({simulations, 1}, Colour::off), Not(HasSubstr("\x1b")));
  EXPECT_THAT(simulation_text({simulations, 1}, Colour::on), AllOf(HasSubstr("\x1b[1m"), Not(HasSubstr("\x1b[31m"))));
}

TEST(SimulationText, a_simulation_without_anything_is_told_too) {
  const Simulation simulations[] = {Simulation{}};
  EXPECT_THAT(simulation_text(simulations, Colour::off), HasSubstr("none: the number of servers was never changed"));
  EXPECT_EQ(simulation_text({}, Colour::off), "no simulations\n");
}

TEST(SimulationJson, one_is_an_object) {
  const Simulation simulations[] = {small_simulation()};
  EXPECT_EQ(json::parse(simulation_json(simulations)), json::parse(R"({
    "name": "weir.yaml", "group": "app", "trace": "monday",
    "from": "2026-03-01T09:30:00.000Z", "to": "2026-03-01T09:35:00.000Z", "turns": 1234,
    "servers_hours": 1234.56, "violation_ratio": 0.0123, "hot_ratio": 0.25, "lost_ratio": 1e-05, "slo_minutes_lost": 1.5,
    "scale_actions": 3, "flaps": 1, "servers_min": 2, "servers_max": 4, "cost": 61.7, "currency": "USD",
    "assumptions": ["a server carries 100 requests/s", "boots take 60s"], "notes": ["one gap"],
    "faults": [{"from": "2026-03-01T09:32:00.000Z", "to": "2026-03-01T09:33:00.000Z", "what": "no launches"}],
    "deploys": [],
    "gaps": [{"from": "2026-03-01T09:33:00.000Z", "to": "2026-03-01T09:34:00.000Z"}],
    "decisions": [
      {"t": 60.0, "at": "2026-03-01T09:31:00.000Z", "from": 2, "to": 4, "why": "cpu 81 is above 70 for 5m: +2"},
      {"t": 180.0, "at": "2026-03-01T09:33:00.000Z", "from": 4, "to": 3, "why": "cpu 20 is below 30: -1"},
      {"t": 180.5, "at": "2026-03-01T09:33:00.500Z", "from": 3, "to": 2, "why": "cpu 10 is below 30: -1"}]})"));
}

TEST(SimulationJson, has_what_came_of_deploys) {
  Simulation simulation = deployed_simulation();
  EXPECT_EQ(json::parse(simulation_json({&simulation, 1}))["deploys"], json::parse(R"([
    {"version": "v2", "from": "v1", "strategy": "rolling", "started_at": "2026-03-01T09:31:00.000Z",
     "ended_at": "2026-03-01T09:33:00.000Z", "end": "done", "why": "", "servers_max": 5, "in_service_min": 4, "lost_ratio": 0.0123},
    {"version": "v3", "from": "", "strategy": "", "started_at": "2026-03-01T09:34:00.000Z",
     "ended_at": "2026-03-01T09:34:00.000Z", "end": "refused", "why": "not now", "servers_max": 0, "in_service_min": 0,
     "lost_ratio": 0}])"));
  simulation.deploys[0].end = SimulatedDeploy::End::none;
  const json open = json::parse(simulation_json({&simulation, 1}))["deploys"][0];
  EXPECT_TRUE(open["ended_at"].is_null());
  EXPECT_EQ(open["end"], "none");
}

TEST(SimulationJson, several_are_a_list_and_what_is_not_known_is_null) {
  Simulation unknown = small_simulation();
  unknown.cost.reset();
  unknown.hot_ratio = std::nan("");
  const Simulation simulations[] = {small_simulation(), unknown};
  const json parsed = json::parse(simulation_json(simulations));
  ASSERT_EQ(parsed["simulations"].size(), 2U);
  EXPECT_EQ(parsed["simulations"][0]["cost"], 61.7);
  EXPECT_TRUE(parsed["simulations"][1]["cost"].is_null());
  EXPECT_TRUE(parsed["simulations"][1]["currency"].is_null());
  EXPECT_TRUE(parsed["simulations"][1]["hot_ratio"].is_null());
  EXPECT_EQ(simulation_json({}), R"({"simulations":[]})");
}

TEST(DecisionsCsv, has_a_line_for_the_beginning_and_one_for_each_change) {
  Simulation simulation = small_simulation();
  EXPECT_EQ(decisions_csv(simulation), "t,desired\n0,2\n60,4\n180,3\n180.5,2\n");
  simulation.decisions = {{simulation.from, 2, 5, ""},
                          {simulation.from + 90s, 5, 5, ""},
                          {simulation.from + 100s, 5, 6, ""},
                          {simulation.from + 100s, 6, 7, ""},
                          {simulation.from + 31'536'000s, 7, 2, ""}};
  EXPECT_EQ(decisions_csv(simulation), "t,desired\n0,5\n100,7\n31536000,2\n") << "the last of one time, no line without change";
  simulation.decisions.clear();
  EXPECT_EQ(decisions_csv(simulation), "t,desired\n0,2\n");
  simulation.moments.clear();
  EXPECT_EQ(decisions_csv(simulation), "t,desired\n0,2\n") << "never changed: as many as there were at least";
}

TEST(SimulationHtml, nothing_from_outside_becomes_more_than_text) {
  const Simulation simulations[] = {hostile_simulation(), hostile_simulation()};
  for (const std::size_t count : {1U, 2U}) {
    const std::string page = simulation_html({simulations, count});
    EXPECT_THAT(page, Not(HasSubstr("<img")));
    EXPECT_THAT(page, Not(HasSubstr("<!--")));
    EXPECT_THAT(page, HasSubstr("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;"));
    std::size_t scripts = 0;
    for (std::size_t at = page.find("</script"); at != std::string::npos; at = page.find("</script", at + 1)) ++scripts;
    EXPECT_EQ(scripts, 2U) << "the data and the program";
  }
}

TEST(SimulationHtml, its_data_are_what_was_simulated) {
  const Simulation simulations[] = {hostile_simulation()};
  const std::string page = simulation_html(simulations);
  const std::string opening = R"(<script type="application/json" id="data">)";
  const std::size_t begin = page.find(opening) + opening.size();
  const json data = json::parse(page.substr(begin, page.find("</script>", begin) - begin));
  EXPECT_EQ(data[0]["decisions"]["why"][0], kHostile);
  EXPECT_EQ(data[0]["decisions"]["t"], json::parse("[60, 180, 180.5]"));
  EXPECT_EQ(data[0]["moments"]["load"], json::parse("[100, 210, 300, 150, 201]"));
  EXPECT_EQ(data[0]["moments"]["violated"], json::parse("[0, 0.5, 1, 0, 0.1]"));
  EXPECT_EQ(data[0]["from"], 1772357400000);
}

TEST(SimulationHtml, deploys_are_in_its_data_and_in_words) {
  const Simulation simulations[] = {deployed_simulation()};
  const std::string page = simulation_html(simulations);
  EXPECT_THAT(page, HasSubstr("<h3>Deploys</h3>\n<ul>\n<li>2026-03-01 09:31:00: rolling v1 → v2, 2m; at most 5 servers at once, at "
                              "least 4 in service, 1.23 % of the requests lost; done</li>\n"
                              "<li>2026-03-01 09:34:00: v3, refused: not now</li>\n"));
  EXPECT_THAT(page, HasSubstr(R"("deploys":{"from":[60,240],"to":[180,240],"what":["rolling v1 → v2","v3"],)"
                              R"("end":["done","refused: not now"]})"));
}

TEST(SimulationHtml, asks_for_nothing_from_anywhere) {
  const Simulation simulations[] = {small_simulation()};
  std::string page = simulation_html(simulations);
  EXPECT_THAT(page, HasSubstr("default-src 'none'; script-src 'sha256-"));
  const std::string name_of_svg = "http://www.w3.org/2000/svg";  // the one address that is a name only
  page.erase(page.find(name_of_svg), name_of_svg.size());
  EXPECT_THAT(page, AllOf(Not(HasSubstr("http:")), Not(HasSubstr("https:")), Not(HasSubstr("@import")), Not(HasSubstr("src=\""))));
  EXPECT_THAT(std::string(kPageScript), AllOf(Not(HasSubstr("innerHTML")), Not(HasSubstr("</script")), Not(HasSubstr("<!--"))));
}

}  // namespace
}  // namespace weir
