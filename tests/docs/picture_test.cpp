// docs/images/day.svg is what `weir simulate` says of a recorded day under the configuration of the README, drawn.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "platform/command.h"
#include "platform/file.h"
#include "tests/docs/documents.h"
#include "tests/support/temp_directory.h"

namespace weir::docs {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const fs::path kRoot = WEIR_SOURCE_DIR;
constexpr const char* kDay = "tests/data/traces/ms_mongo01_2018-04-26.csv";
constexpr double kCapacity = 2000;
constexpr double kDaySeconds = 86'400;
constexpr double kOutageBegin = 14 * 3600.0;
constexpr double kOutageEnd = 15 * 3600.0;

/// A number at a time of the day, in seconds.
struct Point {
  double at = 0;
  double value = 0;
};

std::vector<Point> read_points(const fs::path& file, double zero) {
  std::vector<Point> points;
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    const std::size_t comma = line.find(',');
    points.push_back({std::stod(line.substr(0, comma)) - zero, std::stod(line.substr(comma + 1))});
  }
  return points;
}

/// The configuration that the README shows.
std::string shown_configuration() {
  for (const Block& block : fenced_blocks("README.md", read_text(kRoot / "README.md"))) {
    if (block.name == "weir.yaml") return block.text;
  }
  return "";
}

/// Where things stand in the picture. Times grow to the right, loads upwards.
struct Frame {
  double left = 56;
  double right = 832;
  double top = 46;
  double bottom = 286;
  double most = 20'000;

  [[nodiscard]] double x(double at) const { return left + (right - left) * at / kDaySeconds; }
  [[nodiscard]] double y(double load) const { return bottom - (bottom - top) * load / most; }
};

constexpr Frame kFrame;

std::string polyline(const std::vector<Point>& points) {
  std::string path;
  for (const Point& point : points)
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", kFrame.x(point.at), kFrame.y(point.value));
  return path;
}

/// The mean of every five minutes: one pixel, about.
std::vector<Point> smoothed(const std::vector<Point>& points) {
  constexpr std::size_t kTogether = 5;
  std::vector<Point> out;
  for (std::size_t first = 0; first < points.size(); first += kTogether) {
    const std::size_t count = std::min(kTogether, points.size() - first);
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += points[first + i].value;
    out.push_back({points[first].at, sum / static_cast<double>(count)});
  }
  return out;
}

/// A capacity holds until the next decision.
std::vector<Point> steps(const std::vector<Point>& desired) {
  std::vector<Point> out;
  for (const Point& point : desired) {
    if (!out.empty()) out.push_back({point.at, out.back().value});
    out.push_back({point.at, point.value * kCapacity});
  }
  out.push_back({kDaySeconds, out.back().value});
  return out;
}

std::string axes() {
  std::string out;
  for (int load = 0; load <= 20'000; load += 5000) {
    out += fmt::format("<path class=\"grid\" d=\"M{} {:.1f}H{}\"/>\n", kFrame.left, kFrame.y(load), kFrame.right);
    out += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", kFrame.left - 6, kFrame.y(load) + 4,
                       load == 0 ? "0" : fmt::format("{},000", load / 1000));
  }
  for (int hour = 0; hour <= 24; hour += 4)
    out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:02}:00</text>\n", kFrame.x(hour * 3600.0),
                       kFrame.bottom + 18, hour);
  return out;
}

/// How many servers a long step means, above it.
std::string counts(const std::vector<Point>& desired) {
  std::string out;
  for (std::size_t i = 0; i < desired.size(); ++i) {
    const double end = i + 1 < desired.size() ? desired[i + 1].at : kDaySeconds;
    if (end - desired[i].at < 2400) continue;
    out += fmt::format("<text class=\"count\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
                       kFrame.x((desired[i].at + end) / 2), kFrame.y(desired[i].value * kCapacity) - 6, desired[i].value);
  }
  return out;
}

constexpr const char* kHead =
    R"svg(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 316" role="img" aria-labelledby="title">
<title id="title">A recorded day: the load, and the capacity of the servers that weir wants for it. While Prometheus is away nothing shrinks.</title>
<style>
text { font: 12px system-ui, sans-serif; fill: #57606a; }
.count { font-weight: 600; fill: #116329; }
.grid { stroke: #8c959f; stroke-opacity: .3; fill: none; }
.load { fill: #0969da; fill-opacity: .28; stroke: #0969da; }
.capacity { fill: none; stroke: #1a7f37; stroke-width: 2; }
.outage { fill: #bc4c00; fill-opacity: .2; }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1; }
.count { fill: #56d364; }
.load { fill: #4493f8; stroke: #4493f8; }
.capacity { stroke: #3fb950; }
.outage { fill: #f0883e; fill-opacity: .3; }
}
</style>
)svg";

std::string legend() {
  return "<rect class=\"load\" x=\"56\" y=\"12\" width=\"14\" height=\"12\"/><text x=\"76\" y=\"22\">requests a second</text>\n"
         "<path class=\"capacity\" d=\"M200 18H222\"/><text x=\"228\" y=\"22\">what the servers can carry, and how many there "
         "are</text>\n"
         "<rect class=\"outage\" x=\"590\" y=\"12\" width=\"14\" height=\"12\"/><text x=\"610\" y=\"22\">Prometheus is away: "
         "nothing shrinks</text>\n";
}

std::string draw(const std::vector<Point>& load, const std::vector<Point>& desired) {
  const std::string outage =
      fmt::format("<rect class=\"outage\" x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\"/>\n", kFrame.x(kOutageBegin),
                  kFrame.top, kFrame.x(kOutageEnd) - kFrame.x(kOutageBegin), kFrame.bottom - kFrame.top);
  const std::string area = fmt::format("<path class=\"load\" d=\"{}V{}H{}Z\"/>\n", polyline(load), kFrame.bottom, kFrame.left);
  const std::string line = fmt::format("<path class=\"capacity\" d=\"{}\"/>\n", polyline(steps(desired)));
  return kHead + legend() + outage + area + axes() + line + counts(desired) + "</svg>\n";
}

/// WEIR_UPDATE_GOLDEN=1 draws it anew; look at it before you commit it.
TEST(Picture, shows_what_simulate_says) {
  const TempDirectory directory;
  const fs::path configuration = directory.path() / "weir.yaml";
  const fs::path decisions = directory.path() / "decisions.csv";
  ASSERT_TRUE(replace_file(configuration, shown_configuration()));
  ASSERT_TRUE(replace_file(directory.path() / "token", "which the configuration names\n"));
  const auto ran =
      run_command({"env", "-C", directory.path(), WEIR_PROGRAM, "simulate", "-c", configuration, "--trace", kRoot / kDay,
                   "--capacity", "2000", "--boot", "60s", "--fail", "prometheus@14h+1h", "--decisions", decisions},
                  60s);
  ASSERT_TRUE(ran) << ran.error().message;
  ASSERT_EQ(ran->status, 0) << ran->output;
  const double zero = read_points(kRoot / kDay, 0).front().at;
  const std::string drawn = draw(smoothed(read_points(kRoot / kDay, zero)), read_points(decisions, 0));
  const fs::path picture = kRoot / "docs/images/day.svg";
  if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr) {
    fs::create_directories(picture.parent_path());
    std::ofstream(picture, std::ios::binary) << drawn;
  }
  EXPECT_EQ(read_text(picture), drawn) << "WEIR_UPDATE_GOLDEN=1 docs_sessions_test draws it anew";
}

}  // namespace
}  // namespace weir::docs
