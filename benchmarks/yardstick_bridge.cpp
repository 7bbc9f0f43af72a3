// Speaks to a program that plays a load against a controller, line by line: "t ready total cpu rps" comes in, the number of servers
// wanted goes out. The policies are those of a weir configuration and decide as in a turn.

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "controller/config/config.h"
#include "controller/reconcile/classify.h"
#include "controller/simulate/questions.h"
#include "policies/decide.h"

namespace {

using namespace weir;

/// The fleet that the line tells of: ready servers, and those that boot.
std::vector<Server> servers_of(const std::string& group, int ready, int total, TimePoint at) {
  std::vector<Server> servers;
  for (int number = 0; number < total; ++number) {
    Server server{.id = "s" + std::to_string(number), .group = group};
    server.phase = number < ready ? Phase::in_service : Phase::pending;
    if (number < ready) server.in_service_since = at - std::chrono::hours(24);
    servers.push_back(std::move(server));
  }
  return servers;
}

int play(const Group& group) {
  const Policies policies = make_policies(group);
  Questions questions(group, policies, {});
  Memory memory{.version = group.version, .rules = group.rules};
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    if (line.starts_with('#')) {
      std::string mark;
      double peak = 0;
      double target = 0;
      double boot = 0;
      words >> mark >> peak >> target >> boot;
      memory.boots = {std::chrono::duration_cast<Duration>(std::chrono::duration<double>(boot))};
      questions.look_ahead(horizon_of(group, memory));
      continue;
    }
    double time = 0;
    int ready = 0;
    int total = 0;
    MeasuredMoment now;
    if (!(words >> time >> ready >> total >> now.utilization >> now.load)) return 1;
    const TimePoint at(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(time)));
    const std::vector<Server> servers = servers_of(group.name, ready, total, at);
    std::vector<std::string> measured;
    for (int number = 0; number < ready; ++number) measured.push_back(servers[static_cast<std::size_t>(number)].id);
    now.serving = ready;
    now.servers = measured;
    if (!memory.watched_since) memory.watched_since = at - std::chrono::hours(24);
    memory.desired = total;
    questions.remember(now.load);
    Observation seen{.at = at, .listed = true};
    questions.answer(now, seen.samples);
    Fleet fleet{.desired = total, .in_service = ready, .warmed = ready, .on_the_way = total - ready, .servers = servers};
    fleet.warmed_before = at;
    fleet.horizon = horizon_of(group, memory);
    std::cout << decide(group, policies, seen, fleet, memory).desired << std::endl;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: yardstick_bridge CONFIGURATION.yaml\n";
    return 1;
  }
  const auto config = weir::load_config(argv[1], weir::process_environment(), weir::builtin_catalogs());
  if (!config) {
    for (const weir::ConfigError& error : config.error()) std::cerr << to_string(error) << '\n';
    return 1;
  }
  return play(config->groups.front());
}
