#include "controller/simulate/trace_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

#include "controller/render/rfc3339.h"

namespace weir {
namespace {

constexpr std::size_t kLongestLine = 4096;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kTimes = "unix seconds or RFC 3339 (2026-03-01T09:30:00Z)";

bool is_blank(char character) { return character == ' ' || character == '\t' || character == '\r'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// The beginning of a text from outside, which may be anything, fit for a message.
std::string excerpt(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string shown(text.substr(0, longest));
  std::ranges::replace_if(shown, [](unsigned char character) { return character < 0x20 || character >= 0x7F; }, '?');
  return text.size() > longest ? shown + "…" : shown;
}

/// The end of the quoted cell that `rest` begins with: after its closing quote.
std::size_t quoted_length(std::string_view rest) {
  std::size_t end = rest.find('"', 1);
  while (end != std::string_view::npos && rest.substr(end + 1).starts_with('"')) end = rest.find('"', end + 2);
  return end == std::string_view::npos ? rest.size() : end + 1;
}

std::string_view without_quotes(std::string_view cell) {
  const bool quoted = cell.size() >= 2 && cell.front() == '"' && cell.back() == '"';
  return quoted ? trimmed(cell.substr(1, cell.size() - 2)) : cell;
}

bool equal_without_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char one, char other) { return (one >= 'A' && one <= 'Z' ? one + 32 : one) == other; });
}

bool names_the_time(std::string_view name) {
  return equal_without_case(name, "timestamp") || equal_without_case(name, "time") || equal_without_case(name, "t");
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<TimePoint> parse_time(std::string_view text) {
  using namespace std::chrono;
  constexpr std::int64_t first = -62'167'219'200;  // of the years 0 to 9999, as format_time() can write them
  constexpr std::int64_t last = 253'402'300'799;
  if (const auto whole = parse_number<std::int64_t>(text)) {
    return *whole >= first && *whole <= last ? std::optional(TimePoint{seconds{*whole}}) : std::nullopt;
  }
  if (const auto fraction = parse_number<double>(text)) {
    const bool known = std::isfinite(*fraction);
    if (!known || *fraction < static_cast<double>(first) || *fraction > static_cast<double>(last)) return std::nullopt;
    return TimePoint{milliseconds{std::llround(*fraction * 1000)}};
  }
  return parse_rfc3339(text);
}

/// Milliseconds are told only where there are any.
std::string time_text(TimePoint time) {
  std::string text = format_time(time);
  if (text.ends_with(".000Z")) text.erase(text.size() - 5, 4);
  return text;
}

/// The median distance of neighbouring samples, the lower of two. Searched for between the extremes instead of by sorting a copy.
Duration median_distance(const std::vector<TimePoint>& at) {
  const auto count_up_to = [&at](Duration most) {
    std::size_t count = 0;
    for (std::size_t index = 1; index < at.size(); ++index) count += at[index] - at[index - 1] <= most ? 1U : 0U;
    return count;
  };
  Duration low{1};
  Duration high{1};
  for (std::size_t index = 1; index < at.size(); ++index) high = std::max(high, at[index] - at[index - 1]);
  const std::size_t half = at.size() / 2;
  while (low < high) {
    const Duration middle = low + (high - low) / 2;
    if (count_up_to(middle) >= half) {
      high = middle;
    } else {
      low = middle + Duration{1};
    }
  }
  return high;
}

std::string gaps_note(const Trace& trace) {
  const auto longest = std::ranges::max_element(trace.gaps, {}, [](const auto& gap) { return gap.second - gap.first; });
  return fmt::format("{} where nothing was recorded, the longest of {} from {}; the load is drawn across and not judged there",
                     trace.gaps.size() == 1 ? "one gap" : fmt::format("{} gaps", trace.gaps.size()),
                     format_duration(longest->second - longest->first), time_text(longest->first));
}

/// Step, gaps and notes of the samples. `missing`: rows that had none.
void describe(Trace& trace, std::size_t missing) {
  trace.step = median_distance(trace.at);
  for (std::size_t index = 1; index < trace.at.size(); ++index) {
    if (is_gap(trace.at[index] - trace.at[index - 1], trace.step)) trace.gaps.emplace_back(trace.at[index - 1], trace.at[index]);
  }
  if (missing > 0) {
    trace.notes.push_back(fmt::format("{} without a number (NaN, infinite or empty): taken for missing",
                                      missing == 1 ? "one row" : fmt::format("{} rows", missing)));
  }
  if (!trace.gaps.empty()) trace.notes.push_back(gaps_note(trace));
}

}  // namespace

