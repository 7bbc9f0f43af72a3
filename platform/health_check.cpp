#include "platform/health_check.h"

namespace weir {
namespace {

constexpr std::size_t kLargestAnswer = 1 << 20;  // nobody reads it

}  // namespace

std::string health_path(const HealthCheck& check) { return check.path.starts_with('/') ? check.path : '/' + check.path; }

HttpRequest health_request(const std::string& address, const HealthCheck& check) {
  HttpRequest request{.url = "http://" + address, .timeout = check.timeout, .max_body = kLargestAnswer, .fresh_connection = true};
  request.connect_only = check.kind == HealthCheck::Kind::tcp;
  if (check.kind == HealthCheck::Kind::http) request.url += health_path(check);
  return request;
}

std::optional<bool> is_good_answer(const Result<HttpResponse>& answer, const HealthCheck& check) {
  if (answer) return check.kind == HealthCheck::Kind::tcp || (answer->status >= 200 && answer->status < 400);
  if (answer.error().kind == ErrorKind::cancelled || answer.error().kind == ErrorKind::out_of_capacity) return std::nullopt;
  return false;
}

}  // namespace weir
