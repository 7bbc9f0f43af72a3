#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "controller/observe/prometheus.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

/// What must hold of a sample whatever bytes it came from.
void check_sample(const weir::Sample& sample) {
  using Status = weir::Sample::Status;
  if (sample.status == Status::ok) check(sample.detail.empty() && std::isfinite(sample.value));
  if (sample.status != Status::ok) check(!sample.detail.empty() && sample.series.empty());
  if (sample.status == Status::nan) check(!std::isfinite(sample.value));
  for (const weir::Sample::Series& series : sample.series) check(std::isfinite(series.value) && !series.server.empty());
  // The API writes it as JSON, which aborts the answer if it is not UTF-8.
  (void)nlohmann::json(sample.detail).dump();
}

}  // namespace

/// The first byte chooses the status and the content type, the rest is the body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const int statuses[] = {200, 200, 400, 503};
  weir::HttpResponse response;
  response.status = statuses[data[0] % 4];
  response.content_type = data[0] % 8 < 4 ? "application/json" : "text/html";
  response.body.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  weir::PrometheusAnswer answer(response);
  const weir::TimePoint now{std::chrono::seconds(1'795'239'478)};
  weir::Query query;
  check_sample(answer.sample(query, now, now));
  query.server_label = "instance";
  check_sample(answer.sample(query, now, now));
  query.select = {{"job", "app"}};
  check_sample(answer.sample(query, now, now));
  return 0;
}
