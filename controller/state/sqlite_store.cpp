#include "controller/state/sqlite_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

#include "controller/render/json.h"
#include "controller/state/batch.h"
#include "controller/state/database.h"
#include "controller/state/file_lock.h"
#include "controller/state/schema.h"
#include "controller/state/writer.h"
#include "model/time.h"
#include "platform/file.h"

namespace weir {
namespace {

constexpr std::size_t kRecordsKeptWhileFailing = 2;  // per group

constexpr const char* kSettings = R"sql(
PRAGMA page_size = 8192;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 2000;
PRAGMA journal_size_limit = 67108864;
PRAGMA cache_size = -8192;
)sql";

/// Makes the directory and an empty file that only its owner can read; SQLite gives its side files the same mode.
Result<void> make_file(const std::filesystem::path& path) {
  std::error_code error;
  if (path.has_parent_path() && std::filesystem::create_directories(path.parent_path(), error)) {
    std::filesystem::permissions(path.parent_path(), std::filesystem::perms::owner_all, error);
  }
  if (error) {
    return failure(ErrorKind::denied, fmt::format("state {}: cannot make directory {}: {}", path.string(),
                                                  path.parent_path().string(), error.message()));
  }
  const int file = open_or_make_private(path);
  if (file < 0) return failure(ErrorKind::denied, fmt::format("state {}: cannot open it: {}", path.string(), std::strerror(errno)));
  ::close(file);
  const int directory = ::open(path.has_parent_path() ? path.parent_path().c_str() : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    (void)::fsync(directory);  // the new name must survive a power failure too; some file systems cannot, and need not
    ::close(directory);
  }
  return {};
}

Result<Database> open_database(const std::filesystem::path& path) {
  Result<Database> database = Database::open(path, Database::Access::write);
  if (!database) return database;
  Result<void> done = check_schema(*database, path);
  if (done) done = database->execute(kSettings);
  if (done) done = migrate_schema(*database);
  if (!done) return std::unexpected(done.error());
  return database;
}

bool is_change(const Record& record) {
  const Plan& plan = record.plan;
  const bool acts = std::ranges::any_of(plan.actions, [](const Action& action) { return action.why != kNotGoneYet; });
  return acts || plan.decision.desired != plan.decision.previous || !plan.refused.empty() || !record.orders.empty() ||
         (record.rollout && record.rollout->ended_at);
}

}  // namespace

struct SqliteStore::Impl {
  Impl(Options given, FileLock held, Writer made, std::unique_ptr<StateReader> opened)
      : options(std::move(given)), lock(std::move(held)), writer(std::move(made)), reader(std::move(opened)) {}

  Options options;
  FileLock lock;
  Writer writer;  ///< belongs to `thread`
  std::unique_ptr<StateReader> reader;

  mutable std::mutex mutex;
  std::condition_variable_any work;     ///< wakes the writer: there is something to write, or it became urgent
  std::condition_variable_any settled;  ///< a batch was taken or has its outcome
  std::shared_ptr<Batch> waiting = std::make_shared<Batch>();
  std::shared_ptr<const Batch> under_way;  ///< not changed while it is
  std::chrono::steady_clock::time_point under_way_since;
  std::optional<Error> trouble;
  std::jthread thread;  ///< last: it uses all of the above

  void run(const std::stop_token& stop) {
    std::unique_lock hold(mutex);
    for (;;) {
      work.wait(hold, stop, [this] { return !waiting->groups.empty(); });
      if (waiting->groups.empty()) return;
      const Duration delay = trouble ? options.retry_delay : options.eventual_delay;
      work.wait_for(hold, stop, delay, [this] { return waiting->urgent || (!trouble && waiting->bytes >= options.max_waiting); });
      const bool written = write_waiting(hold);
      if (!written && stop.stop_requested()) return;
    }
  }

  bool write_waiting(std::unique_lock<std::mutex>& hold) {
    const std::shared_ptr<Batch> batch = std::exchange(waiting, std::make_shared<Batch>());
    under_way = batch;
    under_way_since = std::chrono::steady_clock::now();
    settled.notify_all();
    hold.unlock();
    Result<void> outcome = writer.write(*batch);
    hold.lock();
    under_way.reset();
    trouble = outcome ? std::nullopt : std::optional(outcome.error());
    if (!outcome) waiting->take_back(std::exchange(*batch, Batch{}), kRecordsKeptWhileFailing);
    batch->outcome = std::move(outcome);
    settled.notify_all();
    return !trouble;
  }

