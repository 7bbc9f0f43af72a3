#pragma once

#include "controller/state/database.h"
#include "model/error.h"

namespace weir {

/// The version of the schema that this program writes.
[[nodiscard]] std::int64_t newest_schema();

/// Refuses a file that is not weir's or that a newer weir wrote. A file with nothing in it passes.
[[nodiscard]] Result<void> check_schema(Database& database, const std::filesystem::path& path);

/// Makes the tables, or brings those of an older weir up to date, in one transaction.
[[nodiscard]] Result<void> migrate_schema(Database& database);

}  // namespace weir
