#include "tests/support/browser.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>

#include "platform/file.h"

namespace weir {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kPatience{60};
constexpr int kCommandsIn = 3;  // where --remote-debugging-pipe reads and writes
constexpr int kAnswersOut = 4;

constexpr const char* kArguments[] = {
    // With the death signal it cannot outlive a test that crashed.
    "setpriv",
    "--pdeathsig",
    "KILL",
    "--",
    "chromium",
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe"};

std::string decode_base64(std::string_view text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char digit : text) {
    const std::size_t value = digits.find(digit);
    if (value == std::string_view::npos) break;
    bits = (bits << 6U) | static_cast<unsigned>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xFFU);
  }
  return bytes;
}

}  // namespace

bool Browser::is_installed() {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/bin" : path;
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    if (::access((std::string(folder) + "/chromium").c_str(), X_OK) == 0) return true;
  }
  return false;
}

Result<std::unique_ptr<Browser>> Browser::start() {
  std::unique_ptr<Browser> browser(new Browser);
  if (const Result<void> spawned = browser->spawn(); !spawned) return std::unexpected(spawned.error());
  browser->attach();
  if (!browser->trouble_.empty()) return failure(ErrorKind::unavailable, browser->trouble_);
  return browser;
}

Browser::~Browser() {
  if (process_ < 0) return;
  // All of it: the processes it started are in its group, and come to us when their parents are gone. One that still dies would
  // write into the directory that is removed next.
  (void)::kill(-process_, SIGKILL);
  while (::waitpid(-process_, nullptr, 0) > 0 || errno == EINTR) {
  }
}

Result<void> Browser::spawn() {
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::array<int, 2> commands{};
  std::array<int, 2> answers{};
  if (::pipe2(commands.data(), O_CLOEXEC) != 0) return failure(ErrorKind::unavailable, "no pipe");
  const Descriptor commands_in(commands[0]);
  to_ = Descriptor(commands[1]);
  if (::pipe2(answers.data(), O_CLOEXEC) != 0) return failure(ErrorKind::unavailable, "no pipe");
  from_ = Descriptor(answers[0]);
  const Descriptor answers_out(answers[1]);
  // Out of the way of the numbers they get.
  const Descriptor in(::fcntl(commands_in.get(), F_DUPFD_CLOEXEC, 20));
  const Descriptor out(::fcntl(answers_out.get(), F_DUPFD_CLOEXEC, 20));

  const std::string home = directory_.path().string();
  std::vector<std::string> words(std::begin(kArguments), std::end(kArguments));
  words.push_back("--user-data-dir=" + home + "/profile");
  words.emplace_back("about:blank");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<std::string> variables = {"HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_CACHE_HOME=" + home, "LC_ALL=C.UTF-8",
                                        "TZ=Asia/Seoul"};
  if (const char* path = std::getenv("PATH")) variables.push_back(std::string("PATH=") + path);
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);

  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, in.get(), kCommandsIn);
  ::posix_spawn_file_actions_adddup2(&files, out.get(), kAnswersOut);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, (home + "/log").c_str(), O_WRONLY | O_CREAT, 0600);
  ::posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int error = ::posix_spawnp(&process_, argv.front(), &files, &attributes, argv.data(), environment.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  if (error == 0) return {};
  process_ = -1;
  return failure(ErrorKind::not_found, fmt::format("cannot start chromium: {}", std::strerror(error)));
}

void Browser::attach() {
  const json target = call("Target.createTarget", {{"url", "about:blank"}});
  if (!trouble_.empty()) return;
  session_ = call("Target.attachToTarget", {{"targetId", target["targetId"]}, {"flatten", true}}).value("sessionId", "");
  for (const char* domain : {"Page.enable", "Runtime.enable", "Log.enable", "Network.enable"}) (void)call(domain);
}

void Browser::show(int width, int height, Scheme scheme) {
  (void)call("Emulation.setDeviceMetricsOverride",
             {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", false}});
  const json preference = {{"name", "prefers-color-scheme"}, {"value", scheme == Scheme::dark ? "dark" : "light"}};
  (void)call("Emulation.setEmulatedMedia", {{"features", json::array({preference})}});
}

void Browser::calm() {
  const json preference = {{"name", "prefers-reduced-motion"}, {"value", "reduce"}};
  (void)call("Emulation.setEmulatedMedia", {{"features", json::array({preference})}});
}

void Browser::speak(const std::string& language) {
  if (user_agent_.empty()) user_agent_ = evaluate("navigator.userAgent").get<std::string>();
  (void)call("Emulation.setUserAgentOverride", {{"userAgent", user_agent_}, {"acceptLanguage", language}});
}

void Browser::run_first(const std::string& script) {
  if (!first_script_.empty()) (void)call("Page.removeScriptToEvaluateOnNewDocument", {{"identifier", first_script_}});
  first_script_.clear();
  if (script.empty()) return;
  const json added = call("Page.addScriptToEvaluateOnNewDocument", {{"source", script}});
  if (added.is_object()) first_script_ = added.value("identifier", "");
}

void Browser::cut_network(bool cut) {
  (void)call("Network.emulateNetworkConditions",
             {{"offline", cut}, {"latency", 0}, {"downloadThroughput", -1}, {"uploadThroughput", -1}});
}

void Browser::open_url(const std::string& url) {
  if (url.contains('#')) navigate("about:blank");  // else it may be the same document, which is not loaded again
  navigate(url);
  (void)evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))");
}

