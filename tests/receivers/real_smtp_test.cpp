// Mail as a real SMTP server (aiosmtpd) takes it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "examples/stand/process.h"
#include "platform/command.h"
#include "platform/file.h"
#include "tests/receivers/support.h"
#include "tests/support/certificates.h"
#include "tests/support/free_port.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Debian's own, for which python3-aiosmtpd is.
constexpr const char* kPython = "/usr/bin/python3";

class RealSmtp : public testing::Test {
 protected:
  void SetUp() override {
    const auto there = run_command(std::vector<std::string>{kPython, "-c", "import aiosmtpd"}, 60s);
    if (!there || there->status != 0) GTEST_SKIP() << "skipped, for there is no aiosmtpd here (Debian: python3-aiosmtpd)";
    ASSERT_EQ(certificates_.make(), "");
    std::ofstream(password_file()) << "hunter2\n";
  }
  void start(const std::string& mode) {
    auto program = Program::start(
        {.command = {kPython, std::string(WEIR_SOURCE_DIR) + "/tests/receivers/smtp_server.py", std::to_string(port_),
                     mails_.string(), mode, certificates_.file("server.pem"), certificates_.file("server.key")},
         .directory = directory_.path(),
         .log = directory_.path() / "log"});
    ASSERT_TRUE(program) << program.error().message;
    server_.emplace(std::move(*program));
    ASSERT_TRUE(wait_until(60s, [&] { return read_file(directory_.path() / "log").value_or("").contains("ready"); }))
        << read_file(directory_.path() / "log").value_or("");
  }
  [[nodiscard]] std::string password_file() const { return (directory_.path() / "password").string(); }
  Attempt send(const std::string& more, const Message& message, const std::stop_token& stop = {}) {
    const auto receiver =
        receiver_with(fmt::format("type: email, host: 127.0.0.1, port: {}, from: \"weir <weir@example.com>\", {}{}", port_,
                                  more.contains("to: [") ? "" : "to: [ops@example.com], ", more),
                      network_);
    return receiver->send(message, stop);
  }
  [[nodiscard]] std::string login() const {
    return fmt::format("username: weir, password_file: \"{}\", ca_file: \"{}\"", password_file(),
                       certificates_.file("authority.pem"));
  }
  json mails() {
    json all = json::array();
    std::istringstream lines(read_file(mails_).value_or(""));
    for (std::string line; std::getline(lines, line);) all.push_back(json::parse(line));
    return all;
  }
  static void expect(const Attempt& attempt, ErrorKind kind) {
    ASSERT_FALSE(attempt.result);
    EXPECT_EQ(attempt.result.error().kind, kind) << attempt.result.error().message;
    EXPECT_THAT(attempt.result.error().message, AllOf(HasSubstr("email ops: mail to smtp"), Not(HasSubstr("hunter2"))));
  }

  TempDirectory directory_;
  std::filesystem::path mails_ = directory_.path() / "mails";
  Certificates certificates_;
  int port_ = free_port();
  std::optional<Program> server_;
  HttpClient http_;
  WaitingClock clock_;
  TokenBuckets buckets_{clock_};
  Network network_{.http = http_, .clock = clock_, .buckets = buckets_};
};

TEST_F(RealSmtp, with_starttls_and_a_login_a_mail_arrives_as_it_was_meant) {
  start("starttls");
  Event event = at_max();
  event.summary = "서버가 부족합니다: 9 wanted";
  const Attempt attempt = send(login(), message_of({event, scaled_out()}));
  ASSERT_TRUE(attempt.result) << attempt.result.error().message;
  ASSERT_EQ(mails().size(), 1U);
  const json mail = mails()[0];
  EXPECT_EQ(mail["from"], "weir@example.com");
  EXPECT_EQ(mail["to"], json::parse(R"(["ops@example.com"])"));
  EXPECT_EQ(mail["tls"], true);
  EXPECT_EQ(mail["user"], "weir");
  EXPECT_EQ(mail["defects"], json::array());
  EXPECT_EQ(mail["headers"]["From"], "weir <weir@example.com>");
  EXPECT_EQ(mail["headers"]["Subject"], "[critical] app: 2 events");
  EXPECT_EQ(mail["headers"]["Content-Type"], "text/plain; charset=\"utf-8\"");
  EXPECT_THAT(mail["body"].get<std::string>(), AllOf(HasSubstr("[critical] app: 서버가 부족합니다: 9 wanted\n"),
                                                     HasSubstr("[info] app: scaled out"), HasSubstr("weir-eu")));
}

