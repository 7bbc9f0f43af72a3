#include "platform/aws/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/fakes/network.h"
#include "tests/support/http_stub.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using Answer = HttpStub::Answer;

const Answer kGood{
    .body =
        "<DescribeAutoScalingGroupsResponse xmlns=\"http://x/\"><DescribeAutoScalingGroupsResult><AutoScalingGroups/>"
        "</DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>"};

Answer refusal(int status, const std::string& code, const std::string& message) {
  return {.status = status,
          .body = "<ErrorResponse><Error><Type>Sender</Type><Code>" + code + "</Code><Message>" + message +
                  "</Message></Error></ErrorResponse>"};
}

HttpStub::Handler in_order(std::vector<Answer> answers) {
  return [answers = std::move(answers), next = std::make_shared<std::atomic<std::size_t>>(0)](const HttpStub::Request&) {
    return answers[std::min((*next)++, answers.size() - 1)];
  };
}

class AwsClientTest : public testing::Test {
 protected:
  AwsClient client() { return AwsClient(world.network, account, surroundings); }
  static AwsCall describe() { return {.action = "DescribeAutoScalingGroups", .repeat = Repeat::safe}; }
  static AwsCall change() {
    return {.action = "SetDesiredCapacity", .parameters = {{"AutoScalingGroupName", "my pool/web ä"}, {"DesiredCapacity", "4"}}};
  }

