#include "controller/simulate/trace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <string_view>

#include "controller/simulate/trace_reader.h"
#include "platform/descriptor.h"

namespace weir {
namespace {

std::unexpected<Error> cannot_read(const std::filesystem::path& path, int error) {
  ErrorKind kind = ErrorKind::unavailable;
  if (error == ENOENT || error == ENOTDIR) kind = ErrorKind::not_found;
  if (error == EACCES || error == EPERM) kind = ErrorKind::denied;
  return failure(kind, fmt::format("cannot read the trace {}: {}", path.string(), std::strerror(error)));
}

std::unexpected<Error> unfit(const std::filesystem::path& path, std::string_view what) {
  return failure(ErrorKind::invalid, fmt::format("the trace {} {}", path.string(), what));
}

Result<Descriptor> open_trace(const std::filesystem::path& path, std::uintmax_t most_bytes) {
  // Not to hang on a pipe without a writer.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return cannot_read(path, errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return cannot_read(path, errno);
  if (S_ISDIR(status.st_mode)) return unfit(path, "is a directory; expected a CSV file");
  if (!S_ISREG(status.st_mode)) return unfit(path, "is not a regular file; expected a CSV file");
  if (status.st_size == 0) return unfit(path, "is empty; expected lines of time,load");
  if (static_cast<std::uintmax_t>(status.st_size) > most_bytes) {
    return unfit(path, fmt::format("has {} bytes; {} are the most, cut it", status.st_size, most_bytes));
  }
  return file;
}

}  // namespace

Result<Trace> parse_trace(std::string_view text, const std::string& name, const TraceOptions& options) {
  TraceReader reader(name, name, options);
  if (Result<void> taken = reader.take(text); !taken) return std::unexpected(taken.error());
  return reader.finish();
}

Result<Trace> read_trace(const std::filesystem::path& path, const TraceOptions& options) {
  const Result<Descriptor> file = open_trace(path, options.most_bytes);
  if (!file) return std::unexpected(file.error());
  TraceReader reader(path.stem().string(), path.string(), options);
  std::vector<char> piece(std::size_t{256} << 10U);
  for (std::uintmax_t bytes = 0; bytes <= options.most_bytes;) {
    const ssize_t count = ::read(file->get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot_read(path, errno);
    if (count == 0) return reader.finish();
    bytes += static_cast<std::uintmax_t>(count);
    if (Result<void> taken = reader.take({piece.data(), static_cast<std::size_t>(count)}); !taken) {
      return std::unexpected(taken.error());
    }
  }
  return unfit(path, fmt::format("grew beyond {} bytes while it was read", options.most_bytes));
}

Result<Trace> cut(Trace trace, std::optional<TimePoint> from, std::optional<TimePoint> to) {
  if (from && to && *from > *to) {
    return failure(ErrorKind::invalid, fmt::format("the range from {} to {} is reversed; expected the earlier time first",
                                                   format_time(*from), format_time(*to)));
  }
  const auto first = from ? std::ranges::lower_bound(trace.at, *from) : trace.at.begin();
  const auto last = to ? std::ranges::upper_bound(trace.at, *to) : trace.at.end();
  if (last - first < 3) {
    return failure(
        ErrorKind::invalid,
        fmt::format("the trace {} has {} samples in the range asked for; expected three or more. It covers {} to {}", trace.name,
                    std::max(last - first, std::ptrdiff_t{0}), format_time(trace.at.front()), format_time(trace.at.back())));
  }
  const auto begin = first - trace.at.begin();
  const auto end = last - trace.at.begin();
  trace.at = {first, last};
  trace.load = {trace.load.begin() + begin, trace.load.begin() + end};
  std::erase_if(trace.gaps, [&trace](const auto& gap) { return gap.first < trace.at.front() || gap.second > trace.at.back(); });
  return trace;
}

LoadCursor::Reading LoadCursor::at(TimePoint time) {
  if (time < trace_.at.front()) return {.value = trace_.load.front(), .in_gap = true};
  if (time >= trace_.at.back()) return {.value = trace_.load.back(), .in_gap = time - trace_.at.back() > trace_.step};
  move_to(time);
  const TimePoint before = trace_.at[index_];
  const Duration distance = trace_.at[index_ + 1] - before;
  const double share = static_cast<double>((time - before).count()) / static_cast<double>(distance.count());
  return {.value = std::lerp(trace_.load[index_], trace_.load[index_ + 1], share),
          .in_gap = time > before && is_gap(distance, trace_.step)};
}

void LoadCursor::move_to(TimePoint time) {
  if (time < trace_.at[index_]) {
    index_ = static_cast<std::size_t>(std::ranges::upper_bound(trace_.at, time) - trace_.at.begin()) - 1;
  }
  while (trace_.at[index_ + 1] <= time) ++index_;
}

}  // namespace weir
