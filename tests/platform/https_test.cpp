// TLS as openssl's own server speaks it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "platform/command.h"
#include "platform/file.h"
#include "platform/http_client.h"
#include "tests/support/certificates.h"
#include "tests/support/free_port.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// A server that wants to see a client's certificate and whose own says 127.0.0.1.
class Https : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(certificates_.make(), "");
    access_.ca_pem = text("authority.pem");
    access_.certificate_pem = text("client.pem");
    access_.key_pem = text("client.key");
    const std::vector<std::string> words{"openssl",
                                         "s_server",
                                         "-quiet",
                                         "-www",
                                         "-accept",
                                         fmt::format("127.0.0.1:{}", port_),
                                         "-cert",
                                         certificates_.file("server.pem"),
                                         "-key",
                                         certificates_.file("server.key"),
                                         "-Verify",
                                         "1",
                                         "-verify_return_error",
                                         "-CAfile",
                                         certificates_.file("authority.pem")};
    server_ = std::jthread([words](std::stop_token stop) { (void)run_command(words, 100s, std::move(stop)); });
    ASSERT_TRUE(wait_until(20s, [this] { return get("127.0.0.1").has_value(); })) << get("127.0.0.1").error().message;
  }
  std::string text(const std::string& name) { return read_file(certificates_.file(name)).value_or(""); }
  Result<HttpResponse> get(const std::string& host) {
    return http_.fetch({.url = fmt::format("https://{}:{}/", host, port_), .access = access_, .fresh_connection = true});
  }

  Certificates certificates_;
  HttpClient http_;
  HttpAccess access_;
  int port_ = free_port();
  std::jthread server_;
};

TEST_F(Https, certificates_may_be_given_as_text) {
  EXPECT_EQ(get("127.0.0.1")->status, 200);
  access_.certificate_pem.clear();
  access_.key_pem.clear();
  EXPECT_FALSE(get("127.0.0.1")) << "the server does not know who we are";
}

TEST_F(Https, the_server_may_have_another_name_than_its_address) {
  EXPECT_FALSE(get("localhost")) << "its certificate does not say so";
  access_.tls_server_name = "127.0.0.1";
  const auto answer = get("localhost");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 200);
  access_.tls_server_name = "other.example";
  EXPECT_FALSE(get("127.0.0.1"));
}

}  // namespace
}  // namespace weir