TEST_F(RealSmtp, a_subject_that_is_no_ascii_arrives_whole) {
  start("none");
  Event event = at_max();
  event.summary = "서버가 부족합니다 서버가 부족합니다 서버가 부족합니다";
  ASSERT_TRUE(send("tls: none", message_of({event})).result);
  EXPECT_EQ(mails()[0]["headers"]["Subject"], "[critical] app: " + event.summary);
}

TEST_F(RealSmtp, tls_from_the_first_byte_works_too) {
  start("tls");
  const Attempt attempt = send("tls: tls, " + login(), message_of({at_max()}));
  ASSERT_TRUE(attempt.result) << attempt.result.error().message;
  EXPECT_EQ(mails()[0]["tls"], true);
}

TEST_F(RealSmtp, nothing_is_sent_to_a_server_without_the_tls_that_was_asked_for) {
  start("none");
  expect(send("timeout: 20s", message_of({at_max()})), ErrorKind::unavailable);
  EXPECT_EQ(mails().size(), 0U);
}

TEST_F(RealSmtp, a_certificate_of_an_unknown_authority_is_refused) {
  start("starttls");
  expect(send(fmt::format("username: weir, password_file: \"{}\"", password_file()), message_of({at_max()})),
         ErrorKind::unavailable);
  EXPECT_EQ(mails().size(), 0U);
}

TEST_F(RealSmtp, a_wrong_password_is_a_matter_for_people) {
  start("starttls");
  std::ofstream(password_file()) << "hunter2-wrong\n";
  expect(send(login(), message_of({at_max()})), ErrorKind::denied);
}

TEST_F(RealSmtp, one_address_that_is_no_more_does_not_keep_the_mail_from_the_others) {
  start("none");
  ASSERT_TRUE(send("tls: none, to: [nobody@example.com, ops@example.com]", message_of({at_max()})).result);
  EXPECT_EQ(mails()[0]["to"], json::parse(R"(["ops@example.com"])"));
  expect(send("tls: none, to: [nobody@example.com]", message_of({at_max()})), ErrorKind::invalid);
}

TEST_F(RealSmtp, nobody_there_may_pass) { expect(send("tls: none", message_of({at_max()})), ErrorKind::unavailable); }

TEST_F(RealSmtp, silence_ends_at_once_when_weir_stops) {
  // It listens and never says a word.
  auto silent = Program::start({.command = {kPython, "-c",
                                            fmt::format("import socket, time\ns = socket.create_server(('127.0.0.1', {}))\n"
                                                        "c, _ = s.accept()\nopen('accepted', 'w').close()\ntime.sleep(600)",
                                                        port_)},
                                .directory = directory_.path(),
                                .log = directory_.path() / "log"});
  ASSERT_TRUE(silent) << silent.error().message;
  std::stop_source stop;
  Attempt attempt{failure(ErrorKind::invalid, "not tried")};
  // Until it listens an attempt ends at once.
  std::jthread sender([&] {
    do {
      attempt = send("tls: none, timeout: 5m", message_of({at_max()}), stop.get_token());
    } while (!stop.stop_requested());
  });
  ASSERT_TRUE(wait_until(60s, [&] { return std::filesystem::exists(directory_.path() / "accepted"); }));
  stop.request_stop();
  sender.join();
  expect(attempt, ErrorKind::cancelled);
}

}  // namespace
}  // namespace weir
