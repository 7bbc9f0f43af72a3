#pragma once

#include <string>
#include <vector>

#include "balancers/balancer.h"

namespace weir {

/// What the configuration makes of `{type: nginx, file: …}`.
[[nodiscard]] inline Settings nginx_settings(const std::string& file) {
  Settings settings;
  settings.set("file", file);
  settings.set("layout", std::string("servers"));
  settings.set("method", std::string("round_robin"));
  settings.set("test", Settings::Texts{"nginx", "-t"});
  settings.set("reload", Settings::Texts{"nginx", "-s", "reload"});
  settings.set("pid_file", std::string("/run/nginx.pid"));
  settings.set("adopt", false);
  return settings;
}

/// What the configuration makes of `{type: file_sd, file: …}`.
[[nodiscard]] inline Settings file_sd_settings(const std::string& file) {
  Settings settings;
  settings.set("file", file);
  return settings;
}

/// What the configuration makes of `{type: exec, command: …}`.
[[nodiscard]] inline Settings exec_settings(const std::vector<std::string>& command, Duration timeout = Duration{10'000}) {
  Settings settings;
  settings.set("command", command);
  settings.set("timeout", timeout);
  return settings;
}

/// What the configuration makes of `{type: haproxy, socket: …, backend: app, file: …}`.
[[nodiscard]] inline Settings haproxy_settings(const std::string& socket, const std::string& file) {
  Settings settings;
  settings.set("socket", socket);
  settings.set("backend", std::string("app"));
  settings.set("file", file);
  settings.set("timeout", Duration{5000});
  settings.set("adopt", false);
  return settings;
}

}  // namespace weir
