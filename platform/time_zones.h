#pragma once

#include <string_view>

#include "model/error.h"
#include "model/time_zone.h"

namespace weir {

/// The zone of that IANA name from the system's time zone database (Debian: tzdata in /usr/share/zoneinfo), good for 1970 to 2100;
/// after that its last offset holds. Only names of the database are known, compared exactly and never used as a path: the error
/// names the nearest. `localtime` is none: the same configuration would mean something else on another machine.
/// The database is read once in a process, when first asked; an update of tzdata is seen after a restart. Safe from any thread.
/// Errors: not_found (no such zone), unavailable (no database, or a file in it that cannot be read or understood).
[[nodiscard]] Result<TimeZone> load_time_zone(std::string_view name);

}  // namespace weir
