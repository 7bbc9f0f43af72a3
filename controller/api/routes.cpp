#include "controller/api/routes.h"

#include <fmt/format.h>

#include <charconv>
#include <cstddef>
#include <string_view>
#include <utility>

#include "controller/api/access.h"
#include "controller/api/page.h"
#include "controller/render/deploys.h"
#include "controller/render/json.h"
#include "controller/render/json_writer.h"
#include "controller/render/rfc3339.h"

namespace weir {
namespace {

constexpr int kDefaultDecisions = 50;
constexpr int kMaxDecisions = 1000;

constexpr std::string_view kIndex =
    "weir keeps fleets of servers at the level their traffic needs.\n\n"
    "/v1/groups                 every group and its servers\n"
    "/v1/groups/NAME            one group\n"
    "/v1/groups/NAME/decisions  what was decided, and why (?limit=N&before=TIME)\n"
    "/v1/groups/NAME/series     its turns in numbers, for charts (?since=TIME)\n"
    "/v1/groups/NAME/plan       the plan of the last turn\n"
    "/v1/groups/NAME/scale      POST {\"servers\": N, \"for\": \"1h\"}: hold it at N servers\n"
    "/v1/groups/NAME/pause      POST {\"direction\": \"out\"}: stop scaling it out, in, or both\n"
    "/v1/groups/NAME/resume     POST: end both\n"
    "/v1/groups/NAME/deploys    POST {\"version\": \"v2\"}: bring all its servers to that version\n"
    "/v1/groups/NAME/deploys/current          the deploy under way, or the last one\n"
    "/v1/groups/NAME/deploys/current/promote  POST: wait no longer\n"
    "/v1/groups/NAME/deploys/current/abort    POST: go back\n"
    "/                          all of this as a web page\n"
    "/metrics  /healthz  /readyz\n\n"
    "The whole API is described in docs/openapi.yaml.\n";

ApiResponse plain(std::string_view text) { return {200, "text/plain; charset=utf-8", std::string(text), {}}; }

int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  const char lower = static_cast<char>(digit | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// RFC 3986 percent-decoding; nothing for a broken sequence.
std::optional<std::string> decoded(std::string_view text) {
  std::string plain_text;
  for (std::size_t index = 0; index < text.size(); ++index) {
    if (text[index] != '%') {
      plain_text += text[index];
      continue;
    }
    if (index + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[index + 1]);
    const int low = hex_digit(text[index + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    plain_text += static_cast<char>(high * 16 + low);
    index += 2;
  }
  return plain_text;
}

ApiResponse probe_answer(const Result<void>& state) { return state ? plain("ok\n") : problem(503, state.error().message); }

std::string decisions_json(const std::vector<std::string>& records) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.key("decisions");
  out.begin_array();
  for (const std::string& record : records) out.raw(record);
  out.end_array();
  out.end_object();
  return text;
}

/// `limit`, or nothing if it is not a number in range.
std::optional<int> limit_of(const ApiRequest& request) {
  const auto given = request.query.find("limit");
  if (given == request.query.end()) return kDefaultDecisions;
  int limit = 0;
  const std::string& text = given->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc{} || end != text.data() + text.size() || limit < 1 || limit > kMaxDecisions) return std::nullopt;
  return limit;
}

ApiResponse decisions(const ApiRequest& request, const std::string& group, const ApiData& data) {
  const std::optional<int> limit = limit_of(request);
  if (!limit) return problem(400, fmt::format("limit must be a number from 1 to {}", kMaxDecisions));
  std::optional<TimePoint> before;
  if (const auto given = request.query.find("before"); given != request.query.end()) {
    before = parse_rfc3339(given->second);
    if (!before) return problem(400, "before must be a time like 2026-03-01T09:30:00Z");
  }
  const Result<std::vector<std::string>> records = data.decisions(group, *limit, before);
  if (!records) return problem(503, records.error().message);
  return {200, "application/json", decisions_json(*records), {}};
}

ApiResponse series(const ApiRequest& request, const std::string& group, const ApiData& data) {
  const auto given = request.query.find("since");
  const std::optional<TimePoint> since = given == request.query.end() ? std::nullopt : parse_rfc3339(given->second);
  if (!since) return problem(400, "since must be a time like 2026-03-01T09:30:00Z");
  Result<std::string> json = data.series(group, *since);
  if (!json) return problem(503, json.error().message);
  return {200, "application/json", std::move(*json), {}};
}

ApiResponse plan(const std::string& group, const ApiData& data) {
  std::optional<std::string> json = data.plan(group);
  if (!json) return problem(404, fmt::format("group {} had no turn yet", group));
  return {200, "application/json", std::move(*json), {}};
}

ApiResponse not_allowed(const std::string& allowed, const std::string& detail) {
  ApiResponse refused = problem(405, detail);
  refused.headers.emplace_back("Allow", allowed);
  return refused;
}

ApiResponse deploy(const GroupStatus& status) {
  if (!status.rollout) return problem(404, fmt::format("group {} has had no deploy", status.name));
  return {200, "application/json", deploy_json(status), {}};
}

/// `rest` is what follows the group's name.
ApiResponse group_answer(const ApiRequest& request, std::string_view encoded_name, std::string_view rest, const ApiData& data) {
  const std::optional<std::string> name = decoded(encoded_name);
  if (!name) return problem(400, "the path has a broken percent-encoding");
  const std::shared_ptr<const GroupStatus> status = data.group(*name);
  if (!status) return problem(404, fmt::format("there is no group {}; GET /v1/groups lists them", *name));
  if (rest.empty()) return {200, "application/json", status_json(*status), {}};
  if (rest == "/decisions") return decisions(request, *name, data);
  if (rest == "/series") return series(request, *name, data);
  if (rest == "/plan") return plan(*name, data);
  if (rest == "/deploys/current") return deploy(*status);
  if (order_at(rest)) return not_allowed("POST", fmt::format("{} is ordered with POST", rest.substr(1)));
  return problem(404, fmt::format("a group has no {}; it has decisions, series, plan, scale, pause, resume and deploys", rest));
}

ApiResponse get(const ApiRequest& request, const ApiData& data) {
  constexpr std::string_view groups = "/v1/groups";
  const std::string_view path = request.path;
  if (std::optional<ApiResponse> page = page_answer(request)) return std::move(*page);
  if (path == "/v1") return plain(kIndex);
  if (path == "/metrics") return {200, "text/plain; version=0.0.4; charset=utf-8", data.metrics(), {}};
  if (path == "/healthz") return probe_answer(data.alive());
  if (path == "/readyz") return probe_answer(data.ready());
  if (path == groups) return {200, "application/json", statuses_json(data.groups()), {}};
  if (!path.starts_with("/v1/groups/")) return problem(404, "there is nothing here; GET /v1 lists what there is");
  const std::string_view tail = path.substr(groups.size() + 1);
  const std::string_view name = tail.substr(0, tail.find('/'));
  return group_answer(request, name, tail.substr(name.size()), data);
}

/// get(), for those who may.
ApiResponse read(const ApiRequest& request, const ApiData& data, ApiControl& control) {
  if (is_public(request.path)) return get(request, data);
  auto token = allowed(request, ApiRole::read, control);
  return token ? get(request, data) : std::move(token.error());
}

ApiResponse nothing_to_post() { return not_allowed("GET, HEAD", "only GET and HEAD are answered here"); }

void post(const ApiRequest& request, ApiControl& control, const ApiReply& reply) {
  constexpr std::string_view groups = "/v1/groups/";
  const std::string_view path = request.path;
  if (!path.starts_with(groups)) return reply(nothing_to_post());
  const std::string_view tail = path.substr(groups.size());
  const std::string_view encoded = tail.substr(0, tail.find('/'));
  const std::optional<Order::Kind> kind = order_at(tail.substr(encoded.size()));
  if (!kind) return reply(nothing_to_post());
  const std::optional<std::string> name = decoded(encoded);
  if (!name) return reply(problem(400, "the path has a broken percent-encoding"));
  take_order(request, *name, *kind, control, reply);
}

}  // namespace

void answer(const ApiRequest& request, const ApiData& data, ApiControl& control, const ApiReply& reply) {
  if (const auto wait = control.admit(request.remote)) return reply(too_many(*wait, "too many requests from this address"));
  if (request.method == "GET") return reply(read(request, data, control));
  if (request.method == "POST") return post(request, control, reply);
  reply(nothing_to_post());
}

}  // namespace weir
