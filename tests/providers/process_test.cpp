#include "providers/process/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <latch>
#include <thread>

#include "platform/file.h"
#include "tests/support/process_world.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

using Lines = std::vector<std::string>;

Lines lines_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  Lines lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

/// The values of the report lines that begin with this word.
Lines values(const Lines& report, const std::string& word) {
  Lines found;
  for (const std::string& line : report) {
    if (line.starts_with(word + " ")) found.push_back(line.substr(word.size() + 1));
  }
  return found;
}

class ProcessProvider : public testing::Test {
 protected:
  static constexpr std::chrono::seconds kDeadline{30};

  Result<Server> launch(const Group& group, const std::string& token, const std::string& version = "v1") {
    return provider_->launch({group, token, version}, {});
  }
  Result<std::vector<Server>> list() { return provider_->list({}, {}); }
  /// The only server there is.
  Server only() {
    const Result<std::vector<Server>> servers = list();
    EXPECT_TRUE(servers) << servers.error().message;
    EXPECT_THAT(*servers, SizeIs(1));
    return servers->empty() ? Server{} : servers->front();
  }
  bool fails_with(const std::string& text) {
    return wait_until(kDeadline, [&] { return only().failure.find(text) != std::string::npos; });
  }
  std::string report_path(const std::string& name = "report") const { return (world_.path() / name).string(); }
  Lines wait_for_report(const std::string& name = "report") {
    EXPECT_TRUE(wait_until(kDeadline, [&] { return std::filesystem::exists(report_path(name)); }));
    return lines_of(report_path(name));
  }
  /// A group whose servers report themselves as {id}, which is when they are ready.
  Group reporting_group(Lines arguments = {}) {
    arguments.insert(arguments.end(), {"--report", report_path("{id}")});
    return world_.group("app", std::move(arguments));
  }
  pid_t ready(const std::string& token) { return std::stoi(values(wait_for_report(token), "pid").at(0)); }
  bool all_gone() {
    return wait_until(kDeadline, [&] { return world_.processes().empty(); });
  }
  /// As weir does: once a turn, until it is no longer listed.
  bool terminate_until_gone(const Group& group, const std::string& id) {
    return wait_until(kDeadline, [&] {
      EXPECT_TRUE(provider_->terminate(group, id, {}));
      return list()->empty();
    });
  }
  void edit_record(const std::string& token, const std::string& from, const std::string& to) {
    std::string text = *read_file(world_.record("app", token));
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << text;
    ASSERT_TRUE(replace_file(world_.record("app", token), text.replace(at, from.size(), to)));
  }

  ProcessWorld world_;
  std::unique_ptr<Provider> provider_ = world_.open();
};

// What a server is given.

TEST_F(ProcessProvider, replaces_placeholders_in_words_variables_and_cwd_and_leaves_other_braces) {
  std::filesystem::create_directory(world_.path() / "v7");
  Group group = world_.group("app", {"--port", "{port}", "{group}/{version}/{id}", "{\"a\":{b}}", "{", "--report", report_path()});
  Settings::TextMap variables = group.server.text_map("env");
  variables["GREETING"] = "{version} at {port}";
  group.server.set("env", variables);
  group.server.set("cwd", (world_.path() / "{version}").string());
  const Server server = *launch(group, "t-1", "v7");
  const Lines report = wait_for_report();
  const std::string port = std::to_string(world_.first_port());
  EXPECT_THAT(values(report, "argument"), ElementsAre("--port", port, "app/v7/t-1", "{\"a\":{b}}", "{", "--report", report_path()));
  EXPECT_THAT(values(report, "env"),
              AllOf(Contains("GREETING=v7 at " + port), Contains("PORT=" + port), Contains("WEIR_GROUP=app"),
                    Contains("WEIR_SERVER_ID=t-1"), Contains("WEIR_TOKEN=t-1"), Contains("WEIR_VERSION=v7")));
  EXPECT_THAT(values(report, "cwd"), ElementsAre((world_.path() / "v7").string()));
  EXPECT_EQ(server.address, "127.0.0.1:" + port);
  EXPECT_EQ(server.phase, Phase::warming);
}

