#include "tests/e2e/site.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "platform/file.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr Duration kInterval{250};
/// Longer than any soak: what comes after it would be tried without load.
constexpr Duration kLongestLoad = 12h;

testing::AssertionResult ok(const Result<void>& result) {
  return result ? testing::AssertionSuccess() : testing::AssertionFailure() << result.error().message;
}

std::string rest_of(const SiteOptions& options) {
  return fmt::format(R"(warm_up: 0s
health: {}
drain: {}
policies:
  - {{name: wanted, type: target_tracking, query: wanted_servers, value: total, target: 1, tolerance: 0.01}}
scale_out: {{cooldown: 0s}}
scale_in: {}
{})",
                     options.health, options.drain, options.scale_in,
                     options.deploy.empty() ? "" : fmt::format("deploy: {}\n", options.deploy));
}

/// The words of a file whose words end with zeros, such as /proc/PID/cmdline.
std::vector<std::string> words_of(const fs::path& file) {
  std::istringstream text(read_file(file).value_or(""));
  std::vector<std::string> words;
  for (std::string word; std::getline(text, word, '\0');) words.push_back(word);
  return words;
}

LoadOptions steady(Stand& stand, double rps, const std::string& method, bool keep_alive) {
  LoadOptions options;
  options.url = stand.url();
  options.method = method;
  options.profile = {{kLongestLoad, rps, rps}};
  options.keep_alive = keep_alive;
  options.timeout = 20s;
  return options;
}

}  // namespace

bool soaking() { return std::getenv("WEIR_SOAK") != nullptr; }

Site::Site()
    : gauge_([this](const HttpStub::Request&) {
        return HttpStub::Answer{.body = fmt::format("wanted_servers {}\n", wanted_.load()),
                                .content_type = "text/plain; version=0.0.4"};
      }) {}

std::unique_ptr<Site> Site::create(const SiteOptions& options) {
  std::unique_ptr<Site> site(new Site);
  return site->prepare(options) ? std::move(site) : nullptr;
}

std::unique_ptr<Site> Site::start(const SiteOptions& options) {
  auto site = create(options);
  return site && site->begin() ? std::move(site) : nullptr;
}

bool Site::begin() {
  for (Piece* piece : {&stand_->nginx(), &stand_->prometheus(), &stand_->weir()}) {
    if (const auto started = ok(piece->start()); !started) {
      ADD_FAILURE() << started.message();
      return false;
    }
  }
  if (settles_at(group_.min)) return true;
  ADD_FAILURE() << "the first servers are not in service\n" << story();
  return false;
}

bool Site::prepare(const SiteOptions& options) {
  wanted_ = options.min;
  auto stand = Stand::create(
      {.weir = WEIR_PROGRAM, .app = WEIR_EXAMPLE_APP, .weir_under = options.weir_under, .scrape_interval = kInterval});
  if (!stand) {
    ADD_FAILURE() << stand.error().message;
    return false;
  }
  stand_ = std::move(*stand);
  group_.app_options = options.app_options;
  if (!options.versions.empty()) {
    if (!publish(options.versions)) return false;
    group_.app_options.insert(group_.app_options.end(), {"--options", (stand_->directory() / "versions" / "{version}").string()});
  }
  group_.min = options.min;
  group_.max = options.max;
  group_.interval = kInterval;
  group_.rest = rest_of(options);
  const auto written = ok(stand_->write_weir_config(config()));
  EXPECT_TRUE(written);
  const fs::path file = stand_->directory() / "prometheus" / "prometheus.yml";
  const std::string job = fmt::format("  - job_name: gauge\n    static_configs: [{{targets: ['{}']}}]\n", gauge_.address());
  const auto added = ok(replace_file(file, read_file(file).value_or("") + job));
  EXPECT_TRUE(added);
  return written && added;
}

bool Site::publish(const std::map<std::string, std::string>& versions) {
  std::error_code failed;
  fs::create_directory(stand_->directory() / "versions", failed);
  EXPECT_FALSE(failed) << failed.message();
  for (const auto& [version, text] : versions) {
    const auto written = ok(replace_file(stand_->directory() / "versions" / version, text));
    EXPECT_TRUE(written);
    if (!written) return false;
  }
  return true;
}

void Site::rewrite_config(const std::string& what, const std::string& by) {
  std::string text = read_file(stand_->weir_config_file()).value_or("");
  const std::size_t at = text.find(what);
  ASSERT_NE(at, std::string::npos) << what << "\n" << text;
  ASSERT_TRUE(ok(stand_->write_weir_config(text.replace(at, what.size(), by))));
}

GroupView Site::group() {
  const Result<std::string> answer = stand_->weir_get("/v1/groups");
  return answer ? parse_group(*answer, group_.name).value_or(GroupView{}) : GroupView{};
}

bool Site::is_in_force() { return last_turn().find("\"write_balancers\":true") == std::string::npos; }

bool Site::settles_at(int servers, Duration within) {
  return Stand::eventually(
      [&] {
        const GroupView view = group();
        const auto count = static_cast<std::size_t>(servers);
        return view.desired == servers && view.count("in_service") == servers && view.servers.size() == count &&
               apps().size() == count && peers().size() == count && is_in_force();
      },
      within);
}

bool Site::serves_with(int servers, Duration within) {
  return Stand::eventually(
      [&] {
        return group().count("in_service") == servers && peers().size() == static_cast<std::size_t>(servers) && is_in_force();
      },
      within);
}