Result<Trace> make_trace(std::string name, std::span<const TimePoint> at, std::span<const double> load) {
  Trace trace{.name = std::move(name)};
  for (std::size_t index = 0; index < at.size(); ++index) {
    if (!std::isfinite(load[index])) continue;
    if (load[index] < 0) {
      return failure(ErrorKind::invalid, fmt::format("{}: the load at {} is negative ({}); expected 0 or more", trace.name,
                                                     time_text(at[index]), load[index]));
    }
    trace.at.push_back(at[index]);
    trace.load.push_back(load[index]);
  }
  if (trace.at.size() < 3) {
    return failure(ErrorKind::invalid,
                   fmt::format("{}: {} samples in the range asked for; expected three or more", trace.name, trace.at.size()));
  }
  describe(trace, at.size() - trace.at.size());
  return trace;
}

TraceReader::TraceReader(std::string name, std::string source, TraceOptions options)
    : source_(std::move(source)), options_(std::move(options)) {
  trace_.name = std::move(name);
}

Result<void> TraceReader::take(std::string_view piece) {
  for (std::size_t end = piece.find('\n'); end != std::string_view::npos; end = piece.find('\n')) {
    ++line_;
    const std::string_view line = piece.substr(0, end);
    Result<void> taken;
    if (begun_.empty()) {
      taken = take_line(line);
    } else {
      begun_ += line.substr(0, kLongestLine + 1);
      taken = take_line(begun_);
      begun_.clear();
    }
    if (!taken) return taken;
    piece.remove_prefix(end + 1);
  }
  begun_ += piece.substr(0, kLongestLine + 2);
  if (begun_.size() <= kLongestLine + 1) return {};  // one more than a line may have, for the CR of a line end
  ++line_;
  return take_line(begun_);
}

Result<Trace> TraceReader::finish() {
  if (!begun_.empty()) {
    ++line_;
    if (Result<void> taken = take_line(begun_); !taken) return std::unexpected(taken.error());
  }
  if (trace_.at.size() < 3) {
    return failure(ErrorKind::invalid, fmt::format("{}: {} samples; expected three or more lines of time,load", source_,
                                                   trace_.at.empty() ? "no" : fmt::format("only {}", trace_.at.size())));
  }
  describe(trace_, missing_);
  return std::move(trace_);
}

Result<void> TraceReader::take_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > kLongestLine) {
    return complain_of(line.substr(0, kLongestLine), fmt::format("longer than {} bytes", kLongestLine));
  }
  if (line_ == 1 && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  line = trimmed(line);
  if (line.empty() || line.front() == '#') return {};
  split(line);
  return columns_ == 0 ? take_first(line) : take_row(line);
}

void TraceReader::split(std::string_view line) {
  cells_.clear();
  for (;;) {
    line = trimmed(line);
    const std::size_t start = line.starts_with('"') ? quoted_length(line) : 0;
    const std::size_t end = std::min(line.find(',', start), line.size());
    cells_.push_back(without_quotes(trimmed(line.substr(0, end))));
    if (end == line.size()) return;
    line.remove_prefix(end + 1);
  }
}

Result<void> TraceReader::take_first(std::string_view line) {
  if (!parse_time(cells_[0])) return take_header(line);
  if (!options_.column.empty()) {
    return complain(fmt::format("no header, so there is no column '{}'", excerpt(options_.column)));
  }
  if (cells_.size() > 2) {
    return complain(fmt::format("{} columns and no header that names them; expected time,load", cells_.size()));
  }
  columns_ = 2;
  return take_row(line);
}

