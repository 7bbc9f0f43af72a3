#include "platform/aws/credentials.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "platform/aws/times.h"
#include "platform/file.h"

namespace weir {
namespace {

/// New ones are looked for so long before the old ones expire (the metadata service has them five minutes ahead).
constexpr Duration kAhead = std::chrono::minutes(5);
/// Between two attempts to renew credentials that are still good.
constexpr Duration kRenewalPause = std::chrono::seconds(30);
constexpr const char* kContainerHost = "http://169.254.170.2";
constexpr const char* kInstanceHost = "http://169.254.169.254";
constexpr std::string_view kRolePath = "/latest/meta-data/iam/security-credentials/";

/// These services stand on this machine: who does not answer at once is not there.
ApiOptions options(const std::string& name) {
  return {.name = name + " credentials",
          .rate_key = name + " credentials",
          .rate = {.per_second = 10, .burst = 10},
          .attempts = 3,
          .first_delay = Duration{200},
          .deadline = Duration{8000},
          .breaker = {.failures = 6, .rest = Duration{10'000}}};
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

/// The keys of one section of an INI file; absent if it has no such section.
std::optional<std::map<std::string, std::string, std::less<>>> section_of(std::string_view text, std::string_view name) {
  std::optional<std::map<std::string, std::string, std::less<>>> section;
  bool inside = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('[')) {
      inside = trimmed(line.substr(1, line.find(']') - 1)) == name;
      if (inside && !section) section.emplace();
      continue;
    }
    const std::size_t equals = line.find('=');
    if (!inside || line.starts_with('#') || line.starts_with(';') || equals == std::string_view::npos) continue;
    section->emplace(trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1)));
  }
  return section;
}

/// Over plain HTTP only to this machine: whoever listens on the way would have the credentials.
bool may_be_asked(const std::string& url) {
  if (url.starts_with("https://")) return true;
  constexpr std::string_view kPlain = "http://";
  if (!url.starts_with(kPlain)) return false;
  const std::string host = url.substr(kPlain.size(), url.find_first_of("/:?", kPlain.size()) - kPlain.size());
  constexpr std::string_view kHosts[] = {"localhost", "127.0.0.1", "169.254.170.2", "169.254.170.23"};
  return std::ranges::find(kHosts, host) != std::end(kHosts);
}

HttpRequest get_request(std::string url) { return {.url = std::move(url), .timeout = Duration{2000}, .max_body = 1U << 20U}; }

std::optional<AwsCredentials> complete(AwsCredentials credentials) {
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) return std::nullopt;
  return credentials;
}

}  // namespace

Result<std::optional<AwsCredentials>> parse_credentials_file(std::string_view text, std::string_view profile) {
  const auto section = section_of(text, profile);
  if (!section) return std::nullopt;
  const auto value = [&](std::string_view key) {
    const auto found = section->find(key);
    return found == section->end() ? std::string() : found->second;
  };
  auto credentials = complete({value("aws_access_key_id"), value("aws_secret_access_key"), value("aws_session_token"), {}});
  if (credentials) return credentials;
  return failure(
      ErrorKind::denied,
      fmt::format("profile '{}' has no aws_access_key_id and aws_secret_access_key (weir reads neither role_arn, sso_* nor "
                  "credential_process)",
                  profile));
}

Result<AwsCredentials> parse_credentials_json(const std::string& text) {
  const std::unexpected<Error> none = failure(ErrorKind::unavailable, "the answer holds no credentials");
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    const auto credentials = complete({.access_key_id = json.at("AccessKeyId").get<std::string>(),
                                       .secret_access_key = json.at("SecretAccessKey").get<std::string>(),
                                       .session_token = json.value("Token", std::string()),
                                       .expires_at = parse_aws_time(json.value("Expiration", std::string()))});
    if (!credentials) return none;
    return *credentials;
  } catch (const nlohmann::json::exception&) {
    return none;  // never the parser's message: it quotes the text
  }
}

AwsCredentialChain::AwsCredentialChain(Network& network, AwsAccount account, AwsSurroundings surroundings)
    : account_(std::move(account)), surroundings_(std::move(surroundings)), api_(network, options(account_.name)) {}

bool AwsCredentialChain::is_fresh(Duration ahead) const {
  return known_ && (!known_->expires_at || surroundings_.now() + ahead < *known_->expires_at);
}

Result<AwsCredentials> AwsCredentialChain::get(const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  if (is_fresh(kAhead)) return *known_;
  const bool still_good = is_fresh(Duration{0});
  if (still_good && retry_at_ && surroundings_.now() < *retry_at_) return *known_;
  Result<AwsCredentials> found = find(stop);
  if (found) {
    known_ = *found;
    retry_at_.reset();
    return found;
  }
  if (!still_good || found.error().kind == ErrorKind::cancelled) return found;
  retry_at_ = surroundings_.now() + kRenewalPause;
  return *known_;
}

void AwsCredentialChain::refuse(const AwsCredentials& refused) {
  const std::lock_guard lock(mutex_);
  if (known_ == refused) known_.reset();
}