bool Site::takes_turns(int turns, Duration within) {
  const double before = metric("weir_turns_total");
  return Stand::eventually([&] { return metric("weir_turns_total") >= before + turns; }, within);
}

double Site::metric(const std::string& name, const std::string& label) {
  std::istringstream lines(stand_->weir_get("/metrics").value_or(""));
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(label) != std::string::npos) sum += sum_of(line, name).value_or(0);
  }
  return sum;
}

std::string Site::last_turn() { return stand_->weir_get("/v1/groups/app/plan").value_or(""); }

bool Site::says(const std::string& text, Duration within) {
  return Stand::eventually([&] { return last_turn().find(text) != std::string::npos; }, within);
}

std::string Site::weir_log() { return read_file(stand_->weir().log()).value_or(""); }

bool Site::logs(const std::string& text, Duration within) {
  return Stand::eventually([&] { return weir_log().find(text) != std::string::npos; }, within);
}

std::vector<AppProcess> Site::apps() {
  const std::string mark = "WEIR_STAND=" + stand_->directory().string();
  std::vector<AppProcess> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::error_code gone;
    if (fs::read_symlink(entry.path() / "exe", gone) != WEIR_EXAMPLE_APP) continue;
    const auto environment = words_of(entry.path() / "environ");
    if (std::ranges::find(environment, mark) == environment.end()) continue;
    const auto words = words_of(entry.path() / "cmdline");
    const auto port = std::ranges::find(words, "--port");
    if (port == words.end() || port + 1 == words.end()) continue;
    const auto version = std::ranges::find(words, "--version");
    const bool says = version != words.end() && version + 1 != words.end();
    found.push_back({.pid = std::stoi(entry.path().filename().string()),
                     .address = "127.0.0.1:" + *(port + 1),
                     .version = says ? *(version + 1) : ""});
  }
  std::ranges::sort(found, {}, &AppProcess::address);
  return found;
}

std::set<std::string> Site::versions() {
  std::set<std::string> found;
  for (const AppProcess& app : apps()) found.insert(app.version);
  return found;
}

std::vector<std::string> Site::peers() {
  std::istringstream lines(read_file(stand_->upstream_file()).value_or(""));
  std::vector<std::string> addresses;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string server;
    std::string address;
    words >> server >> address;
    if (server == "server" && line.find(" down") == std::string::npos) addresses.push_back(address.substr(0, address.find(';')));
  }
  std::ranges::sort(addresses);
  return addresses;
}

CommandAnswer Site::deploy(const std::string& version, const std::string& strategy) {
  return command({"deploy", "start", "--group", group_.name, "--version", version, "--strategy", strategy, "--wait"}, 5min);
}

CommandAnswer Site::command(const std::vector<std::string>& arguments, Duration within) {
  const fs::path log = stand_->directory() / "logs" / "command.log";
  std::error_code ignored;
  fs::remove(log, ignored);
  std::vector<std::string> words{WEIR_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  if (arguments.front() != "apply") words.insert(words.end(), {"-c", stand_->weir_config_file()});
  auto program = Program::start({.command = words, .directory = stand_->directory(), .log = log});
  if (!program || !program->wait(within)) return {};
  return {program->status().value_or(-1), read_file(log).value_or("")};
}

std::string Site::story() {
  std::string story = last_turn() + "\n";
  for (const AppProcess& app : apps()) story += fmt::format("app server {} pid {}\n", app.address, app.pid);
  for (const std::string& peer : peers()) story += fmt::format("peer {}\n", peer);
  return story + stand_->logs();
}

Traffic::Traffic(Stand& stand, double rps)
    : kept_(steady(stand, rps, "GET", true), counter()), fresh_(steady(stand, rps, "POST", false), counter()) {}

Load::Observer Traffic::counter() {
  return [this](const LoadRecord& record, const HttpResponse* answer) {
    constexpr std::string_view kBefore = R"("version":")";
    if (failed(record)) return;
    const std::size_t at = answer->body.find(kBefore);
    if (at == std::string::npos) return;
    const std::size_t begin = at + kBefore.size();
    const std::string version = answer->body.substr(begin, answer->body.find('"', begin) - begin);
    const std::lock_guard lock(mutex_);
    ++answers_[version];
  };
}

std::size_t Traffic::answered_by(const std::string& version) const {
  const std::lock_guard lock(mutex_);
  const auto found = answers_.find(version);
  return found == answers_.end() ? 0 : found->second;
}

testing::AssertionResult Traffic::all_answered() {
  constexpr std::size_t kEnough = 30;
  const bool enough = Stand::eventually(
      [this] { return kept_.summary().requests >= kEnough && fresh_.summary().requests >= kEnough; }, std::chrono::seconds(30));
  for (Load* load : {&kept_, &fresh_}) {
    load->stop();
    const LoadSummary summary = load->summary();
    if (summary.failures > 0 || !enough) {
      return testing::AssertionFailure() << (load == &kept_ ? "kept connections: " : "fresh connections: ") << summary.failures
                                         << " of " << summary.requests << " requests failed, the first with "
                                         << summary.first_failure;
    }
  }
  return testing::AssertionSuccess();
}

std::size_t Traffic::failures() const { return kept_.summary().failures + fresh_.summary().failures; }
std::string Traffic::first_failure() const {
  const std::string kept = kept_.summary().first_failure;
  return kept.empty() ? "fresh connections: " + fresh_.summary().first_failure : "kept connections: " + kept;
}
std::size_t Traffic::requests() const { return kept_.summary().requests + fresh_.summary().requests; }

}  // namespace weir