TEST_F(ProcessProvider, servers_inherit_nothing_of_ours_but_a_few_variables) {
  ASSERT_EQ(::setenv("SECRET_OF_WEIR", "x", 1), 0);
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &blocked, nullptr), 0);
  auto* const handler = ::signal(SIGPIPE, SIG_IGN);
  const int file = ::open("/dev/null", O_RDONLY);  // without close-on-exec, as a careless library would
  ASSERT_TRUE(launch(reporting_group(), "t"));
  const Lines report = wait_for_report("t");
  ::close(file);
  (void)::signal(SIGPIPE, handler);
  ::pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
  EXPECT_THAT(values(report, "file"), ElementsAre("0", "1", "2"));
  EXPECT_THAT(values(report, "blocked"), IsEmpty());
  EXPECT_THAT(values(report, "ignored"), IsEmpty());
  EXPECT_THAT(values(report, "env"), AllOf(Not(Contains(StartsWith("SECRET_OF_WEIR="))), Contains(StartsWith("PATH="))));
  EXPECT_EQ(values(report, "session"), values(report, "pid")) << "it leads a session of its own";
}

/// Gives this thread a capability that the programs it starts would inherit; takes it back at the end.
class InheritedCapability {
 public:
  InheritedCapability() {
    (void)::syscall(SYS_capget, &header_, before_.data());
    auto wider = before_;
    wider[0].inheritable |= 1U << CAP_SYS_PTRACE;
    held_ = ::syscall(SYS_capset, &header_, wider.data()) == 0 &&
            ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_PTRACE, 0, 0) == 0;
  }
  ~InheritedCapability() {
    (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    (void)::syscall(SYS_capset, &header_, before_.data());
  }
  InheritedCapability(const InheritedCapability&) = delete;
  InheritedCapability& operator=(const InheritedCapability&) = delete;

  [[nodiscard]] bool held() const { return held_; }

 private:
  __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> before_{};
  bool held_ = false;
};

/// The capabilities that a process hands on to what it executes, as the kernel writes them.
std::string ambient_capabilities(const std::string& process) {
  for (const std::string& line : lines_of("/proc/" + process + "/status")) {
    if (line.starts_with("CapAmb:")) return line.substr(line.find_first_not_of(" \t", 7));
  }
  return {};
}

TEST_F(ProcessProvider, servers_get_none_of_the_capabilities_that_weir_was_given) {
  const InheritedCapability capability;
  if (!capability.held()) GTEST_SKIP() << "this user has no capability to hand on";
  ASSERT_EQ(ambient_capabilities("thread-self"), "0000000000080000");
  ASSERT_TRUE(launch(reporting_group(), "t"));
  EXPECT_EQ(ambient_capabilities(std::to_string(ready("t"))), "0000000000000000");
}

TEST_F(ProcessProvider, output_and_errors_are_appended_to_the_log_of_the_server) {
  const Group group = world_.group("app", {"--say", "hello from {id}", "--complain", "oh no", "--report", report_path()});
  ASSERT_TRUE(launch(group, "t"));
  (void)wait_for_report();
  EXPECT_EQ(*read_file(world_.directory() / "app/log/t.log"), "hello from t\noh no\n");
}

TEST_F(ProcessProvider, logs_go_where_the_group_says) {
  Group group = world_.group("app", {"--say", "hello", "--report", report_path()});
  group.server.set("log_dir", (world_.path() / "logs/of/app").string());
  ASSERT_TRUE(launch(group, "t"));
  (void)wait_for_report();
  EXPECT_EQ(*read_file(world_.path() / "logs/of/app/t.log"), "hello\n");
}

TEST_F(ProcessProvider, a_program_without_a_slash_is_found_on_the_path_servers_will_have) {
  Group group = world_.group("app", {});
  const std::filesystem::path program = group.server.texts("command").front();
  group.server.set("command", Lines{program.filename(), "--report", report_path()});
  const Result<Server> missing = launch(group, "t-1");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::invalid);
  EXPECT_THAT(missing.error().message, HasSubstr("no such program on PATH"));
  group.server.set("env", Settings::TextMap{{"PATH", "/nowhere::" + program.parent_path().string()},
                                            {"WEIR_TEST_WORLD", world_.path().string()}});
  ASSERT_TRUE(launch(group, "t-2"));
  (void)wait_for_report();
}

