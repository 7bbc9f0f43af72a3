#include "balancers/nginx/managed_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "platform/descriptor.h"
#include "platform/file.h"

namespace weir {
namespace {

constexpr std::string_view kNoFileBefore = "# weir: there was no such file before.\n";

/// Also a link to a file that does not exist yet.
std::filesystem::path followed(std::filesystem::path path) {
  constexpr int kMostLinks = 40;  // as the kernel
  std::error_code error;
  for (int links = 0; links < kMostLinks && std::filesystem::is_symlink(path, error); ++links) {
    const std::filesystem::path target = std::filesystem::read_symlink(path, error);
    if (error) break;
    path = path.parent_path() / target;  // an absolute target replaces it all
  }
  return path;
}

std::filesystem::path beside(const std::filesystem::path& path, std::string_view ending) {
  return path.parent_path() / fmt::format(".{}.{}", path.filename().string(), ending);
}

std::unexpected<Error> system_failure(std::string_view tried, const std::filesystem::path& path, int error) {
  const bool denied = error == EACCES || error == EPERM || error == EROFS;
  return failure(denied ? ErrorKind::denied : ErrorKind::unavailable,
                 fmt::format("cannot {} {}: {}", tried, path.string(), std::strerror(error)));
}

Result<void> sync_directory(const std::filesystem::path& path) {
  const Descriptor directory(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) return system_failure("sync the directory of", path, errno);
  return {};
}

/// Makes `to` another name of the file `from` in one step, whatever `to` was.
Result<void> link_over(const std::filesystem::path& from, const std::filesystem::path& to) {
  const std::filesystem::path between = beside(to, "weir-link");
  (void)::unlink(between.c_str());
  if (::link(from.c_str(), between.c_str()) != 0) return system_failure("make a hard link to", from, errno);
  const int error = ::rename(between.c_str(), to.c_str()) == 0 ? 0 : errno;
  (void)::unlink(between.c_str());  // rename() leaves it if both are names of one file already
  if (error != 0) return system_failure("replace", to, error);
  return sync_directory(to);
}

Result<void> remove_file(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_failure("remove", path, errno);
  return sync_directory(path);
}

}  // namespace

ManagedFile::ManagedFile(const std::filesystem::path& path) : path_(followed(path)), marker_(beside(path_, "weir-pending")) {}

std::filesystem::path ManagedFile::staged_path() const { return beside(path_, "weir-staged"); }

Result<std::optional<std::string>> ManagedFile::text() const {
  auto text = read_file(path_);
  if (text) return std::optional(std::move(*text));
  if (text.error().kind == ErrorKind::not_found) return std::nullopt;
  return std::unexpected(text.error());
}

bool ManagedFile::pending() const { return ::access(marker_.c_str(), F_OK) == 0; }

Result<void> ManagedFile::put(const std::string& text) const {
  const auto present = this->text();
  if (!present) return std::unexpected(present.error());
  const bool was_pending = pending();
  if (!was_pending) {
    auto marked = *present ? link_over(path_, marker_) : replace_file(marker_, std::string(kNoFileBefore));
    if (!marked) {
      (void)remove_file(marker_);
      return marked;
    }
  }
  if (*present == text) return {};
  auto replaced = replace_file(path_, text);
  if (!replaced && !was_pending) (void)remove_file(marker_);
  return replaced;
}

Result<void> ManagedFile::take_back() const {
  const auto before = read_file(marker_);
  if (!before) return std::unexpected(before.error());
  return *before == kNoFileBefore ? remove_file(path_) : link_over(marker_, path_);
}

Result<void> ManagedFile::settle() const { return remove_file(marker_); }

Result<void> ManagedFile::rebase() const { return link_over(path_, marker_); }

std::string NginxFile::refusal(std::string_view present) const {
  const NginxOwner owner = owner_of(present, format.group);
  if (adopt || owner == NginxOwner::nobody || owner == NginxOwner::this_group) return {};
  return fmt::format("{} {}; it is left alone. Move it away, or set adopt: true to let weir overwrite it", path.string(),
                     owner == NginxOwner::other_group ? fmt::format("is managed by weir for another group than {}", format.group)
                                                      : "was not written by weir");
}

Result<std::string> NginxFile::wanted(const std::optional<std::string>& present, std::span<const Peer> peers) const {
  if (std::string refused = refusal(present.value_or("")); !refused.empty()) return failure(ErrorKind::invalid, std::move(refused));
  const NginxOwner owner = owner_of(present.value_or(""), format.group);
  const bool serves = owner == NginxOwner::stranger || (owner != NginxOwner::nobody && !parse_peers(format, *present).empty());
  if (peers.empty() && serves) {
    return failure(ErrorKind::invalid, fmt::format("{}: refusing to take out every server; those in it stay", path.string()));
  }
  return render(format, peers);
}

}  // namespace weir
