#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "platform/descriptor.h"
#include "providers/pm2/pm2.h"
#include "tests/support/temp_directory.h"

namespace weir {

/// What `pm2 jlist` printed in one of the recorded situations, as JSON.
[[nodiscard]] inline nlohmann::json recorded_list(const std::string& name) {
  std::ifstream file(std::string(WEIR_SOURCE_DIR) + "/tests/data/pm2/" + name + ".json");
  return nlohmann::json::parse(file).at("json");
}

/// One entry as `pm2 jlist` shows it.
[[nodiscard]] inline nlohmann::json pm2_entry(const std::string& name, int id, const std::string& status,
                                              nlohmann::json environment = nlohmann::json::object()) {
  nlohmann::json entry = recorded_list("jlist_stopped")[0];
  entry["name"] = name;
  entry["pm_id"] = id;
  nlohmann::json& state = entry["pm2_env"];
  state["name"] = name;
  state["pm_id"] = id;
  state["status"] = status;
  state["exec_mode"] = "fork_mode";
  state["env"] = std::move(environment);
  return entry;
}

/// A group whose servers are copies of `app`, which reads its port from PORT. Its ports lie apart from those of other apps.
[[nodiscard]] inline Group pm2_group(const std::string& name, const std::string& app) {
  Group group;
  group.name = name;
  group.max = 8;
  group.server.set("app", app);
  group.server.set("port_env", std::string("PORT"));
  group.server.set("host", std::string("127.0.0.1"));
  return group;
}

/// A PM2 that is played by a program of ours, with a list that begins with two stopped apps, `app` and `web`.
class Pm2World {
 public:
  Pm2World() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, (home() / "rpc.sock").c_str(), sizeof address.sun_path - 1);
    const bool listens =
        ::bind(daemon_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 && ::listen(daemon_.get(), 8) == 0;
    if (!listens) std::abort();
    set_list({pm2_entry("app", 0, "stopped", {{"PORT", "31000"}, {"SECRET", "s"}}),
              pm2_entry("web", 1, "stopped", {{"PORT", "32000"}})});
  }

  [[nodiscard]] const std::filesystem::path& home() const { return directory_.path(); }
  [[nodiscard]] std::unique_ptr<Provider> open(Duration timeout = std::chrono::seconds(30),
                                               const std::string& owner = "weir") const {
    return make_pm2_provider(
        {.home = home(), .command = {FAKE_PM2}, .timeout = timeout, .owner = owner, .directory = home() / "state"});
  }

  void set_list(const nlohmann::json& list) const { write("list.json", list.dump()); }
  [[nodiscard]] nlohmann::json list() const { return nlohmann::json::parse(read("list.json")); }
  void add(const nlohmann::json& entry) const {
    nlohmann::json entries = list();
    entries.push_back(entry);
    set_list(entries);
  }
  /// The environment of the entry of this name; empty if there is none.
  [[nodiscard]] nlohmann::json environment_of(const std::string& name) const {
    for (const auto& entry : list()) {
      if (entry["name"] == name) return entry["pm2_env"]["env"];
    }
    return nlohmann::json::object();
  }
  /// The next call of this verb goes wrong; how, tests/fakes/pm2_program.cpp says.
  void fail_next(const std::string& verb, const std::string& how) const { write("fault-" + verb, how); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(home() / name) << text; }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(home() / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// Nobody listens any more.
  void end_daemon() { daemon_.reset(); }

 private:
  TempDirectory directory_;
  Descriptor daemon_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

}  // namespace weir