  ImpatientNetwork world;
  HttpStub stub;
  AwsAccount account{
      .name = "aws", .region = "us-east-1", .endpoint = stub.url(), .access_key_id = "AKID", .secret_access_key = "hidden/Secret"};
  std::atomic<TimePoint> now{TimePoint(500'000h)};
  AwsSurroundings surroundings{.variable = [](const std::string&) { return std::optional<std::string>(); },
                               .now = [this] { return now.load(); }};
};

TEST_F(AwsClientTest, a_call_is_a_signed_form_with_action_and_version) {
  stub.answer(kGood);
  AwsCall call = describe();
  add_aws_list(call.parameters, AwsService::autoscaling, "AutoScalingGroupNames", {"a", "b"});
  ASSERT_TRUE(client().call(call, {}));
  const auto request = stub.requests().at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(
      request.body,
      "Action=DescribeAutoScalingGroups&Version=2011-01-01&AutoScalingGroupNames.member.1=a&AutoScalingGroupNames.member.2=b");
  EXPECT_THAT(request.headers.at("authorization"), HasSubstr("AWS4-HMAC-SHA256"));
  EXPECT_THAT(request.headers.at("authorization"), HasSubstr("/us-east-1/autoscaling/aws4_request"));
  EXPECT_EQ(request.headers.at("content-type"), "application/x-www-form-urlencoded; charset=utf-8");
}

TEST_F(AwsClientTest, lists_of_ec2_have_no_member_and_values_are_encoded) {
  AwsParameters parameters;
  add_aws_list(parameters, AwsService::ec2, "Filter.1.Value", {"x"});
  EXPECT_THAT(parameters, ElementsAre(testing::Pair("Filter.1.Value.1", "x")));
  stub.answer(Answer{.body = "<SetDesiredCapacityResponse/>"});
  ASSERT_TRUE(client().call(change(), {}));
  EXPECT_THAT(stub.requests().at(0).body, HasSubstr("AutoScalingGroupName=my%20pool%2Fweb%20%C3%A4&"));
}

TEST_F(AwsClientTest, each_service_is_signed_for_by_its_own_name_at_its_own_place) {
  account.endpoint = stub.url() + "/{service}";
  stub.answer(Answer{.body = "<DescribeTargetHealthResponse/>"});
  ASSERT_TRUE(client().call({.service = AwsService::load_balancing, .action = "DescribeTargetHealth"}, {}));
  EXPECT_EQ(stub.requests().at(0).target, "/elasticloadbalancing/");
  EXPECT_THAT(stub.requests().at(0).headers.at("authorization"), HasSubstr("/elasticloadbalancing/aws4_request"));
}

TEST_F(AwsClientTest, throttling_is_told_by_its_code_whatever_the_status) {
  stub.answer(
      in_order({refusal(400, "Throttling", "Rate exceeded"), refusal(503, "RequestLimitExceeded", "Request limit exceeded."),
                refusal(500, "ResourceContention", "pending update"), kGood}));
  EXPECT_TRUE(client().call(describe(), {}));
  EXPECT_THAT(stub.requests(), SizeIs(4));
}

TEST_F(AwsClientTest, a_change_that_was_throttled_is_decided_anew_and_not_sent_again) {
  stub.answer(refusal(400, "Throttling", "Rate exceeded"));
  const auto answer = client().call(change(), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(stub.requests(), SizeIs(1));
}

TEST_F(AwsClientTest, a_change_whose_answer_is_lost_is_sent_once) {
  for (const Answer& bad : {Answer{.status = 500}, Answer{.ending = HttpStub::Ending::reset},
                            Answer{.body = "half", .ending = HttpStub::Ending::cut_off}}) {
    const std::size_t before = stub.requests().size();
    stub.answer(bad);
    const auto answer = client().call(change(), {});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(stub.requests(), SizeIs(before + 1));
  }
}

/// Answers well only to requests dated about its own time, as AWS does.
TEST_F(AwsClientTest, a_clock_that_is_off_is_corrected_by_awss_own_once_and_for_all) {
  stub.answer([](const HttpStub::Request& request) {
    if (request.headers.at("x-amz-date").starts_with("20270101T00")) return kGood;
    Answer answer =
        refusal(403, "SignatureDoesNotMatch", "Signature expired: 20270115T080000Z is now earlier than 20270101T000000Z");
    answer.headers = {{"Date", "Fri, 01 Jan 2027 00:00:10 GMT"}};
    return answer;
  });
  AwsClient aws = client();
  EXPECT_TRUE(aws.call(describe(), {}));
  EXPECT_THAT(stub.requests(), SizeIs(2));
  EXPECT_TRUE(aws.call(describe(), {}));
  EXPECT_THAT(stub.requests(), SizeIs(3));
}

TEST_F(AwsClientTest, a_wrong_signature_by_a_right_clock_is_not_tried_again) {
  Answer answer = refusal(403, "SignatureDoesNotMatch", "does not match");
  answer.headers = {{"Date", "Thu, 15 Jan 2027 08:00:10 GMT"}};
  stub.answer(answer);
  const auto refused = client().call(describe(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::denied);
  EXPECT_THAT(stub.requests(), SizeIs(1));
}

TEST_F(AwsClientTest, expired_credentials_are_renewed_and_the_call_repeated_once_even_a_change) {
  const TempDirectory directory;
  const std::filesystem::path file = directory.path() / "credentials";
  std::ofstream(file) << "[default]\naws_access_key_id=OLD\naws_secret_access_key=s\naws_session_token=old-token\n";
  account.access_key_id.clear();
  account.secret_access_key.clear();
  surroundings.variable = [file](const std::string& name) {
    return name == "AWS_SHARED_CREDENTIALS_FILE" ? std::optional(file.string()) : std::nullopt;
  };
  stub.answer([file](const HttpStub::Request& request) {
    if (request.headers.at("x-amz-security-token") == "new-token") return Answer{.body = "<SetDesiredCapacityResponse/>"};
    std::ofstream(file) << "[default]\naws_access_key_id=NEW\naws_secret_access_key=s\naws_session_token=new-token\n";
    return refusal(403, "ExpiredToken", "The security token included in the request is expired");
  });
  EXPECT_TRUE(client().call(change(), {}));
  EXPECT_THAT(stub.requests(), SizeIs(2));
}

TEST_F(AwsClientTest, credentials_that_stay_expired_are_denied_after_one_repetition) {
  stub.answer(refusal(403, "ExpiredToken", "The security token included in the request is expired"));
  EXPECT_EQ(client().call(describe(), {}).error().kind, ErrorKind::denied);
  EXPECT_THAT(stub.requests(), SizeIs(2));
}

TEST_F(AwsClientTest, a_message_quotes_aws_but_neither_secrets_nor_what_was_signed) {
  stub.answer(refusal(403, "SignatureDoesNotMatch",
                      "The request signature we calculated does not match hidden/Secret.\n\nThe Canonical String should have been\n"
                      "x-amz-security-token:very-secret"));
  const std::string message = client().call(describe(), {}).error().message;
  EXPECT_THAT(message, HasSubstr("SignatureDoesNotMatch: The request signature we calculated"));
  EXPECT_THAT(message, Not(HasSubstr("very-secret")));
  EXPECT_THAT(message, Not(HasSubstr("hidden")));
  for (const ApiReport& report : world.reports()) EXPECT_THAT(report.url + report.detail, Not(HasSubstr("hidden")));
}

TEST_F(AwsClientTest, an_answer_that_is_none_is_unavailable) {
  for (const char* body : {"", "<html></html>", "<html><body>", "<ErrorResponse/>", "<SetDesiredCapacityResponse/>"}) {
    stub.answer(Answer{.body = body});
    const auto answer = client().call(describe(), {});
    ASSERT_FALSE(answer) << body;
    EXPECT_EQ(answer.error().kind, ErrorKind::unavailable) << body;
  }
}

TEST_F(AwsClientTest, pages_are_followed_to_their_end_and_no_further) {
  const auto page = [](const std::string& token) {
    return Answer{.body = "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult>" +
                          (token.empty() ? "" : "<NextToken>" + token + "</NextToken>") +
                          "</DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>"};
  };
  AwsClient aws = client();
  int pages = 0;
  const auto count = [&](const XmlElement&) { ++pages; };
  stub.answer(in_order({page("a+b/="), page("c"), page("")}));
  EXPECT_TRUE(call_aws_pages(aws, describe(), "NextToken", count, {}));
  EXPECT_EQ(pages, 3);
  EXPECT_THAT(stub.requests().at(1).body, HasSubstr("NextToken=a%2Bb%2F%3D"));
  stub.answer(page("same"));
  const auto endless = call_aws_pages(aws, describe(), "NextToken", count, {});
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().kind, ErrorKind::unavailable);
  stub.answer(in_order({page("a"), Answer{.status = 500}}));
  EXPECT_FALSE(call_aws_pages(aws, describe(), "NextToken", count, {})) << "a part is not the whole";
}

/// What is to be done about each recorded error.
ErrorKind expected_kind(const std::string& code, int status) {
  if (code == "ValidationError") return ErrorKind::invalid;
  if (code == "InvalidInstanceID.NotFound") return ErrorKind::not_found;
  if (code == "InsufficientInstanceCapacity") return ErrorKind::out_of_capacity;
  if (code == "SignatureDoesNotMatch" || code == "RequestExpired" || code == "ExpiredToken" || code == "InvalidClientTokenId" ||
      code == "AccessDenied") {
    return ErrorKind::denied;
  }
  EXPECT_TRUE(status >= 500 || code == "Throttling" || code == "ScalingActivityInProgress" || code == "ResourceInUse") << code;
  return ErrorKind::unavailable;
}

TEST(AwsRefusalTest, every_recorded_error_has_its_kind) {
  std::ifstream file(std::string(WEIR_SOURCE_DIR) + "/tests/data/aws/error-samples.json");
  const nlohmann::json samples = nlohmann::json::parse(file).at("samples");
  EXPECT_GT(samples.size(), 15U);
  for (const nlohmann::json& sample : samples) {
    const std::string body = sample.at("body");
    if (body.empty()) continue;
    const std::string code = sample.at("code");
    SCOPED_TRACE(code);
    const AwsRefusal refusal = read_aws_refusal(body);
    EXPECT_EQ(refusal.code, code);
    EXPECT_EQ(refusal.message, sample.at("message").get<std::string>().substr(0, 300));
    EXPECT_EQ(kind_of_aws_refusal(refusal, sample.at("http")), expected_kind(code, sample.at("http")));
  }
}

TEST(AwsRefusalTest, without_a_body_the_status_decides) {
  EXPECT_EQ(kind_of_aws_refusal(read_aws_refusal(""), 403), ErrorKind::denied);
  EXPECT_EQ(kind_of_aws_refusal(read_aws_refusal("<html>"), 502), ErrorKind::unavailable);
  EXPECT_EQ(judge_aws({.status = 500}), ApiVerdict::broken);
  EXPECT_EQ(judge_aws({.status = 400}), ApiVerdict::done);
}

}  // namespace
}  // namespace weir
