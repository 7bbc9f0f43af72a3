// weir-load: HTTP load on one URL, and what became of it. The last line is one JSON object.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "examples/load/load.h"

namespace {

/// `10s:100:400` = ten seconds from 100 to 400 requests per second; `10s:100` = ten seconds of 100.
weir::LoadSegment parse_segment(const std::string& text) {
  double length = 0;
  char unit = 0;
  weir::LoadSegment segment;
  const int found = std::sscanf(text.c_str(), "%lf%c:%lf:%lf", &length, &unit, &segment.from_rps, &segment.to_rps);
  if (found < 3 || unit != 's' || length <= 0) throw CLI::ValidationError(text, "expected SECONDSs:RPS or SECONDSs:FROM:TO");
  if (found == 3) segment.to_rps = segment.from_rps;
  segment.length = weir::Duration(static_cast<weir::Duration::rep>(length * 1000));
  return segment;
}

}  // namespace
