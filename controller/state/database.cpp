#include "controller/state/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace weir {
namespace {

constexpr int kBusyMilliseconds = 5000;

ErrorKind kind_of(int code) {
  switch (code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:
      return ErrorKind::invalid;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return ErrorKind::denied;
    default:
      return ErrorKind::unavailable;
  }
}

std::unexpected<Error> sqlite_failure(sqlite3* database, std::string_view tried) {
  const int code = sqlite3_extended_errcode(database);
  const char* file = sqlite3_db_filename(database, "main");
  std::string message = fmt::format("state {}: cannot {}: {}", file != nullptr ? file : "", tried, sqlite3_errmsg(database));
  if (const int error = sqlite3_system_errno(database); error != 0 && kind_of(code) != ErrorKind::invalid) {
    message += fmt::format(" (system error {})", error);
  }
  if ((code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB) {
    message += "; move it away or restore a backup, weir changes nothing in it";
  }
  return failure(kind_of(code), std::move(message));
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { (void)sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* database) const { (void)sqlite3_close_v2(database); }

Statement& Statement::bind(int parameter, std::int64_t value) {
  (void)sqlite3_bind_int64(statement_.get(), parameter, value);
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  (void)sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), nullptr, SQLITE_UTF8);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  const auto failed =
      sqlite_failure(sqlite3_db_handle(statement_.get()), sqlite3_stmt_readonly(statement_.get()) != 0 ? "read" : "write");
  reset();
  return failed;
}

Result<void> Statement::run() {
  const Result<bool> row = step();
  if (!row) return std::unexpected(row.error());
  reset();
  return {};
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }

std::string_view Statement::text(int column) const {
  const auto* text = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return text != nullptr ? std::string_view(text, size) : std::string_view();
}

void Statement::reset() { (void)sqlite3_reset(statement_.get()); }

Result<Database> Database::open(const std::filesystem::path& path, Access access) {
  const int mode = access == Access::write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  Database database(raw);
  if (raw == nullptr) return failure(ErrorKind::unavailable, fmt::format("state {}: no memory to open it", path.string()));
  if (code != SQLITE_OK) {
    return failure(kind_of(code), fmt::format("state {}: cannot open it: {}", path.string(), sqlite3_errmsg(raw)));
  }
  (void)sqlite3_busy_timeout(raw, kBusyMilliseconds);
  return database;
}

Result<void> Database::execute(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return sqlite_failure(database_.get(), sql);
}

Result<Statement> Database::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    return sqlite_failure(database_.get(), "read");
  }
  return Statement(statement);
}

Result<std::int64_t> Database::number(const char* sql) {
  Result<Statement> statement = prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  const Result<bool> row = statement->step();
  if (!row) return std::unexpected(row.error());
  return *row ? statement->integer(0) : 0;
}

Result<void> Database::copy_from(Database& other) {
  sqlite3_backup* copy = sqlite3_backup_init(database_.get(), "main", other.database_.get(), "main");
  if (copy == nullptr) return sqlite_failure(database_.get(), "copy into it");
  const int code = sqlite3_backup_step(copy, -1);
  (void)sqlite3_backup_finish(copy);
  if (code == SQLITE_DONE) return {};
  const char* from = sqlite3_db_filename(other.database_.get(), "main");
  return failure(kind_of(code), fmt::format("state {}: cannot copy it: {}", from != nullptr ? from : "", sqlite3_errstr(code)));
}

Result<void> Database::check_integrity() {
  Result<Statement> statement = prepare("PRAGMA integrity_check(1)");
  if (!statement) return std::unexpected(statement.error());
  const Result<bool> row = statement->step();
  if (!row) return std::unexpected(row.error());
  if (*row && statement->text(0) == "ok") return {};
  const char* file = sqlite3_db_filename(database_.get(), "main");
  return failure(ErrorKind::invalid, fmt::format("state {}: damaged: {}", file != nullptr ? file : "",
                                                 *row ? statement->text(0) : std::string_view("it cannot be looked through")));
}

std::int64_t Database::last_row() const { return sqlite3_last_insert_rowid(database_.get()); }

}  // namespace weir
