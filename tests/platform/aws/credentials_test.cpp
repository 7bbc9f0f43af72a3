#include "platform/aws/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "tests/fakes/network.h"
#include "tests/support/http_stub.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr TimePoint kNow{500'000h};

class CredentialsTest : public testing::Test {
 protected:
  AwsCredentialChain chain() {
    return AwsCredentialChain(world.network, account,
                              {.variable =
                                   [this](const std::string& name) {
                                     const auto found = variables.find(name);
                                     return found == variables.end() ? std::nullopt : std::optional(found->second);
                                   },
                               .now = [this] { return now; }});
  }
  static std::string json(const std::string& key, TimePoint expires) {
    return R"({"Code": "Success", "AccessKeyId": ")" + key + R"(", "SecretAccessKey": "hidden", "Token": "token-of-)" + key +
           R"(", "Expiration": ")" + format_time(expires).substr(0, 19) + R"(Z"})";
  }
  void write_file(const std::string& text) {
    std::ofstream(directory.path() / "credentials") << text;
    variables["AWS_SHARED_CREDENTIALS_FILE"] = directory.path() / "credentials";
  }
  /// A metadata service whose role has credentials that last an hour.
  void serve_metadata() {
    stub.answer([this](const HttpStub::Request& request) -> HttpStub::Answer {
      if (request.method == "PUT") return {.body = "session"};
      const auto session = request.headers.find("x-aws-ec2-metadata-token");
      if (session == request.headers.end() || session->second != "session") return {.status = 401};
      if (request.target == "/latest/meta-data/iam/security-credentials/") return {.body = "role\n"};
      return {.body = json("role-key-" + std::to_string(++issued), now + 1h)};
    });
    variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = stub.url();
  }

  ImpatientNetwork world;
  AwsAccount account{.name = "aws", .region = "us-east-1"};
  std::map<std::string, std::string> variables{{"AWS_EC2_METADATA_DISABLED", "true"}};
  TimePoint now = kNow;
  TempDirectory directory;
  std::atomic<int> issued = 0;
  HttpStub stub;
};

TEST_F(CredentialsTest, the_configured_key_comes_first) {
  account.access_key_id = "configured";
  account.secret_access_key = "hidden";
  variables["AWS_ACCESS_KEY_ID"] = "environment";
  variables["AWS_SECRET_ACCESS_KEY"] = "hidden";
  EXPECT_EQ(chain().get({})->access_key_id, "configured");
}

TEST_F(CredentialsTest, then_the_environment_with_its_session) {
  variables["AWS_ACCESS_KEY_ID"] = "environment";
  variables["AWS_SECRET_ACCESS_KEY"] = "hidden";
  variables["AWS_SESSION_TOKEN"] = "session";
  write_file("[default]\naws_access_key_id=file\naws_secret_access_key=hidden\n");
  const auto found = chain().get({});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->access_key_id, "environment");
  EXPECT_EQ(found->session_token, "session");
}

TEST_F(CredentialsTest, then_the_shared_file_and_its_profile) {
  write_file(
      "# mine\n[default]\naws_access_key_id = first\naws_secret_access_key = hidden\n\n[ops]\r\naws_access_key_id=second\r\n"
      "aws_secret_access_key=a=b\r\naws_session_token=t\r\n");
  EXPECT_EQ(chain().get({})->access_key_id, "first");
  variables["AWS_PROFILE"] = "ops";
  EXPECT_EQ(chain().get({})->secret_access_key, "a=b");
  account.profile = "default";
  EXPECT_EQ(chain().get({})->access_key_id, "first");
}

TEST_F(CredentialsTest, a_named_profile_must_be_there_and_usable_and_nothing_else_is_taken_for_it) {
  variables["AWS_ACCESS_KEY_ID"] = "environment";
  variables["AWS_SECRET_ACCESS_KEY"] = "hidden";
  account.profile = "ops";
  write_file("[ops]\nrole_arn = arn:aws:iam::1:role/x\nsecret_of_another_kind = hidden\n");
  const auto unusable = chain().get({});
  ASSERT_FALSE(unusable);
  EXPECT_EQ(unusable.error().kind, ErrorKind::denied);
  EXPECT_THAT(unusable.error().message, HasSubstr("role_arn"));
  EXPECT_THAT(unusable.error().message, Not(HasSubstr("hidden")));
  write_file("[default]\naws_access_key_id=a\naws_secret_access_key=b\n");
  EXPECT_THAT(chain().get({}).error().message, HasSubstr("no profile 'ops'"));
}

TEST_F(CredentialsTest, a_containers_endpoint_is_asked_with_its_token) {
  stub.answer(HttpStub::Answer{.body = json("container", now + 1h)});
  variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = stub.url() + "/creds";
  variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "who-i-am";
  const auto found = chain().get({});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->session_token, "token-of-container");
  EXPECT_EQ(stub.requests()[0].headers.at("authorization"), "who-i-am");
}

TEST_F(CredentialsTest, a_containers_endpoint_elsewhere_is_not_asked_in_the_clear) {
  variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://credentials.example/creds";
  const auto found = chain().get({});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::denied);
}

TEST_F(CredentialsTest, an_instances_role_is_asked_by_session_and_renewed_before_it_expires) {
  variables.erase("AWS_EC2_METADATA_DISABLED");
  serve_metadata();
  AwsCredentialChain credentials = chain();
  EXPECT_EQ(credentials.get({})->access_key_id, "role-key-1");
  now += 54min;
  EXPECT_EQ(credentials.get({})->access_key_id, "role-key-1");
  now += 2min;
  EXPECT_EQ(credentials.get({})->access_key_id, "role-key-2");
}

TEST_F(CredentialsTest, while_they_are_good_an_outage_of_their_source_does_not_matter) {
  variables.erase("AWS_EC2_METADATA_DISABLED");
  serve_metadata();
  AwsCredentialChain credentials = chain();
  ASSERT_TRUE(credentials.get({}));
  now += 57min;
  stub.answer(HttpStub::Answer{.status = 500});
  EXPECT_EQ(credentials.get({})->access_key_id, "role-key-1");
  const std::size_t asked = stub.requests().size();
  EXPECT_EQ(credentials.get({})->access_key_id, "role-key-1");
  EXPECT_THAT(stub.requests(), SizeIs(asked)) << "not asked again with every call";
  now += 4min;
  const auto late = credentials.get({});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::unavailable);
}

TEST_F(CredentialsTest, refused_ones_are_looked_for_again_once) {
  variables.erase("AWS_EC2_METADATA_DISABLED");
  serve_metadata();
  AwsCredentialChain credentials = chain();
  const AwsCredentials first = *credentials.get({});
  credentials.refuse(first);
  EXPECT_EQ(credentials.get({})->access_key_id, "role-key-2");
  credentials.refuse(first);  // another caller, who has not heard of it
  EXPECT_EQ(credentials.get({})->access_key_id, "role-key-2");
}

TEST_F(CredentialsTest, nothing_found_says_where_it_looked) {
  const auto found = chain().get({});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::denied);
  EXPECT_THAT(found.error().message, HasSubstr("no AWS credentials"));
}

TEST(ParseCredentialsTest, a_broken_answer_is_not_quoted) {
  for (const char* text :
       {"", "{", R"({"AccessKeyId": "a", "SecretAccessKey": 7})", R"({"SecretAccessKey": "hidden"})", "[\"hidden\"]"}) {
    const auto found = parse_credentials_json(text);
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(found.error().message, Not(HasSubstr("hidden")));
  }
}

}  // namespace
}  // namespace weir
