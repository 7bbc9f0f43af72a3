#include "platform/followed_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace weir {
namespace {

constexpr std::size_t kLongestLine = std::size_t{64} << 10;

std::unexpected<Error> cannot(std::string_view tried, const std::filesystem::path& path, int error) {
  const ErrorKind kind = error == ENOENT ? ErrorKind::not_found : error == EACCES ? ErrorKind::denied : ErrorKind::unavailable;
  return failure(kind, fmt::format("cannot {} {}: {}", tried, path.string(), std::strerror(error)));
}

}  // namespace

Result<void> FollowedFile::read(const std::function<void(std::string_view)>& each) {
  if (file_.get() >= 0) {
    // Whoever renames it may write on for a moment: what the old one got until now is read before the new one.
    const bool current = is_current();
    if (Result<void> read = read_on(each); !read || current) return read;
    file_.reset();
  }
  if (Result<void> opened = open(); !opened) return opened;
  return read_on(each);
}

Result<void> FollowedFile::open() {
  // Not to hang on a pipe without a writer.
  Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    // Only what was not there at the first look is new from its beginning.
    looked_ = looked_ || errno == ENOENT;
    return cannot("open", path_, errno);
  }
  const bool first = !std::exchange(looked_, true);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return cannot("look at", path_, errno);
  if (!S_ISREG(status.st_mode)) return failure(ErrorKind::invalid, fmt::format("{} is not a regular file", path_.string()));
  file_ = std::move(file);
  position_ = first ? status.st_size : 0;
  line_.clear();
  return {};
}

bool FollowedFile::is_current() const {
  struct stat named{};
  struct stat open{};
  if (::stat(path_.c_str(), &named) != 0) return true;  // renamed, and the next one is not there yet
  return ::fstat(file_.get(), &open) == 0 && named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

Result<void> FollowedFile::read_on(const std::function<void(std::string_view)>& each) {
  struct stat status{};
  if (::fstat(file_.get(), &status) != 0) return cannot("look at", path_, errno);
  if (status.st_size < position_) {
    position_ = 0;
    line_.clear();
  }
  if (!each) {
    position_ = status.st_size;
    line_.clear();
    return {};
  }
  // Not beyond what was there when we looked: a busy log must not keep us.
  std::array<char, 65536> buffer;
  while (position_ < status.st_size) {
    const auto wanted = std::min<off_t>(status.st_size - position_, buffer.size());
    const ssize_t count = ::pread(file_.get(), buffer.data(), static_cast<std::size_t>(wanted), position_);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot("read", path_, errno);
    if (count == 0) return {};
    position_ += count;
    take({buffer.data(), static_cast<std::size_t>(count)}, each);
  }
  return {};
}

void FollowedFile::take(std::string_view text, const std::function<void(std::string_view)>& each) {
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    line_ += text.substr(0, end);
    each(line_);
    line_.clear();
    text.remove_prefix(end + 1);
  }
  line_ += text;
  if (line_.size() > kLongestLine) line_.erase(0, line_.size() - kLongestLine);
}

}  // namespace weir
