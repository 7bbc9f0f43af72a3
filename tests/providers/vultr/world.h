#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "providers/vultr/vultr.h"
#include "tests/fakes/network.h"
#include "tests/fakes/vultr.h"
#include "tests/support/http_stub.h"

namespace weir {

/// Values of `server:` for a group at the fake.
inline Settings vultr_server() {
  Settings image;
  image.set("os", std::int64_t{2136});
  Settings server;
  server.set("plan", std::string("vc2-1c-2gb"));
  server.set("region", std::string("icn"));
  server.set("image", Settings::Sections{std::move(image)});
  server.set("port", std::int64_t{3000});
  server.set("use_paid_hours", true);
  return server;
}

/// A group at the fake.
inline Group vultr_group(const std::string& name) {
  Group group{.name = name, .provider = "icn", .version = "v1", .min = 1, .max = 8};
  group.server = vultr_server();
  return group;
}

/// A fake Vultr behind real sockets, on a clock of its own.
struct VultrWorld {
  using Adjust = std::function<void(FakeVultr::Options&)>;

  explicit VultrWorld(const Adjust& adjust = {}) : fake(options(clock, adjust)) {}

  static FakeVultr::Options options(WaitingClock& clock, const Adjust& adjust) {
    FakeVultr::Options options{.clock = clock};
    if (adjust) adjust(options);
    return options;
  }

  [[nodiscard]] std::unique_ptr<Provider> open(const std::string& owner = "weir") {
    return make_vultr_provider(
        {.api_url = stub.url(), .api_key = "key", .owner = owner, .now = [this] { return fake.wall_time(); }}, outside.network);
  }

  ImpatientNetwork outside;
  ImpatientClock& clock = outside.clock;
  FakeVultr fake;
  HttpStub stub{[this](const HttpStub::Request& request) { return fake.answer(request); }};
};

}  // namespace weir
