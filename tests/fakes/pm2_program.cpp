// Plays the command line of PM2, and its daemon, with a list in $PM2_HOME/list.json. A file `fault-VERB` beside that makes the next
// call of this verb go wrong: `before` (it ends with status 1 and has done nothing), `after` (it has done it, and ends with status
// 1), `hang` (it has done or begun it, and never ends), or another text, which is printed instead of what belongs there.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

const fs::path& home() {
  static const fs::path path = std::getenv("PM2_HOME") != nullptr ? std::getenv("PM2_HOME") : "/nonexistent";
  return path;
}

std::string content(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string take_fault(const std::string& verb) {
  const fs::path path = home() / ("fault-" + verb);
  std::string fault = content(path);
  fs::remove(path);
  return fault;
}

Json list() { return Json::parse(content(home() / "list.json")); }
void save(const Json& list) { std::ofstream(home() / "list.json") << list.dump(); }

int fail(const std::string& what) {
  std::cout << "\x1B[31m[PM2][ERROR] \x1B[39m" << what << std::endl;
  return 1;
}

[[noreturn]] void hang() {
  for (;;) ::pause();
}

void add(const Json& app) {
  Json entries = list();
  int id = 0;
  for (Json& entry : entries) {
    id = std::max(id, entry["pm_id"].get<int>() + 1);
    if (entry["name"] != app["name"]) continue;
    entry["pm2_env"]["restart_time"] = entry["pm2_env"].value("restart_time", 0) + 1;
    return save(entries);
  }
  Json state = app;
  state["status"] = "online";
  state["pm_id"] = id;
  state["pm_exec_path"] = app["script"];
  state["restart_time"] = 0;
  state["env"]["PM2_HOME"] = home().string();
  state["env"][app["name"].get<std::string>()] = "{}";
  entries.push_back({{"pid", 4000 + id}, {"name", app["name"]}, {"pm2_env", state}, {"pm_id", id}});
  save(entries);
}

int start(const std::string& fault) {
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  if (fault == "before") return fail("Error: Script not found: /srv/app.js");
  const Json app = Json::parse(input)["apps"][0];
  add(app);
  if (fault == "after") return fail("connection lost");
  if (fault == "hang") hang();
  if (!fault.empty()) std::cout << fault << std::endl;
  if (fault.empty()) std::cout << "\x1B[32m[PM2] \x1B[39mApp [" << app["name"].get<std::string>() << "] launched (1 instances)\n";
  return 0;
}

int remove(const std::string& whom, const std::string& fault) {
  if (fault == "before") return fail("cannot");
  Json left = Json::array();
  bool found = false;
  for (Json entry : list()) {
    const bool meant = entry["name"] == whom || std::to_string(entry["pm_id"].get<int>()) == whom;
    found = found || meant;
    if (meant && fault == "hang") entry["pm2_env"]["status"] = "stopping";
    if (!meant || fault == "hang") left.push_back(entry);
  }
  save(left);
  if (fault == "hang") hang();
  if (!found || fault == "after") return fail("Process or Namespace " + whom + " not found");
  return 0;
}

int print_list(const std::string& fault) {
  if (fault == "before") return fail("EACCES");
  if (fault == "hang") hang();
  if (!fault.empty()) {
    std::cout << fault << std::endl;
  } else {
    std::cout << content(home() / "noise") << list().dump() << std::endl;
  }
  std::cerr << content(home() / "complaint");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const int lock = ::open((home() / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0 || ::flock(lock, LOCK_EX) != 0) return 3;
  const std::string verb = argv[1];
  std::ofstream(home() / "calls", std::ios::app) << verb << (argc > 2 ? std::string(" ") + argv[2] : "") << '\n';
  const std::string fault = take_fault(verb);
  if (verb == "start") return start(fault);
  if (verb == "delete") return remove(argv[2], fault);
  return print_list(fault);
}
