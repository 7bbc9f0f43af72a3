#include "platform/aws/client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "model/text.h"
#include "platform/aws/times.h"

namespace weir {
namespace {

struct ServiceFacts {
  AwsService service;
  const char* name;  ///< of its host, and what requests are signed for: elasticloadbalancing, not elbv2
  const char* version;
};
constexpr std::array<ServiceFacts, 3> kServices{{{AwsService::autoscaling, "autoscaling", "2011-01-01"},
                                                 {AwsService::ec2, "ec2", "2016-11-15"},
                                                 {AwsService::load_balancing, "elasticloadbalancing", "2015-12-01"}}};

constexpr std::size_t kLongestMessage = 300;
constexpr std::size_t kLargestAnswer = 32U << 20U;
constexpr int kMostPages = 1000;
/// AWS refuses what is signed more than five minutes off; less than this is no reason for its refusal.
constexpr Duration kTolerableSkew = std::chrono::minutes(2);

/// Nothing was done, ask later. ResourceContention says so too: another change of the same group is under way.
constexpr std::string_view kBusy[] = {"Throttling",
                                      "ThrottlingException",
                                      "ThrottledException",
                                      "RequestThrottled",
                                      "RequestThrottledException",
                                      "TooManyRequestsException",
                                      "RequestLimitExceeded",
                                      "EC2ThrottledException",
                                      "BandwidthLimitExceeded",
                                      "PriorRequestNotComplete",
                                      "SlowDown",
                                      "ResourceContention"};

constexpr std::string_view kDenied[] = {"AccessDenied",
                                        "AccessDeniedException",
                                        "UnauthorizedOperation",
                                        "InvalidClientTokenId",
                                        "SignatureDoesNotMatch",
                                        "InvalidSignatureException",
                                        "IncompleteSignature",
                                        "MissingAuthenticationToken",
                                        "UnrecognizedClientException",
                                        "AuthFailure",
                                        "OptInRequired",
                                        "Blocked",
                                        "ExpiredToken",
                                        "ExpiredTokenException",
                                        "RequestExpired",
                                        "RequestTimeTooSkewed"};

constexpr std::string_view kNoCapacity[] = {"InsufficientInstanceCapacity",
                                            "InsufficientHostCapacity",
                                            "InsufficientCapacity",
                                            "InsufficientFreeAddressesInSubnet",
                                            "InstanceLimitExceeded",
                                            "VcpuLimitExceeded",
                                            "MaxSpotInstanceCountExceeded",
                                            "LimitExceeded",
                                            "TooManyTargets",
                                            "TooManyRegistrationsForTargetId"};

/// It may be so soon: another activity, or a balancer's look at its targets, is under way.
constexpr std::string_view kLater[] = {"ScalingActivityInProgress", "ResourceInUse",   "HealthUnavailable",
                                       "ServiceUnavailable",        "InternalFailure", "InternalError"};

constexpr std::string_view kNotFound[] = {"TargetGroupNotFound", "LoadBalancerNotFound"};

template <typename Codes>
bool is_one_of(std::string_view code, const Codes& codes) {
  return std::ranges::find(codes, code) != std::end(codes);
}

const ServiceFacts& facts_of(AwsService service) { return *std::ranges::find(kServices, service, &ServiceFacts::service); }

std::string endpoint_of(const AwsAccount& account, AwsService service) {
  const std::string name = facts_of(service).name;
  if (account.endpoint.empty()) {
    const std::string_view domain = account.region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
    return fmt::format("https://{}.{}.{}/", name, account.region, domain);
  }
  std::string url = account.endpoint;
  constexpr std::string_view kPlace = "{service}";
  if (const std::size_t at = url.find(kPlace); at != std::string::npos) url.replace(at, kPlace.size(), name);
  if (!url.ends_with('/')) url += '/';
  return url;
}

/// AWS counts calls by account, region and action, with buckets of their own for reading and changing. These are far below what it
/// grants, so that other tools of the same account still get through.
ApiOptions options(const AwsAccount& account, AwsService service) {
  return {.name = account.name,
          .rate_key = fmt::format("aws {} {}", account.region, facts_of(service).name),
          .rate = {.per_second = 10, .burst = 20},
          .judge = judge_aws};
}

/// The text of the first element of that name, without parsing the rest: the judge sees answers of any kind.
std::string_view text_between(std::string_view body, std::string_view open, std::string_view close) {
  const std::size_t begin = body.find(open);
  if (begin == std::string_view::npos) return {};
  const std::size_t end = body.find(close, begin);
  if (end == std::string_view::npos) return {};
  return body.substr(begin + open.size(), end - begin - open.size());
}

std::string first_line(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  const std::size_t end = std::min(text.find_first_of("\r\n", begin), text.size());
  return quoted_line(std::string_view(text).substr(begin, end - begin), kLongestMessage);
}

void replace_all(std::string& text, const std::string& secret) {
  if (secret.empty()) return;
  for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at))
    text.replace(at, secret.size(), "***");
}

