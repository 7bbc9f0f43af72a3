#pragma once

#include <string>

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

}  // namespace weir