Result<void> TraceReader::take_header(std::string_view line) {
  if (!names_the_time(cells_[0])) {
    return complain_of(line,
                       fmt::format("expected a header like timestamp,requests_per_second (or time, or t, as its first name), or a "
                                   "first row whose time is {}",
                                   kTimes));
  }
  columns_ = cells_.size();
  if (columns_ < 2) return complain_of(line, "expected a second column, the load");
  return choose_column(line);
}

Result<void> TraceReader::choose_column(std::string_view line) {
  const auto first = cells_.begin() + 1;
  if (options_.column.empty()) {
    if (columns_ == 2) return {};
    return complain_of(line, fmt::format("more than one column beside the time; choose one of {}", column_names()));
  }
  const auto found = std::find(first, cells_.end(), options_.column);
  if (found == cells_.end()) {
    return complain_of(line, fmt::format("no column '{}'; there are {}", excerpt(options_.column), column_names()));
  }
  if (std::find(found + 1, cells_.end(), options_.column) != cells_.end()) {
    return complain_of(line, fmt::format("two columns '{}'; expected names that differ", excerpt(options_.column)));
  }
  column_ = static_cast<std::size_t>(found - cells_.begin());
  return {};
}

std::string TraceReader::column_names() const {
  constexpr std::size_t most = 20;
  std::string names;
  for (std::size_t index = 1; index < std::min(cells_.size(), most + 1); ++index) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", excerpt(cells_[index]));
  }
  return cells_.size() > most + 1 ? fmt::format("{} and {} more", names, cells_.size() - most - 1) : names;
}

Result<void> TraceReader::take_row(std::string_view line) {
  if (cells_.size() != columns_) {
    return complain_of(line, fmt::format("{} cell{}; expected {}", cells_.size(), cells_.size() == 1 ? "" : "s", columns_));
  }
  const auto time = parse_time(cells_[0]);
  if (!time) {
    return complain_of(line, fmt::format("the time '{}' is not {} in the years 0 to 9999", excerpt(cells_[0]), kTimes));
  }
  return take_sample(*time, cells_[column_], line);
}

Result<void> TraceReader::take_sample(TimePoint time, std::string_view load, std::string_view line) {
  if (Result<void> order = check_order(time); !order) return order;
  before_ = time;
  line_before_ = line_;
  if (load.starts_with('+')) load.remove_prefix(1);
  const auto number = load.empty() ? std::optional(std::nan("")) : parse_number<double>(load);
  if (!number) return complain_of(line, fmt::format("the load '{}' is not a number", excerpt(load)));
  if (!std::isfinite(*number)) {
    ++missing_;
    return {};
  }
  if (*number < 0) return complain(fmt::format("the load {} is negative; expected 0 or more", excerpt(load)));
  if (trace_.at.size() == options_.most_rows) return complain(fmt::format("more than {} rows; cut the file", options_.most_rows));
  trace_.at.push_back(time);
  trace_.load.push_back(*number);
  return {};
}

Result<void> TraceReader::check_order(TimePoint time) const {
  if (line_before_ == 0 || time > before_) return {};
  if (time == before_) {
    return complain(fmt::format("the time {} is that of line {} too; expected each once", time_text(time), line_before_));
  }
  return complain(fmt::format("the time {} is before {} of line {}; expected rows in order of time", time_text(time),
                              time_text(before_), line_before_));
}

std::unexpected<Error> TraceReader::complain(std::string_view what) const {
  return failure(ErrorKind::invalid, fmt::format("{}:{}: {}", source_, line_, what));
}

std::unexpected<Error> TraceReader::complain_of(std::string_view line, std::string_view what) const {
  // Text of another kind (compressed, UTF-16, a program) is better told so than that some cell of it is wrong.
  const auto strange = std::ranges::find_if(
      line, [](char character) { return static_cast<unsigned char>(character) < 0x20 && character != '\t' && character != '\r'; });
  if (strange == line.end()) return complain(fmt::format("{}: {}", what, excerpt(line)));
  return complain(fmt::format("not text (byte 0x{:02x}): binary, compressed or UTF-16? Expected CSV in UTF-8",
                              static_cast<unsigned>(static_cast<unsigned char>(*strange))));
}

}  // namespace weir