bool speaks_of_time(const AwsRefusal& refusal) {
  constexpr std::string_view kCodes[] = {"RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch",
                                         "InvalidSignatureException", "AuthFailure"};
  return is_one_of(refusal.code, kCodes);
}

bool speaks_of_expired_credentials(const AwsRefusal& refusal) {
  constexpr std::string_view kCodes[] = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"};
  return is_one_of(refusal.code, kCodes);
}

}  // namespace

void add_aws_list(AwsParameters& parameters, AwsService service, const std::string& name, const std::vector<std::string>& values) {
  const std::string prefix = service == AwsService::ec2 ? name + "." : name + ".member.";
  for (std::size_t index = 0; index < values.size(); ++index) {
    parameters.emplace_back(prefix + std::to_string(index + 1), values[index]);
  }
}

AwsRefusal read_aws_refusal(const std::string& body) {
  const Result<XmlElement> root = parse_xml(body);
  if (!root) return {};
  const XmlElement& error = root->name == "Response" ? root->child("Errors").child("Error") : root->child("Error");
  return {.code = first_line(error.text_of("Code")), .message = first_line(error.text_of("Message"))};
}

ApiVerdict judge_aws(const HttpResponse& response) {
  if (response.status < 400) return ApiVerdict::done;
  const std::string_view code = text_between(response.body, "<Code>", "</Code>");
  return is_one_of(code, kBusy) ? ApiVerdict::busy : verdict_by_status(response);
}

ErrorKind kind_of_aws_refusal(const AwsRefusal& refusal, int status) {
  if (is_one_of(refusal.code, kDenied)) return ErrorKind::denied;
  if (is_one_of(refusal.code, kNoCapacity)) return ErrorKind::out_of_capacity;
  if (is_one_of(refusal.code, kBusy) || is_one_of(refusal.code, kLater)) return ErrorKind::unavailable;
  if (is_one_of(refusal.code, kNotFound) || refusal.code.ends_with(".NotFound")) return ErrorKind::not_found;
  return kind_by_status(status);
}

AwsClient::AwsClient(Network& network, AwsAccount account, AwsSurroundings surroundings)
    : account_(std::move(account)), surroundings_(std::move(surroundings)), credentials_(network, account_, surroundings_) {
  for (const ServiceFacts& each : kServices) {
    apis_.try_emplace(each.service, network, options(account_, each.service));
  }
}

Result<XmlElement> AwsClient::call(const AwsCall& call, const std::stop_token& stop) {
  ApiClient& api = apis_.at(call.service);
  std::set<Remedy> tried;
  for (;;) {
    const Result<AwsCredentials> credentials = credentials_.get(stop);
    if (!credentials) return std::unexpected(credentials.error());
    const ApiCall sent = make_call(call, *credentials);
    const Result<HttpResponse> answer = api.call(sent, stop);
    if (!answer) return std::unexpected(answer.error());
    if (answer->status < 400) return read(call, sent, *answer);
    const AwsRefusal refusal = read_aws_refusal(answer->body);
    const Remedy remedy = remedy_for(*answer, refusal);
    if (remedy == Remedy::none || !tried.insert(remedy).second) {
      return std::unexpected(refused(call, sent, *answer, refusal, *credentials));
    }
    if (remedy == Remedy::credentials) credentials_.refuse(*credentials);
  }
}

