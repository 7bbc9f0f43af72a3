#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "balancers/balancer.h"
#include "controller/config/config.h"
#include "policies/policy.h"
#include "providers/provider.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// The complaints about a configuration whose group of at most four has this `server:` section.
std::vector<std::string> complaints(const std::string& server, const std::string& provider = "") {
  const std::string text = "providers:\n  own: {type: pm2" + provider +
                           "}\ngroups:\n  - name: app\n    provider: own\n    min: 1\n    max: 4\n    server: {" + server + "}\n";
  const Environment environment{.variable = {}, .read_file = {}};
  const Catalogs catalogs{.providers = provider_catalog(), .policies = policy_catalog(), .balancers = balancer_catalog()};
  const ConfigResult config = parse_config(text, "weir.yaml", environment, catalogs);
  std::vector<std::string> found;
  if (config) return found;
  for (const ConfigError& error : config.error()) found.push_back(to_string(error));
  return found;
}

TEST(Pm2Settings, a_small_and_a_complete_one_are_good) {
  EXPECT_THAT(complaints("app: web, port_env: PORT"), IsEmpty());
  EXPECT_THAT(complaints("app: web, port: 3000"), IsEmpty());
  EXPECT_THAT(complaints("app: web, port: 3000, ports: 3001-3004, host: 10.0.0.5",
                         ", home: /home/deploy/.pm2, command: [runuser, -u, deploy, --, pm2], timeout: 60s, owner: east"),
              IsEmpty());
}

TEST(Pm2Settings, every_server_needs_a_port_of_its_own) {
  EXPECT_THAT(complaints("app: web"), ElementsAre(HasSubstr("either 'port' or 'port_env'")));
  EXPECT_THAT(complaints("app: web, port: 3000, port_env: PORT"), ElementsAre(HasSubstr("either 'port' or 'port_env'")));
  EXPECT_THAT(complaints("app: web, port_env: PORT, ports: 3001-3003"), ElementsAre(HasSubstr("has 3 ports, but max is 4")));
  EXPECT_THAT(complaints("app: web, port_env: PORT, ports: x"), ElementsAre(HasSubstr("is not a range of ports")));
  EXPECT_THAT(complaints("app: web, port: 3000, ports: 2990-3010"), ElementsAre(HasSubstr("does not lie above port 3000")));
  EXPECT_THAT(complaints("app: web, port_env: 'MY PORT'"), ElementsAre(HasSubstr("not the name of an environment variable")));
  EXPECT_THAT(complaints("app: web, port_env: PORT, host: web.local"), ElementsAre(HasSubstr("not an IPv4 or IPv6 address")));
}

TEST(Pm2Settings, what_pm2_would_take_for_something_else_is_no_name_of_an_app) {
  for (const char* app : {"all", "'3'", "/web/", "-web"}) {
    EXPECT_THAT(complaints("port: 3000, app: " + std::string(app)), ElementsAre(HasSubstr("means something else to PM2"))) << app;
  }
}

TEST(Pm2Settings, an_empty_owner_marks_nothing) {
  EXPECT_THAT(complaints("app: web, port: 3000", ", owner: ''"), ElementsAre(HasSubstr("owner is empty")));
}

}  // namespace
}  // namespace weir
