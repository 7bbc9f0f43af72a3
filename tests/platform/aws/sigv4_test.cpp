// What libcurl signs, against signatures made by botocore: those of the form that AwsClient sends are the same.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "platform/http_client.h"
#include "tests/support/http_stub.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

nlohmann::json vectors() {
  std::ifstream file(std::string(WEIR_SOURCE_DIR) + "/tests/data/aws/sigv4-vectors/vectors.json");
  return nlohmann::json::parse(file).at("vectors");
}

/// AwsClient sends neither: a query, a path that would have to be encoded again, or a body without a content type.
bool is_sent_by_weir(const nlohmann::json& vector) {
  const std::string name = vector.at("name");
  return name != "ec2_get_query_sorting" && name != "path_prefix_endpoint" && name != "asg_no_content_type";
}

HttpRequest request_of(const nlohmann::json& vector, const std::string& socket) {
  HttpRequest request{.method = vector.at("method"), .url = vector.at("url"), .body = vector.at("body"), .unix_socket = socket};
  if (const std::size_t secure = request.url.find("https://"); secure == 0) request.url.replace(0, 5, "http");
  for (const auto& [name, value] : vector.at("headers_in").items()) {
    if (name == "Content-Type") request.content_type = value;
    if (name != "Content-Type" && name != "Host") request.access.headers.emplace_back(name, value);
  }
  request.access.headers.emplace_back("X-Amz-Date", vector.at("time"));
  if (!vector.at("session_token").is_null())
    request.access.headers.emplace_back("X-Amz-Security-Token", vector.at("session_token"));
  request.access.username = vector.at("access_key");
  request.access.password = vector.at("secret_key");
  request.access.aws_sigv4 = "aws:amz:" + vector.at("region").get<std::string>() + ":" + vector.at("service").get<std::string>();
  return request;
}

/// Without the blanks behind its commas, which mean nothing.
std::string without_blanks(std::string text) {
  std::erase(text, ' ');
  return text;
}

TEST(SigV4Test, libcurl_signs_what_weir_sends_as_aws_does) {
  const TempDirectory directory;
  const std::filesystem::path socket = directory.path() / "aws.sock";
  const HttpStub stub([](const HttpStub::Request&) { return HttpStub::Answer{}; }, socket);
  HttpClient http;
  int checked = 0;
  for (const nlohmann::json& vector : vectors()) {
    if (!is_sent_by_weir(vector)) continue;
    for (const bool fresh : {false, true}) {
      SCOPED_TRACE(vector.at("name").get<std::string>());
      HttpRequest request = request_of(vector, socket);
      request.fresh_connection = fresh;
      ASSERT_TRUE(http.fetch(std::move(request)));
      const HttpStub::Request seen = stub.requests().back();
      EXPECT_EQ(without_blanks(seen.headers.at("authorization")), without_blanks(vector.at("authorization")));
      EXPECT_FALSE(seen.headers.contains("expect"));
      ++checked;
    }
  }
  EXPECT_EQ(checked, 14);
}

}  // namespace
}  // namespace weir