/// Always a POST to the bare endpoint, for libcurl 7.88 signs that as AWS does, and not what it signs differently: it neither sorts
/// a query nor encodes a path again, and it signs headers that are only named to keep them from being sent (http_client.cpp leaves
/// those out). The time is given, so that it is AWS's; the token of temporary credentials is a header like others, which it signs.
ApiCall AwsClient::make_call(const AwsCall& call, const AwsCredentials& credentials) const {
  const ServiceFacts& service = facts_of(call.service);
  std::string body = fmt::format("Action={}&Version={}", call.action, service.version);
  for (const auto& [name, value] : call.parameters) body += fmt::format("&{}={}", url_encoded(name), url_encoded(value));
  HttpRequest request{.method = "POST",
                      .url = endpoint_of(account_, call.service),
                      .body = std::move(body),
                      .content_type = "application/x-www-form-urlencoded; charset=utf-8",
                      .timeout = Duration{20'000},
                      .max_body = kLargestAnswer};
  request.access.aws_sigv4 = fmt::format("aws:amz:{}:{}", account_.region, service.name);
  request.access.username = credentials.access_key_id;
  request.access.password = credentials.secret_access_key;
  if (!credentials.session_token.empty()) request.access.headers.emplace_back("X-Amz-Security-Token", credentials.session_token);
  return {.operation = fmt::format("{}.{}", service.name, call.action),
          .http = std::move(request),
          .repeat = call.repeat,
          .attempts = call.repeat == Repeat::never ? 1 : 0,
          .prepare = [this](HttpRequest& attempt) { attempt.access.headers.emplace_back("X-Amz-Date", format_aws_time(now())); }};
}

Result<XmlElement> AwsClient::read(const AwsCall& call, const ApiCall& sent, const HttpResponse& response) const {
  Result<XmlElement> root = parse_xml(response.body);
  if (root && root->name == call.action + "Response") {
    const std::string result = call.action + "Result";
    return root->has(result) ? root->child(result) : *root;
  }
  const std::string what = root ? fmt::format("answered with <{}>", first_line(root->name)) : root.error().message;
  return failure(ErrorKind::unavailable, fmt::format("{}: {}", call.action, apis_.at(call.service).message(sent, response, what)));
}

Error AwsClient::refused(const AwsCall& call, const ApiCall& sent, const HttpResponse& response, const AwsRefusal& refusal,
                         const AwsCredentials& credentials) const {
  std::string what = refusal.code;
  if (!refusal.message.empty()) what += ": " + refusal.message;
  replace_all(what, credentials.secret_access_key);
  replace_all(what, credentials.session_token);
  return {kind_of_aws_refusal(refusal, response.status),
          fmt::format("{}: {}", call.action, apis_.at(call.service).message(sent, response, what))};
}

/// Both refusals mean that nothing was done, so even what is never repeated may be sent again.
AwsClient::Remedy AwsClient::remedy_for(const HttpResponse& response, const AwsRefusal& refusal) {
  if (speaks_of_time(refusal)) {
    const std::time_t theirs = curl_getdate(std::string(response.header("date")).c_str(), nullptr);
    const TimePoint claimed{std::chrono::seconds(theirs)};
    if (theirs > 0 && std::chrono::abs(claimed - now()) > kTolerableSkew) {
      skew_ = Duration(claimed - surroundings_.now()).count();
      return Remedy::clock;
    }
  }
  return speaks_of_expired_credentials(refusal) ? Remedy::credentials : Remedy::none;
}

Result<void> call_aws_pages(AwsClient& client, AwsCall call, std::string_view next_token_name,
                            const std::function<void(const XmlElement&)>& take, const std::stop_token& stop) {
  const AwsParameters first = call.parameters;
  std::string token;
  for (int page = 0; page < kMostPages; ++page) {
    const Result<XmlElement> result = client.call(call, stop);
    if (!result) return std::unexpected(result.error());
    take(*result);
    // In the answers of EC2 the name begins with a small letter.
    std::string small(next_token_name);
    small.front() = static_cast<char>(small.front() - 'A' + 'a');
    const std::string& next = result->has(next_token_name) ? result->text_of(next_token_name) : result->text_of(small);
    if (next.empty()) return {};
    if (next == token) break;
    token = next;
    call.parameters = first;
    call.parameters.emplace_back(std::string(next_token_name), token);
  }
  return failure(ErrorKind::unavailable, fmt::format("{}: {}: the pages have no end", client.account().name, call.action));
}

}  // namespace weir
