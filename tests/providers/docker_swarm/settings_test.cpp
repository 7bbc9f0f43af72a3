#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "balancers/balancer.h"
#include "controller/config/config.h"
#include "policies/policy.h"
#include "providers/docker_swarm/docker_swarm.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> complaints(const std::string& provider, const std::string& server = "{service: app, port: 80}") {
  const std::string text = "providers:\n  swarm: {type: docker_swarm" + provider +
                           "}\ngroups:\n  - name: app\n    provider: swarm\n    min: 1\n    max: 2\n    server: " + server + "\n";
  const Catalogs catalogs{.providers = provider_catalog(), .policies = policy_catalog(), .balancers = balancer_catalog()};
  const ConfigResult config = parse_config(text, "weir.yaml", {}, catalogs);
  std::vector<std::string> found;
  if (config) return found;
  for (const ConfigError& error : config.error()) found.push_back(to_string(error));
  return found;
}

TEST(SwarmSettings, small_and_complete_ones_are_good) {
  EXPECT_THAT(complaints(""), IsEmpty());
  EXPECT_THAT(complaints(", host: 'unix:///run/docker.sock', owner: shop",
                         "{service: shop_app, network: shop_front, port: 80, scheduling_grace: 2m}"),
              IsEmpty());
  EXPECT_THAT(complaints(", host: 'tcp://manager:2376', tls: {ca_file: /a, certificate_file: /b, key_file: /c}"), IsEmpty());
  EXPECT_THAT(complaints(", host: 'tcp://127.0.0.1:2375'"), IsEmpty()) << "a tunnel ends there";
}

TEST(SwarmSettings, a_host_that_is_none_is_told) {
  for (const char* host : {"manager:2376", "http://manager:2376", "unix://docker.sock", "tcp://manager", "tcp://manager:0",
                           "tcp://manager:65536", "tcp://manager:2376/v1", "tcp://root@manager:2376", "tcp://:2376"}) {
    EXPECT_THAT(complaints(std::string(", host: '") + host + "'"),
                ElementsAre(HasSubstr("neither unix:///path nor tcp://host:port")))
        << host;
  }
}

TEST(SwarmSettings, an_engine_on_the_network_is_not_spoken_to_without_tls) {
  EXPECT_THAT(complaints(", host: 'tcp://manager:2375'"), ElementsAre(HasSubstr("without tls")));
  EXPECT_THAT(complaints(", host: 'unix:///run/docker.sock', tls: {certificate_file: /b, key_file: /c}"),
              ElementsAre(HasSubstr("a unix socket, which has no TLS")));
  EXPECT_THAT(complaints(", host: 'tcp://manager:2376', tls: {ca_file: /a}"),
              testing::Contains(HasSubstr("certificate_file: required but missing")));
}

TEST(SwarmSettings, a_group_names_its_service_and_port) {
  EXPECT_THAT(complaints("", "{port: 80}"), ElementsAre(HasSubstr("server.service: required but missing")));
  EXPECT_THAT(complaints("", "{service: app, port: 0}"), ElementsAre(HasSubstr("server.port")));
}

TEST(SwarmSettings, with_an_image_weir_deploys_the_group) {
  const std::string image = "{service: app, port: 80, image: 'registry.example/app:{version}'}";
  EXPECT_THAT(complaints("", image), IsEmpty());
  EXPECT_THAT(complaints("", image + "\n    deploy: {strategy: rolling}"), IsEmpty());
  EXPECT_THAT(complaints("", "{service: app, port: 80}\n    deploy: {strategy: rolling}"),
              ElementsAre(HasSubstr("or by weir if server.image is given")));
}

TEST(SwarmSettings, an_image_without_a_version_is_told) {
  EXPECT_THAT(complaints("", "{service: app, port: 80, image: 'app:latest'}"), ElementsAre(HasSubstr("expected {version} in it")));
}

TEST(SwarmSettings, a_login_for_a_registry_is_whole) {
  EXPECT_THAT(complaints(", registry: {username: ci, password: secret}"), IsEmpty());
  EXPECT_THAT(complaints(", registry: {username: ci}"), ElementsAre(HasSubstr("registry.password")));
}

TEST(SwarmSettings, hosts_become_addresses) {
  EXPECT_EQ(parse_engine_host("unix:///run/docker.sock", false)->unix_socket, "/run/docker.sock");
  EXPECT_EQ(parse_engine_host("tcp://manager:2376", true)->url, "https://manager:2376");
  EXPECT_EQ(parse_engine_host("tcp://[fd00::1]:2375", false)->url, "http://[fd00::1]:2375");
}

}  // namespace
}  // namespace weir
