#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "controller/simulate/trace.h"
#include "controller/simulate/trace_reader.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

/// What must hold of a trace whatever bytes it came from.
void check_trace(const weir::Trace& trace) {
  check(trace.at.size() >= 3 && trace.at.size() == trace.load.size() && trace.step > weir::Duration{0});
  for (const double load : trace.load) check(std::isfinite(load) && load >= 0);
  for (std::size_t index = 1; index < trace.at.size(); ++index) check(trace.at[index] > trace.at[index - 1]);
  for (const auto& [before, after] : trace.gaps) check(weir::is_gap(after - before, trace.step));
  weir::LoadCursor cursor(trace);
  for (std::size_t index = 1; index < trace.at.size(); ++index) {
    const auto middle = trace.at[index - 1] + (trace.at[index] - trace.at[index - 1]) / 2;
    const double value = cursor.at(middle).value;
    check(value >= std::min(trace.load[index - 1], trace.load[index]) &&
          value <= std::max(trace.load[index - 1], trace.load[index]));
  }
  check(weir::cut(trace, trace.at.front(), trace.at.back())->at == trace.at);
}

weir::Result<weir::Trace> read_in_pieces(std::string_view text, std::size_t length, const weir::TraceOptions& options) {
  weir::TraceReader reader("trace", "trace", options);
  for (; !text.empty(); text.remove_prefix(std::min(length, text.size()))) {
    if (weir::Result<void> taken = reader.take(text.substr(0, length)); !taken) return std::unexpected(taken.error());
  }
  return reader.finish();
}

}  // namespace

/// The length of the text chooses the column and how the text is cut into pieces.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const weir::TraceOptions options = {.column = size % 4 == 0 ? "a" : ""};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto whole = weir::parse_trace(text, "trace", options);
  const auto pieces = read_in_pieces(text, 1 + size % 61, options);
  check(whole.has_value() == pieces.has_value());
  if (!whole) {
    check(whole.error() == pieces.error());
    // The message goes into logs and JSON: one line of UTF-8.
    (void)nlohmann::json(whole.error().message).dump();
    check(!whole.error().message.empty() && !whole.error().message.contains('\n'));
    return 0;
  }
  check(whole->at == pieces->at && whole->load == pieces->load && whole->notes == pieces->notes);
  check_trace(*whole);
  return 0;
}
