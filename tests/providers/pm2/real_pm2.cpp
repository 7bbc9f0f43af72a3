#include "tests/providers/pm2/real_pm2.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include "platform/command.h"
#include "platform/file.h"
#include "providers/pm2/entry.h"
#include "tests/support/wait_until.h"

namespace weir {

namespace fs = std::filesystem;

std::string RealPm2::program() {
  const fs::path installed = fs::path(WEIR_SOURCE_DIR) / "build/pm2/node_modules/.bin/pm2";
  if (fs::exists(installed)) return installed.string();
  const auto found = run_command({"sh", "-c", "command -v pm2"}, std::chrono::seconds(10));
  return found && found->status == 0 ? found->output.substr(0, found->output.find('\n')) : "";
}

Result<std::string> RealPm2::run(const std::vector<std::string>& arguments, const std::string& input) const {
  const char* path = std::getenv("PATH");
  Command command{
      .argv = {"env", "-i", fmt::format("PATH={}", path != nullptr ? path : "/usr/bin:/bin"),
               fmt::format("HOME={}", directory_.path().string()), fmt::format("PM2_HOME={}", home().string()), program()},
      .input = input};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  auto result = run_command(command, std::chrono::seconds(120));
  if (!result) return std::unexpected(result.error());
  if (result->status != 0) return failure(ErrorKind::invalid, result->output);
  return std::move(result->output);
}

Result<void> RealPm2::start(const nlohmann::json& apps) {
  const auto started = run({"start", "-"}, nlohmann::json{{"apps", apps}}.dump());
  if (!started) return std::unexpected(started.error());
  return {};
}

std::vector<std::string> RealPm2::entries() const {
  std::vector<std::string> found;
  const auto output = run({"jlist"});
  const auto parsed = pm2::parse_list(output.value_or(""));
  for (const pm2::Entry& entry : parsed.value_or(std::vector<pm2::Entry>{})) found.push_back(entry.name + " " + entry.status);
  std::ranges::sort(found);
  return found;
}

RealPm2::~RealPm2() {
  const auto text = read_file(home() / "pm2.pid");
  if (!text) return;
  const int daemon = std::atoi(text->c_str());
  (void)run({"kill"});
  const bool ended = daemon <= 1 || wait_until(std::chrono::seconds(10), [&] { return ::kill(daemon, 0) != 0; });
  if (!ended) ::kill(daemon, SIGKILL);
}

}  // namespace weir
