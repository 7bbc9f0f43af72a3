#include "platform/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "platform/descriptor.h"

namespace weir {
namespace {

std::unexpected<Error> system_failure(std::string_view tried, const std::filesystem::path& path, int error) {
  ErrorKind kind = ErrorKind::unavailable;
  if (error == ENOENT || error == ENOTDIR) kind = ErrorKind::not_found;
  if (error == EACCES || error == EPERM || error == EROFS) kind = ErrorKind::denied;
  return failure(kind, fmt::format("cannot {} {}: {}", tried, path.string(), std::strerror(error)));
}

std::filesystem::path folder_of(const std::filesystem::path& path) { return path.has_parent_path() ? path.parent_path() : "."; }

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// Writes the temporary file completely; 0 or the errno of the step that failed.
int write_temporary(const std::filesystem::path& temporary, const std::filesystem::path& path, const std::string& text) {
  const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (file.get() < 0) return errno;
  struct stat old{};
  if (::stat(path.c_str(), &old) == 0) {
    if (::fchmod(file.get(), old.st_mode & 07777U) != 0) return errno;
    if (::fchown(file.get(), old.st_uid, old.st_gid) != 0 && errno != EPERM) return errno;
  }
  if (!write_all(file.get(), text)) return errno;
  return ::fsync(file.get()) == 0 ? 0 : errno;
}

}  // namespace

int make_private(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  struct stat folder{};
  const bool is_others = file >= 0 && ::geteuid() == 0 && ::stat(folder_of(path).c_str(), &folder) == 0 && folder.st_uid != 0;
  if (is_others) (void)!::fchown(file, folder.st_uid, folder.st_gid);
  return file;
}

int open_or_make_private(const std::filesystem::path& path) {
  const int file = make_private(path);
  return file < 0 && errno == EEXIST ? ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600) : file;
}

Result<std::string> read_file(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return system_failure("read", path, errno);
  std::string text;
  std::array<char, 65536> part{};
  for (;;) {
    const ssize_t count = ::read(file.get(), part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_failure("read", path, errno);
    if (count == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(count));
  }
}

Result<void> replace_file(const std::filesystem::path& path, const std::string& text) {
  const std::filesystem::path directory = folder_of(path);
  const std::filesystem::path temporary = directory / fmt::format(".{}.weir-tmp", path.filename().string());
  int error = write_temporary(temporary, path, text);
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    return system_failure("write", path, error);
  }
  const Descriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) (void)::fsync(folder.get());
  return {};
}

}  // namespace weir
