#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "model/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace weir {

/// A prepared statement of a Database, which must outlive it. Used by one thread at a time.
class Statement {
 public:
  /// Parameters count from 1. A bound text must stay where it is until the next reset().
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, std::string_view text);
  /// True: there is a row to look at. False: done; the statement is reset.
  [[nodiscard]] Result<bool> step();
  /// For statements without rows.
  [[nodiscard]] Result<void> run();
  /// Columns count from 0 and are valid until the next step() or reset().
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string_view text(int column) const;
  void reset();

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// One SQLite connection, used by one thread at a time. Errors name the file and are invalid (damaged, or no database at all),
/// denied (permissions), or unavailable (disk full, I/O error, locked).
class Database {
 public:
  enum class Access { write, read };
  /// The file must exist already.
  [[nodiscard]] static Result<Database> open(const std::filesystem::path& path, Access access);

  [[nodiscard]] Result<void> execute(const char* sql);
  [[nodiscard]] Result<Statement> prepare(const char* sql);
  /// The single number that `sql` asks for.
  [[nodiscard]] Result<std::int64_t> number(const char* sql);
  [[nodiscard]] std::int64_t last_row() const;
  /// Makes this one a copy of all of `other` as it is at one instant, while others may write that.
  [[nodiscard]] Result<void> copy_from(Database& other);
  /// Reads all of it. Errors: invalid, with the first thing that is wrong.
  [[nodiscard]] Result<void> check_integrity();

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit Database(sqlite3* database) : database_(database) {}
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace weir