// Launches that fail.

TEST_F(ProcessProvider, a_program_that_cannot_be_run_is_refused_with_the_reason_and_leaves_nothing) {
  std::ofstream(world_.path() / "text") << "not a program";
  const std::pair<std::string, std::string> cases[] = {{(world_.path() / "absent").string(), "No such file or directory"},
                                                       {(world_.path() / "text").string(), "Permission denied"}};
  for (const auto& [program, why] : cases) {
    Group group = world_.group("app", {});
    group.server.set("command", Lines{program, "{port}"});
    const Result<Server> refused = launch(group, "t");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
    EXPECT_THAT(refused.error().message, AllOf(HasSubstr(program), HasSubstr(why), HasSubstr("nothing was started")));
    EXPECT_THAT(*list(), IsEmpty());
  }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no child is left";
}

TEST_F(ProcessProvider, a_cwd_that_does_not_exist_is_refused) {
  Group group = world_.group("app", {});
  group.server.set("cwd", std::string("/does/not/exist"));
  const Result<Server> refused = launch(group, "t");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
  EXPECT_THAT(refused.error().message, HasSubstr("cwd: No such file or directory"));
  EXPECT_THAT(*list(), IsEmpty());
}

TEST_F(ProcessProvider, a_refused_token_can_be_launched_when_the_reason_is_gone) {
  Group group = world_.group("app", {});
  Group broken = group;
  broken.server.set("command", Lines{"/absent"});
  ASSERT_FALSE(launch(broken, "t"));
  ASSERT_TRUE(launch(group, "t"));
  EXPECT_EQ(only().failure, "");
}

TEST_F(ProcessProvider, tokens_and_groups_that_cannot_be_file_names_are_refused) {
  for (const char* token : {"", "..", "a/b", ".a"}) {
    EXPECT_EQ(launch(world_.group("app", {}), token).error().kind, ErrorKind::invalid) << token;
  }
  EXPECT_EQ(launch(world_.group("../app", {}), "t").error().kind, ErrorKind::invalid);
}

TEST_F(ProcessProvider, when_every_port_is_taken_there_is_no_capacity) {
  Group group = world_.group("app", {});
  group.server.set("ports", world_.ports(2));
  ASSERT_TRUE(launch(group, "a"));
  ASSERT_TRUE(launch(group, "b"));
  const Result<Server> refused = launch(group, "c");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::out_of_capacity);
  EXPECT_THAT(refused.error().message, HasSubstr(world_.ports(2)));
  EXPECT_THAT(*list(), SizeIs(2));
}

TEST_F(ProcessProvider, groups_with_the_same_ports_do_not_collide) {
  EXPECT_EQ(launch(world_.group("app", {}), "a")->address, "127.0.0.1:" + std::to_string(world_.first_port()));
  EXPECT_EQ(launch(world_.group("web", {}), "w")->address, "127.0.0.1:" + std::to_string(world_.first_port() + 1));
}

TEST_F(ProcessProvider, a_port_somebody_else_listens_on_is_passed_over) {
  const int foreign = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(world_.first_port()));
  ASSERT_EQ(::bind(foreign, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);  // on all addresses
  ASSERT_EQ(::listen(foreign, 1), 0);
  EXPECT_EQ(launch(world_.group("app", {}), "t")->address, "127.0.0.1:" + std::to_string(world_.first_port() + 1));
  ::close(foreign);
}

TEST_F(ProcessProvider, a_host_that_is_not_of_this_machine_is_refused) {
  Group group = world_.group("app", {});
  group.server.set("host", std::string("192.0.2.1"));
  const Result<Server> refused = launch(group, "t");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
  EXPECT_THAT(refused.error().message, HasSubstr("cannot listen on 192.0.2.1"));
}