  /// The group's newest memory that is not known to be on disk.
  std::optional<std::string> unwritten_memory(const std::string& group) const {
    const std::scoped_lock hold(mutex);
    for (const Batch* batch : {static_cast<const Batch*>(waiting.get()), under_way.get()}) {
      if (batch == nullptr) continue;
      const auto found = batch->groups.find(group);
      if (found != batch->groups.end() && found->second.memory) return found->second.memory;
    }
    return std::nullopt;
  }

  Result<void> wait_for(const std::shared_ptr<const Batch>& batch, std::unique_lock<std::mutex>& hold) {
    settled.wait(hold, [&batch] { return batch->outcome.has_value(); });
    return *batch->outcome;
  }

  /// Whoever comes after one that waited in vain does not wait, so that a dead disk holds no worker.
  bool hangs() const { return under_way && std::chrono::steady_clock::now() - under_way_since >= options.save_deadline; }

  std::unexpected<Error> too_late() const {
    return failure(ErrorKind::unavailable, fmt::format("state {}: the disk has not finished a write for {}", options.path.string(),
                                                       format_duration(options.save_deadline)));
  }
};

SqliteStore::SqliteStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  impl_->thread = std::jthread([state = impl_.get()](const std::stop_token& stop) { state->run(stop); });
}

SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(Options options) {
  if (const Result<void> made = make_file(options.path); !made) return std::unexpected(made.error());
  Result<FileLock> lock = FileLock::acquire(options.path.string() + ".lock");
  if (!lock) return std::unexpected(lock.error());
  Result<Database> database = open_database(options.path);
  if (!database) return std::unexpected(database.error());
  Result<Writer> writer = Writer::make(std::move(*database), options.retention);
  if (!writer) return std::unexpected(writer.error());
  Result<std::unique_ptr<StateReader>> reader = StateReader::open(options.path);
  if (!reader) return std::unexpected(reader.error());
  auto impl = std::make_unique<Impl>(std::move(options), std::move(*lock), std::move(*writer), std::move(*reader));
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(impl)));
}

Result<Memory> SqliteStore::load(const std::string& group) {
  if (const std::optional<std::string> unwritten = impl_->unwritten_memory(group)) return parse_memory(*unwritten);
  return impl_->reader->load(group);
}

Result<void> SqliteStore::save(const std::string& group, const Memory& memory, const Record& record, Durability durability) {
  const bool durable = durability == Durability::durable;
  std::string memory_text = memory_json(memory);
  WaitingRecord waiting_record{record.at.time_since_epoch().count(), is_change(record), durable, record_json(record)};

  std::unique_lock hold(impl_->mutex);
  if (impl_->hangs()) return impl_->too_late();
  const auto has_room = [this] { return impl_->waiting->bytes < impl_->options.max_waiting || impl_->trouble; };
  if (!durable && !impl_->settled.wait_for(hold, impl_->options.save_deadline, has_room)) return impl_->too_late();
  const std::shared_ptr<Batch> batch = impl_->waiting;
  batch->add(group, std::move(memory_text), std::move(waiting_record));
  const bool wake = durable || batch->groups.size() == 1 || batch->bytes >= impl_->options.max_waiting;
  batch->urgent = batch->urgent || durable;
  if (wake) impl_->work.notify_all();
  if (!durable) return {};
  const auto tried = [&batch] { return batch->outcome.has_value(); };
  if (!impl_->settled.wait_for(hold, impl_->options.save_deadline, tried)) return impl_->too_late();
  return *batch->outcome;
}

Result<void> SqliteStore::flush() {
  std::unique_lock hold(impl_->mutex);
  if (impl_->waiting->groups.empty()) return impl_->under_way ? impl_->wait_for(impl_->under_way, hold) : Result<void>{};
  const std::shared_ptr<Batch> batch = impl_->waiting;
  batch->urgent = true;
  impl_->work.notify_all();
  return impl_->wait_for(batch, hold);
}

std::optional<Error> SqliteStore::trouble() const {
  const std::scoped_lock hold(impl_->mutex);
  return impl_->trouble;
}

const StateReader& SqliteStore::reader() const { return *impl_->reader; }

}  // namespace weir
