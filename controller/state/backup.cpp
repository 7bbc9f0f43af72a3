#include "controller/state/backup.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "controller/state/database.h"
#include "controller/state/file_lock.h"
#include "controller/state/schema.h"
#include "platform/file.h"

namespace weir {
namespace {

namespace files = std::filesystem;

std::unexpected<Error> file_failure(ErrorKind kind, const files::path& path, std::string_view tried, int error) {
  return failure(kind, fmt::format("{}: cannot {}: {}", path.string(), tried, std::strerror(error)));
}

/// A file beside its goal that goes away unless it was put in place.
class TemporaryFile {
 public:
  [[nodiscard]] static Result<TemporaryFile> make(const files::path& goal) {
    files::path path = goal.parent_path() / fmt::format(".{}.weir-tmp", goal.filename().string());
    (void)::unlink(path.c_str());  // of one that was killed
    const int file = make_private(path);
    if (file < 0) return file_failure(ErrorKind::denied, path, "make it", errno);
    (void)::close(file);
    return TemporaryFile(std::move(path));
  }
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!path_.empty()) (void)::unlink(path_.c_str());
  }

  [[nodiscard]] const files::path& path() const { return path_; }

  /// On disk under its new name.
  [[nodiscard]] Result<void> put_in_place(const files::path& goal) {
    if (::rename(path_.c_str(), goal.c_str()) != 0) return file_failure(ErrorKind::denied, goal, "put the copy in place", errno);
    path_.clear();
    return sync(goal.has_parent_path() ? goal.parent_path() : files::path("."), O_RDONLY | O_DIRECTORY);
  }
  [[nodiscard]] Result<void> sync_content() const { return sync(path_, O_RDWR); }

 private:
  explicit TemporaryFile(files::path path) : path_(std::move(path)) {}

  static Result<void> sync(const files::path& path, int flags) {
    const int file = ::open(path.c_str(), flags | O_CLOEXEC);
    if (file < 0) return file_failure(ErrorKind::unavailable, path, "open it", errno);
    const int error = ::fsync(file) == 0 ? 0 : errno;
    (void)::close(file);
    if (error != 0) return file_failure(ErrorKind::unavailable, path, "bring it to disk", error);
    return {};
  }

  files::path path_;
};

/// A state of weir's that this program can read.
Result<Database> open_state(const files::path& path) {
  std::error_code error;
  if (!files::exists(path, error))
    return failure(ErrorKind::not_found, fmt::format("state {}: there is no such file", path.string()));
  Result<Database> database = Database::open(path, Database::Access::read);
  if (!database) return database;
  if (const Result<void> checked = check_schema(*database, path); !checked) return std::unexpected(checked.error());
  const Result<std::int64_t> version = database->number("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  if (*version == 0) return failure(ErrorKind::invalid, fmt::format("state {}: nothing in it yet", path.string()));
  return database;
}

Result<StateSummary> summary_of(Database& database) {
  StateSummary summary;
  std::int64_t newest = 0;
  for (const auto& [question, number] :
       {std::pair("PRAGMA user_version", &summary.schema), std::pair("SELECT count(*) FROM groups", &summary.groups),
        std::pair("SELECT max((SELECT ifnull(max(at), 0) FROM turns), (SELECT ifnull(max(at), 0) FROM changes))", &newest)}) {
    const Result<std::int64_t> answer = database.number(question);
    if (!answer) return std::unexpected(answer.error());
    *number = *answer;
  }
  if (newest > 0) summary.newest = TimePoint{Duration{newest}};
  return summary;
}

/// Copies all of a state into `copy`, one file without companions, and looks through it.
Result<StateSummary> copy_state(Database& state, const TemporaryFile& copy) {
  Result<Database> database = Database::open(copy.path(), Database::Access::write);
  if (!database) return std::unexpected(database.error());
  Result<void> done = database->copy_from(state);
  if (done) done = database->execute("PRAGMA journal_mode = DELETE");
  if (done) done = database->check_integrity();
  if (!done) return std::unexpected(done.error());
  Result<StateSummary> summary = summary_of(*database);
  if (!summary) return summary;
  database = failure(ErrorKind::cancelled, "closed");  // before it is brought to disk
  if (done = copy.sync_content(); !done) return std::unexpected(done.error());
  return summary;
}

/// Its journal holds nothing more: what takes its place must not be given it. A state too damaged for that loses its journal to
/// `kept`.
Result<void> empty_journal(const files::path& state, const files::path& kept) {
  {
    Result<Database> database = Database::open(state, Database::Access::write);
    if (database && database->execute("PRAGMA wal_checkpoint(TRUNCATE)")) return {};
  }
  const std::string journal = state.string() + "-wal";
  if (::rename(journal.c_str(), (kept.string() + "-wal").c_str()) == 0 || errno == ENOENT) return {};
  return file_failure(ErrorKind::denied, journal, "move it away", errno);
}

/// The state under a second name.
Result<files::path> keep_aside(const files::path& state, TimePoint at) {
  std::error_code error;
  if (!files::exists(state, error)) return files::path();
  files::path kept =
      fmt::format("{}.before-restore-{:%Y%m%dT%H%M%SZ}", state.string(), fmt::gmtime(std::chrono::system_clock::to_time_t(at)));
  if (auto emptied = empty_journal(state, kept); !emptied) return std::unexpected(emptied.error());
  if (::link(state.c_str(), kept.c_str()) != 0) return file_failure(ErrorKind::denied, kept, "keep the state there", errno);
  return kept;
}

}  // namespace

Result<StateSummary> backup_state(const files::path& state, const files::path& file, Existing existing) {
  Result<Database> database = open_state(state);
  if (!database) return std::unexpected(database.error());
  std::error_code error;
  if (files::equivalent(state, file, error)) {
    return failure(ErrorKind::invalid, fmt::format("{} is the state itself; name another file for the backup", file.string()));
  }
  if (existing == Existing::keep && files::exists(file, error)) {
    return failure(ErrorKind::invalid,
                   fmt::format("{} exists already and was left alone; name another file, or say --replace", file.string()));
  }
  Result<TemporaryFile> copy = TemporaryFile::make(file);
  if (!copy) return std::unexpected(copy.error());
  Result<StateSummary> summary = copy_state(*database, *copy);
  if (!summary) return summary;
  if (auto placed = copy->put_in_place(file); !placed) return std::unexpected(placed.error());
  return summary;
}

Result<Restored> restore_state(const files::path& file, const files::path& state, TimePoint at) {
  Result<Database> database = open_state(file);
  if (!database) return std::unexpected(database.error());
  std::error_code error;
  if (files::equivalent(state, file, error)) {
    return failure(ErrorKind::invalid, fmt::format("{} is the state itself; name the file of a backup", file.string()));
  }
  if (state.has_parent_path()) files::create_directories(state.parent_path(), error);
  const Result<FileLock> lock = FileLock::acquire(state.string() + ".lock");
  if (!lock) return std::unexpected(lock.error());
  Result<TemporaryFile> copy = TemporaryFile::make(state);
  if (!copy) return std::unexpected(copy.error());
  const Result<StateSummary> summary = copy_state(*database, *copy);
  if (!summary) return std::unexpected(summary.error());
  const Result<files::path> kept = keep_aside(state, at);
  if (!kept) return std::unexpected(kept.error());
  if (auto placed = copy->put_in_place(state); !placed) return std::unexpected(placed.error());
  (void)::unlink((state.string() + "-wal").c_str());  // empty
  (void)::unlink((state.string() + "-shm").c_str());
  return Restored{*summary, *kept};
}

}  // namespace weir
