#include "controller/api/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "controller/api/server.h"
#include "platform/command.h"
#include "platform/file.h"
#include "platform/http_client.h"
#include "tests/api/fake_api_data.h"
#include "tests/support/certificates.h"
#include "tests/support/free_port.h"
#include "tests/support/raw_client.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class TlsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(certificates_.make(), "");
    ASSERT_EQ(others_.make(), "");
  }
  [[nodiscard]] static TlsFiles files(const Certificates& certificates) {
    return {.certificate = certificates.file("server.pem"), .key = certificates.file("server.key"), .client_ca = {}};
  }
  void start(const TlsFiles& files) {
    auto identity = TlsIdentity::load(files);
    ASSERT_TRUE(identity) << identity.error().message;
    identity_ = *identity;
    ConnectionLimits limits;
    limits.every = 5ms;
    auto started = ApiServer::start(
        "127.0.0.1:" + std::to_string(port_),
        [this](const ApiRequest& request, const ApiReply& reply) { answer(request, data_, control_, reply); }, limits, {},
        identity_);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }
  Result<HttpResponse> ask(HttpAccess access, const std::string& method = "GET", const std::string& path = "/healthz") {
    HttpClient http;
    return http.fetch({.method = method,
                       .url = "https://127.0.0.1:" + std::to_string(port_) + path,
                       .access = std::move(access),
                       .timeout = 20s,
                       .fresh_connection = true});
  }
  [[nodiscard]] bool answers() { return ask({.ca_file = certificates_.file("authority.pem")}).has_value(); }

  Certificates certificates_;
  Certificates others_;  ///< of another authority
  int port_ = free_port();
  FakeApiData data_;
  FakeControl control_;
  std::shared_ptr<TlsIdentity> identity_;
  std::unique_ptr<ApiServer> server_;
};

TEST_F(TlsTest, answers_those_who_trust_its_authority_or_itself) {
  start(files(certificates_));
  const auto answered = ask({.ca_file = certificates_.file("authority.pem")});
  ASSERT_TRUE(answered) << answered.error().message;
  EXPECT_EQ(answered->body, "ok\n");
  const auto pinned = ask({.ca_pem = read_file(certificates_.file("server.pem")).value()});
  EXPECT_TRUE(pinned) << pinned.error().message;
  const auto ordered =
      ask({.bearer_token = control_.secret, .ca_file = certificates_.file("authority.pem")}, "POST", "/v1/groups/app/resume");
  ASSERT_TRUE(ordered) << ordered.error().message;
  EXPECT_EQ(ordered->status, 202);
  EXPECT_EQ(control_.writes.at(0).remote, "127.0.0.1");
}

TEST_F(TlsTest, who_trusts_another_authority_does_not_speak_to_it) {
  start(files(certificates_));
  const auto refused = ask({.ca_file = others_.file("authority.pem")});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("certificate"));
  EXPECT_TRUE(answers());
}

TEST_F(TlsTest, what_is_not_tls_is_closed_without_an_answer) {
  start(files(certificates_));
  for (const char* request : {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\xff\xff", "\x80\x80", "garbage\n\n"}) {
    RawClient client(port_);
    client.send(request);
    client.send_no_more();
    EXPECT_THAT(client.read_all(), testing::Not(HasSubstr("HTTP/1.1 200"))) << request;
    EXPECT_TRUE(answers()) << request;
  }
}

TEST_F(TlsTest, a_handshake_that_never_ends_is_cut_off) {
  auto identity = TlsIdentity::load(files(certificates_));
  ASSERT_TRUE(identity);
  ConnectionLimits limits;
  limits.every = 5ms;
  limits.answer = 2s;  // also for those who mean it, on a busy machine
  limits.idle = 2s;
  auto server = ApiServer::start(
      "127.0.0.1:" + std::to_string(port_),
      [this](const ApiRequest& request, const ApiReply& reply) { answer(request, data_, control_, reply); }, limits, {}, *identity);
  ASSERT_TRUE(server) << server.error().message;
  for (const char* beginning : {"", "\x16\x03\x01\x02"}) {
    RawClient client(port_);
    client.send(beginning);
    EXPECT_TRUE(client.closed_by_server());
  }
  EXPECT_TRUE(answers());
}

TEST_F(TlsTest, a_client_without_the_certificate_it_is_asked_for_gets_nothing) {
  TlsFiles wanted = files(certificates_);
  wanted.client_ca = certificates_.file("authority.pem");
  start(wanted);
  const std::string authority = certificates_.file("authority.pem");
  EXPECT_FALSE(ask({.ca_file = authority}));
  EXPECT_FALSE(ask({.ca_file = authority, .certificate_file = others_.file("client.pem"), .key_file = others_.file("client.key")}));
  const auto known = ask(
      {.ca_file = authority, .certificate_file = certificates_.file("client.pem"), .key_file = certificates_.file("client.key")});
  EXPECT_TRUE(known) << known.error().message;
}

TEST_F(TlsTest, shows_a_certificate_that_was_read_again_and_keeps_the_old_one_if_the_new_is_unusable) {
  start(files(certificates_));
  ASSERT_TRUE(answers());
  ASSERT_TRUE(identity_->reload(files(others_)));
  EXPECT_FALSE(answers());
  EXPECT_TRUE(ask({.ca_file = others_.file("authority.pem")}));
  TlsFiles mixed = files(certificates_);
  mixed.key = others_.file("server.key");
  const auto refused = identity_->reload(mixed);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("server.key: not the key of the certificate in"));
  EXPECT_TRUE(ask({.ca_file = others_.file("authority.pem")}));
}

TEST_F(TlsTest, says_which_file_is_of_no_use) {
  const std::string empty = certificates_.file("empty.pem");
  std::ofstream(empty) << "nothing";
  const TlsFiles good = files(certificates_);
  const std::pair<TlsFiles, std::string> cases[] = {
      {{.certificate = empty, .key = good.key, .client_ca = {}}, empty + ": expected certificates"},
      {{.certificate = good.certificate, .key = empty, .client_ca = {}}, empty + ": expected a private key"},
      {{.certificate = good.certificate, .key = good.key, .client_ca = empty}, empty + ": expected certificates"},
      {{.certificate = empty + ".none", .key = good.key, .client_ca = {}}, empty + ".none"},
  };
  for (const auto& [files, message] : cases) {
    const auto loaded = TlsIdentity::load(files);
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().message, HasSubstr(message));
  }
}

TEST_F(TlsTest, nothing_older_than_tls_1_2_is_spoken) {
  const auto identity = TlsIdentity::load(files(certificates_));
  ASSERT_TRUE(identity);
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  ASSERT_TRUE((*identity)->use_in(context.get()));
  EXPECT_EQ(SSL_CTX_get_min_proto_version(context.get()), TLS1_2_VERSION);
}

TEST_F(TlsTest, knows_whom_a_certificate_is_for) {
  EXPECT_EQ(name_in_certificate(read_file(certificates_.file("server.pem")).value()), "127.0.0.1");
  EXPECT_EQ(name_in_certificate(read_file(certificates_.file("authority.pem")).value()), "");
  EXPECT_EQ(name_in_certificate("nothing"), "");
}

}  // namespace
}  // namespace weir