Result<AwsCredentials> AwsCredentialChain::find(const std::stop_token& stop) {
  if (!account_.access_key_id.empty()) return AwsCredentials{account_.access_key_id, account_.secret_access_key, {}, {}};
  const auto ask = [&](Found found) -> Result<std::optional<AwsCredentials>> {
    if (!found) found.error().message = fmt::format("{}: AWS credentials: {}", account_.name, found.error().message);
    return found;
  };
  if (account_.profile.empty()) {
    const Found here = ask(from_environment());
    if (!here) return std::unexpected(here.error());
    if (*here) return **here;
  }
  const Found in_file = ask(from_file());
  if (!in_file) return std::unexpected(in_file.error());
  if (*in_file) return **in_file;
  const Found beside = ask(from_container(stop));
  if (!beside) return std::unexpected(beside.error());
  if (*beside) return **beside;
  const Found below = ask(from_instance(stop));
  if (!below) return std::unexpected(below.error());
  if (*below) return **below;
  return failure(
      ErrorKind::denied,
      fmt::format("{}: no AWS credentials: neither access_key_id, AWS_ACCESS_KEY_ID, a shared credentials file, a container's "
                  "endpoint nor an instance's role",
                  account_.name));
}

AwsCredentialChain::Found AwsCredentialChain::from_environment() const {
  return complete({variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"), variable("AWS_SESSION_TOKEN"), {}});
}

AwsCredentialChain::Found AwsCredentialChain::from_file() const {
  std::string path = variable("AWS_SHARED_CREDENTIALS_FILE");
  const bool named = !path.empty();
  const std::string home = variable("HOME");
  if (path.empty() && !home.empty()) path = home + "/.aws/credentials";
  std::string profile = account_.profile.empty() ? variable("AWS_PROFILE") : account_.profile;
  const bool wanted = !profile.empty();
  if (!wanted) profile = "default";
  if (path.empty() && !wanted) return std::nullopt;
  const Result<std::string> text = path.empty() ? failure(ErrorKind::denied, "there is no HOME") : read_file(path);
  if (!text) {
    const bool absent = text.error().kind == ErrorKind::not_found;
    if (absent && !wanted && !named) return std::nullopt;
    return failure(ErrorKind::denied, fmt::format("profile '{}': {}", profile, text.error().message));
  }
  Found found = parse_credentials_file(*text, profile);
  if (!found) found.error().message = fmt::format("{}: {}", path, found.error().message);
  if (found && !*found && wanted) return failure(ErrorKind::denied, fmt::format("{} has no profile '{}'", path, profile));
  return found;
}

Result<std::string> AwsCredentialChain::fetch(std::string operation, HttpRequest request, const std::stop_token& stop) {
  const ApiCall call{.operation = std::move(operation), .http = std::move(request), .repeat = Repeat::safe};
  Result<HttpResponse> answer = api_.call(call, stop);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status == 200) return std::move(answer->body);
  return failure(kind_by_status(answer->status), api_.message(call, *answer, ""));
}

AwsCredentialChain::Found AwsCredentialChain::from_container(const std::stop_token& stop) {
  const std::string relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  std::string url = relative.empty() ? variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") : kContainerHost + relative;
  if (url.empty()) return std::nullopt;
  if (!may_be_asked(url)) {
    return failure(ErrorKind::denied, fmt::format("{}: neither https nor this machine's own", redacted_url(url)));
  }
  HttpRequest request = get_request(std::move(url));
  std::string token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !file.empty()) {
    const Result<std::string> text = read_file(file);
    if (!text) return std::unexpected(text.error());
    token = text->substr(0, text->find_first_of("\r\n"));
  }
  if (!token.empty()) request.access.headers.emplace_back("Authorization", token);
  const Result<std::string> text = fetch("container.credentials", std::move(request), stop);
  if (!text) return std::unexpected(text.error());
  return parse_credentials_json(*text);
}

/// The instance's own role, by sessions only: the first version of the service hands credentials to whoever can make a program
/// fetch a URL.
AwsCredentialChain::Found AwsCredentialChain::from_instance(const std::stop_token& stop) {
  if (variable("AWS_EC2_METADATA_DISABLED") == "true") return std::nullopt;
  std::string host = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (host.empty()) host = kInstanceHost;
  while (host.ends_with('/')) host.pop_back();
  HttpRequest session = get_request(host + "/latest/api/token");
  session.method = "PUT";
  session.access.headers.emplace_back("X-aws-ec2-metadata-token-ttl-seconds", "300");
  const Result<std::string> token = fetch("instance.session", std::move(session), stop);
  if (!token && token.error().kind == ErrorKind::cancelled) return std::unexpected(token.error());
  if (!token) {
    return failure(ErrorKind::unavailable, fmt::format("none configured, in the environment or in a file, and no instance role: {}",
                                                       token.error().message));
  }
  const auto get = [&](const std::string& path) {
    HttpRequest request = get_request(host + path);
    request.access.headers.emplace_back("X-aws-ec2-metadata-token", *token);
    return fetch("instance.credentials", std::move(request), stop);
  };
  const Result<std::string> role = get(std::string(kRolePath));
  if (!role && role.error().kind == ErrorKind::not_found) return std::nullopt;  // an instance without a role
  if (!role) return std::unexpected(role.error());
  const Result<std::string> text = get(std::string(kRolePath) + role->substr(0, role->find_first_of("\r\n")));
  if (!text) return std::unexpected(text.error());
  return parse_credentials_json(*text);
}

}  // namespace weir