void Browser::navigate(const std::string& url) {
  events_.clear();
  (void)call("Page.navigate", {{"url", url}});
  const auto loaded = [this] {
    return std::ranges::any_of(events_, [](const json& event) { return event.value("method", "") == "Page.loadEventFired"; });
  };
  while (trouble_.empty() && !loaded()) {
    if (json event = receive(); !event.is_null()) events_.push_back(std::move(event));
  }
}

json Browser::evaluate(const std::string& expression) {
  const json answer = call("Runtime.evaluate", {{"expression", expression}, {"returnByValue", true}, {"awaitPromise", true}});
  if (!answer.is_object()) return nullptr;
  if (answer.contains("exceptionDetails")) return {{"exception", answer["exceptionDetails"]}};
  return answer["result"].value("value", json());
}

bool Browser::comes_true(const std::string& expression) {
  return evaluate(fmt::format("new Promise(done => {{ const end = Date.now() + 20000; const look = () => ({}) ? done(true) : "
                              "Date.now() > end ? done(false) : requestAnimationFrame(look); look(); }})",
                              expression)) == true;
}

Browser::Place Browser::place_of(const std::string& element) {
  const json box =
      evaluate(fmt::format("(() => {{ const e = {}; e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect(); "
                           "return [b.x + b.width / 2, b.y + b.height / 2, b.width]; }})()",
                           element));
  return box.is_array() ? Place{box[0], box[1], box[2]} : Place{};
}

void Browser::click(const std::string& element) {
  const Place place = place_of(element);
  press(place.x, place.y);
  release(place.x, place.y);
}

void Browser::mouse(const std::string& type, double x, double y, const std::string& button, int buttons) {
  (void)call(
      "Input.dispatchMouseEvent",
      {{"type", type}, {"x", x}, {"y", y}, {"button", button}, {"buttons", buttons}, {"clickCount", type == "mouseMoved" ? 0 : 1}});
}

void Browser::key(const std::string& name) {
  const std::pair<const char*, int> codes[] = {{"Tab", 9},      {"Enter", 13},      {"Escape", 27},
                                               {"End", 35},     {"Home", 36},       {"ArrowLeft", 37},
                                               {"ArrowUp", 38}, {"ArrowRight", 39}, {"ArrowDown", 40}};
  const auto* const found = std::ranges::find(codes, name, [](const auto& each) { return std::string(each.first); });
  const int code = found == std::end(codes) ? 0 : found->second;
  json event = {{"type", "rawKeyDown"}, {"key", name}, {"code", name}, {"windowsVirtualKeyCode", code}};
  // Only with its text it presses the button that has the focus, or sends the form.
  if (name == "Enter") event.update({{"type", "keyDown"}, {"text", "\r"}});
  (void)call("Input.dispatchKeyEvent", event);
  event["type"] = "keyUp";
  (void)call("Input.dispatchKeyEvent", event);
}

void Browser::save_picture(const std::filesystem::path& path) {
  const json picture = call("Page.captureScreenshot", {{"format", "png"}, {"captureBeyondViewport", true}});
  const Result<void> saved = replace_file(path, decode_base64(picture.is_object() ? picture.value("data", "") : ""));
  if (!saved) trouble_ = saved.error().message;
}

std::vector<std::string> Browser::complaints() {
  (void)evaluate("0");  // what it had to say until now comes before this answer
  std::vector<std::string> found;
  for (const json& event : events_) {
    const std::string method = event.value("method", "");
    const bool console = method == "Runtime.consoleAPICalled" && event["params"].value("type", "") != "log";
    // Of the log, not what it would recommend.
    const bool logged = method == "Log.entryAdded" && event["params"]["entry"].value("level", "") != "verbose";
    if (method == "Runtime.exceptionThrown" || logged || console) found.push_back(event["params"].dump());
  }
  return found;
}

std::vector<std::string> Browser::requests() {
  (void)evaluate("0");
  std::vector<std::string> found;
  for (const json& event : events_) {
    if (event.value("method", "") == "Network.requestWillBeSent") found.push_back(event["params"]["request"].value("url", ""));
  }
  return found;
}

json Browser::call(const std::string& method, const json& parameters) {
  const int id = ++last_call_;
  json message = {{"id", id}, {"method", method}, {"params", parameters}};
  if (!session_.empty()) message["sessionId"] = session_;
  if (!trouble_.empty() || !send(message)) return nullptr;
  for (;;) {
    json answer = receive();
    if (answer.is_null()) return nullptr;
    if (answer.value("id", 0) == id && answer.contains("result")) return answer["result"];
    if (answer.value("id", 0) == id) {
      trouble_ = fmt::format("{}: {}", method, answer.dump());
      return nullptr;
    }
    events_.push_back(std::move(answer));
  }
}

bool Browser::send(const json& message) {
  const std::string text = message.dump() + '\0';
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t count = ::write(to_.get(), text.data() + sent, text.size() - sent);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) trouble_ = fmt::format("cannot write to chromium: {}", std::strerror(errno));
    if (count < 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

json Browser::receive() {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    if (const std::size_t zero = received_.find('\0'); zero != std::string::npos) {
      json message = json::parse(received_.substr(0, zero), nullptr, false);
      received_.erase(0, zero + 1);
      return message;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd waiting{.fd = from_.get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) continue;
    std::array<char, 65536> part;
    const ssize_t count = ready > 0 ? ::read(from_.get(), part.data(), part.size()) : 0;
    if (count <= 0) {
      std::ifstream log(directory_.path() / "log");
      trouble_ = fmt::format("chromium {}; its log: {}", ready > 0 ? "ended" : "did not answer in time",
                             std::string(std::istreambuf_iterator<char>(log), {}));
      return nullptr;
    }
    received_.append(part.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace weir