// How servers end.

TEST_F(ProcessProvider, a_server_that_exits_is_a_failure_with_its_status_and_log) {
  ASSERT_TRUE(launch(world_.group("app", {"--exit", "3"}), "t"));
  EXPECT_TRUE(fails_with("exited with status 3"));
  EXPECT_THAT(only().failure, HasSubstr((world_.directory() / "app/log/t.log").string()));
  EXPECT_EQ(only().phase, Phase::warming);
}

TEST_F(ProcessProvider, a_server_that_is_killed_is_a_failure_that_names_the_signal) {
  ASSERT_TRUE(launch(reporting_group(), "t"));
  ASSERT_EQ(::kill(ready("t"), SIGKILL), 0);
  EXPECT_TRUE(fails_with("killed by signal 9"));
}

TEST_F(ProcessProvider, how_a_server_ended_is_remembered_across_a_restart_of_weir) {
  ASSERT_TRUE(launch(world_.group("app", {"--exit", "3"}), "t"));
  ASSERT_TRUE(fails_with("exited with status 3"));
  provider_ = world_.open();
  EXPECT_THAT(only().failure, HasSubstr("exited with status 3"));
}

TEST_F(ProcessProvider, ended_children_are_reaped) {
  ASSERT_TRUE(launch(world_.group("app", {"--exit", "0"}), "t"));
  ASSERT_TRUE(fails_with("exited with status 0"));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(ProcessProvider, a_zombie_of_another_parent_is_dead) {
  // As after a restart of weir: the server is not our child, and its parent does not reap.
  std::array<int, 2> tell{};
  ASSERT_EQ(::pipe(tell.data()), 0);
  const Group group = world_.group("app", {"--exit", "0"});
  const pid_t parent = ::fork();
  if (parent == 0) {
    (void)provider_->launch({group, "t", "v1"}, {});
    (void)::write(tell[1], "x", 1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(tell[0], &byte, 1), 1);
  EXPECT_TRUE(fails_with("no longer running"));
  EXPECT_TRUE(provider_->terminate(group, "t", {}));
  EXPECT_THAT(*list(), IsEmpty());
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  ::close(tell[0]);
  ::close(tell[1]);
}

TEST_F(ProcessProvider, a_server_whose_first_thread_has_ended_is_alive) {
  const Group group = reporting_group({"--port", "{port}"});
  Group threads = group;
  Lines command = group.server.texts("command");
  command.push_back("--end-first-thread");
  threads.server.set("command", command);
  ASSERT_TRUE(launch(threads, "t"));
  const std::string stat = "/proc/" + std::to_string(ready("t")) + "/stat";
  ASSERT_TRUE(wait_until(kDeadline, [&] { return read_file(stat)->find(") Z ") != std::string::npos; }));
  EXPECT_EQ(only().failure, "");
}

TEST_F(ProcessProvider, servers_of_the_last_boot_are_dead) {
  const Group group = reporting_group();
  ASSERT_TRUE(launch(group, "t"));
  const pid_t pid = ready("t");
  const std::string boot = read_file("/proc/sys/kernel/random/boot_id")->substr(0, 36);
  edit_record("t", boot, "00000000-0000-0000-0000-000000000000");
  EXPECT_THAT(only().failure, HasSubstr("ended when this machine was restarted"));
  EXPECT_TRUE(terminate_until_gone(group, "t"));
  EXPECT_THAT(world_.processes(), ElementsAre(pid)) << "what has the same number after a restart is not ours to signal";
}

// Whose process it is.

TEST_F(ProcessProvider, a_reused_pid_is_not_mistaken_for_the_server) {
  const Group group = reporting_group();
  ASSERT_TRUE(launch(group, "t"));
  // Some other process has, since, been given the number that the record names.
  const pid_t foreign = ::fork();
  if (foreign == 0) {
    (void)::setsid();
    for (;;) ::pause();
  }
  const std::string pid = std::to_string(ready("t"));
  edit_record("t", "\"pid\": " + pid, "\"pid\": " + std::to_string(foreign));
  // Start times are counted in ticks of 10 ms, and both may have been started within one: a number is never reused that soon.
  edit_record("t", "\"start_time\": ", "\"start_time\": 1");
  EXPECT_THAT(only().failure, HasSubstr("no longer running"));
  ASSERT_TRUE(provider_->terminate(group, "t", {}));
  EXPECT_THAT(*list(), IsEmpty());
  EXPECT_EQ(::waitpid(foreign, nullptr, WNOHANG), 0) << "it must not have been signalled";
  ::kill(foreign, SIGKILL);
  ::waitpid(foreign, nullptr, 0);
}

TEST_F(ProcessProvider, servers_of_a_killed_weir_are_adopted) {
  const Group group = reporting_group({"--port", "{port}"});
  world_.launch_and_die({group, "t", "v1"}, LaunchStep::released);
  const pid_t pid = ready("t");
  const Server adopted = only();
  EXPECT_EQ(adopted.failure, "");
  EXPECT_EQ(adopted.phase, Phase::warming);
  EXPECT_EQ(launch(group, "t")->address, adopted.address);
  EXPECT_THAT(world_.processes(), ElementsAre(pid));
  EXPECT_TRUE(terminate_until_gone(group, "t"));
  EXPECT_TRUE(all_gone());
}

TEST_F(ProcessProvider, weir_killed_before_the_record_names_the_process_leaves_no_process) {
  for (const LaunchStep step : {LaunchStep::reserved, LaunchStep::forked, LaunchStep::recorded}) {
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  // whatever is left behind becomes our child
    const Group group = reporting_group();
    const std::string token = "t" + std::to_string(static_cast<int>(step));
    world_.launch_and_die({group, token, "v1"}, step);
    EXPECT_TRUE(wait_until(kDeadline, [] { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }));
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
    EXPECT_FALSE(std::filesystem::exists(report_path(token))) << "the program must not have run";
    EXPECT_NE(only().failure, "") << "its port is still reserved, so it must be seen";
    const FailureCause cause = step == LaunchStep::recorded ? FailureCause::program : FailureCause::platform;
    EXPECT_EQ(only().failure_cause, cause) << "without a process it is known that the program never ran";
    EXPECT_TRUE(provider_->terminate(group, token, {}));
    EXPECT_THAT(*list(), IsEmpty());
  }
}

TEST_F(ProcessProvider, a_launch_that_was_interrupted_before_there_was_a_process_is_begun_again) {
  const Group group = reporting_group();
  for (const LaunchStep step : {LaunchStep::reserved, LaunchStep::forked}) {
    const std::string token = "t" + std::to_string(static_cast<int>(step));
    world_.launch_and_die({group, token, "v1"}, step);
    EXPECT_THAT(only().failure, HasSubstr("interrupted"));
    const Result<Server> again = launch(group, token);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(only().failure, "");
    (void)ready(token);
    EXPECT_TRUE(terminate_until_gone(group, token));
  }
}

TEST_F(ProcessProvider, launches_of_two_groups_at_once_do_not_keep_each_other_from_noticing_the_death_of_weir) {
  // Two providers with directories of their own, so that no lock orders them; both forked, neither released, then weir dies.
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  const Group group = reporting_group();
  const pid_t weir = ::fork();
  if (weir == 0) {
    std::latch both(2);
    const auto die_together = [&](LaunchStep step) {
      if (step != LaunchStep::recorded) return;
      both.arrive_and_wait();
      (void)::kill(::getpid(), SIGKILL);
    };
    const auto run = [&](const char* name) {
      (void)make_process_provider({.directory = world_.path() / name, .on_step = die_together})->launch({group, name, "v1"}, {});
    };
    std::thread left(run, "left");
    std::thread right(run, "right");
    left.join();
    right.join();
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(weir, &status, 0), weir);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(wait_until(kDeadline, [] { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }));
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

// Termination.

TEST_F(ProcessProvider, a_server_is_asked_to_end_and_forgotten_when_it_has) {
  const Group group = reporting_group();
  ASSERT_TRUE(launch(group, "t"));
  (void)ready("t");
  ASSERT_TRUE(provider_->terminate(group, "t", {}));
  EXPECT_TRUE(all_gone());
  EXPECT_EQ(only().phase, Phase::terminating);
  EXPECT_EQ(only().failure, "") << "it did as it was told";
  ASSERT_TRUE(provider_->terminate(group, "t", {}));
  EXPECT_THAT(*list(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(world_.record("app", "t")));
  EXPECT_TRUE(std::filesystem::exists(world_.directory() / "app/log/t.log")) << "the log is kept";
}

TEST_F(ProcessProvider, a_server_that_ignores_sigterm_is_killed_when_its_grace_is_over_also_after_a_restart) {
  Group group = reporting_group({"--ignore-term"});
  group.server.set("stop_grace", Duration{10s});
  ASSERT_TRUE(launch(group, "t"));
  const pid_t pid = ready("t");
  ASSERT_TRUE(provider_->terminate(group, "t", {}));
  world_.pass(9999ms);
  provider_ = world_.open();
  ASSERT_TRUE(provider_->terminate(group, "t", {}));
  EXPECT_THAT(world_.processes(), ElementsAre(pid));
  EXPECT_EQ(only().phase, Phase::terminating);
  world_.pass(1ms);
  ASSERT_TRUE(provider_->terminate(group, "t", {}));
  EXPECT_TRUE(all_gone());
  EXPECT_TRUE(terminate_until_gone(group, "t"));
}

TEST_F(ProcessProvider, the_grace_begins_again_when_the_clock_is_set_back) {
  Group group = reporting_group({"--ignore-term"});
  group.server.set("stop_grace", Duration{10s});
  ASSERT_TRUE(launch(group, "t"));
  (void)ready("t");
  ASSERT_TRUE(provider_->terminate(group, "t", {}));
  world_.pass(-1h);
  ASSERT_TRUE(provider_->terminate(group, "t", {}));
  world_.pass(10s);
  ASSERT_TRUE(provider_->terminate(group, "t", {}));
  EXPECT_TRUE(all_gone());
}

TEST_F(ProcessProvider, what_a_server_started_ends_with_it) {
  const Group group = reporting_group({"--grandchild"});
  ASSERT_TRUE(launch(group, "t"));
  (void)ready("t");
  ASSERT_TRUE(wait_until(kDeadline, [&] { return world_.processes().size() == 2; }));
  EXPECT_TRUE(terminate_until_gone(group, "t"));
  EXPECT_TRUE(all_gone());
}

TEST_F(ProcessProvider, what_a_dead_server_left_behind_is_ended_before_it_is_forgotten) {
  const Group group = reporting_group({"--grandchild"});
  ASSERT_TRUE(launch(group, "t"));
  ASSERT_EQ(::kill(ready("t"), SIGKILL), 0);
  ASSERT_TRUE(fails_with("killed by signal 9"));
  ASSERT_THAT(world_.processes(), SizeIs(1));
  ASSERT_TRUE(provider_->terminate(group, "t", {}));
  EXPECT_TRUE(all_gone());
  EXPECT_TRUE(terminate_until_gone(group, "t"));
}

TEST_F(ProcessProvider, a_dead_server_holds_its_port_until_it_is_terminated) {
  Group group = world_.group("app", {"--exit", "1"});
  group.server.set("ports", world_.ports(1));
  ASSERT_TRUE(launch(group, "a"));
  ASSERT_TRUE(fails_with("exited"));
  EXPECT_EQ(launch(group, "b").error().kind, ErrorKind::out_of_capacity);
  ASSERT_TRUE(provider_->terminate(group, "a", {}));
  EXPECT_TRUE(launch(group, "b"));
}

// Found by review: the replacement of a crashed server took its port while nginx still sent requests there.
TEST_F(ProcessProvider, the_port_of_a_server_that_just_ended_is_not_given_to_the_next) {
  Group group = world_.group("app", {"--exit", "1"});
  group.server.set("ports", world_.ports(3));
  const std::string freed = launch(group, "a")->address;
  ASSERT_TRUE(fails_with("exited"));
  ASSERT_TRUE(provider_->terminate(group, "a", {}));
  const Result<Server> next = launch(group, "b");
  ASSERT_TRUE(next);
  EXPECT_NE(next->address, freed);
}

// What is on disk.

TEST_F(ProcessProvider, without_a_directory_there_are_no_servers_and_a_list_makes_none) {
  EXPECT_THAT(*list(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(world_.directory()));
}

TEST_F(ProcessProvider, a_file_in_place_of_its_directory_is_not_an_empty_fleet) {
  std::filesystem::create_directories(world_.directory().parent_path());
  std::ofstream(world_.directory()) << "not ours";
  const auto listed = list();
  ASSERT_FALSE(listed);
  EXPECT_THAT(listed.error().message, HasSubstr("is not a directory"));
}

TEST_F(ProcessProvider, a_directory_that_vanished_is_not_an_empty_fleet) {
  const Group group = world_.group("app", {});
  ASSERT_TRUE(launch(group, "t"));
  std::filesystem::rename(world_.directory(), world_.path() / "elsewhere");
  const Result<std::vector<Server>> servers = list();
  ASSERT_FALSE(servers);
  EXPECT_EQ(servers.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(servers.error().message, HasSubstr(world_.directory().string()));
  EXPECT_EQ(launch(group, "u").error().kind, ErrorKind::unavailable);
  EXPECT_EQ(provider_->terminate(group, "t", {}).error().kind, ErrorKind::unavailable);
}

TEST_F(ProcessProvider, a_record_that_cannot_be_used_makes_the_list_unavailable_and_is_named) {
  const Group group = world_.group("app", {});
  ASSERT_TRUE(launch(group, "good"));
  const std::string good = *read_file(world_.record("app", "good"));
  std::string no_port = good;
  no_port.replace(no_port.find("\"port\""), 6, "\"tort\"");
  std::string impossible = good;
  impossible.replace(impossible.find("\"pid\": ") + 7, 0, "-");
  for (const std::string& text : {std::string(), std::string("{\"token\":"), std::string("[]"), no_port, good, impossible}) {
    ASSERT_TRUE(replace_file(world_.record("app", "bad"), text));
    const Result<std::vector<Server>> servers = list();
    ASSERT_FALSE(servers) << text;
    EXPECT_EQ(servers.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(servers.error().message, AllOf(HasSubstr(world_.record("app", "bad").string()), HasSubstr("removed")));
    EXPECT_EQ(launch(group, "next").error().kind, ErrorKind::unavailable) << "its port is not known";
    EXPECT_EQ(provider_->terminate(group, "bad", {}).error().kind, ErrorKind::unavailable);
  }
  ASSERT_TRUE(provider_->terminate(group, "good", {})) << "the others can still be removed";
  std::filesystem::remove(world_.record("app", "bad"));
  EXPECT_TRUE(list());
}

TEST_F(ProcessProvider, half_written_files_and_what_else_lies_around_do_not_matter) {
  ASSERT_TRUE(launch(world_.group("app", {}), "t"));
  std::ofstream(world_.directory() / "app/.u.json.weir-tmp") << "{";
  std::ofstream(world_.directory() / "app/README") << "hello";
  std::ofstream(world_.directory() / "notes.json") << "hello";
  EXPECT_EQ(only().id, "t");
}

TEST_F(ProcessProvider, waits_for_others_that_use_the_directory_but_not_for_ever) {
  const Group group = world_.group("app", {});
  ASSERT_TRUE(launch(group, "t"));
  const int other = ::open((world_.directory() / ".lock").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  const auto impatient = make_process_provider({.directory = world_.directory(), .lock_deadline = 1ms});
  EXPECT_EQ(impatient->list({}, {}).error().kind, ErrorKind::unavailable);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(provider_->list({}, stop.get_token()).error().kind, ErrorKind::cancelled);
  std::jthread waiting([&] { EXPECT_EQ(only().id, "t"); });
  ASSERT_EQ(::flock(other, LOCK_UN), 0);
  waiting.join();
  ::close(other);
}

}  // namespace
}  // namespace weir
