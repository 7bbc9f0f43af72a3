#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/time.h"

namespace weir {

/// What is on disk about one server, in DIRECTORY/GROUP/TOKEN.json: written before the server exists, removed after it is gone.
struct ServerRecord {
  std::string token;
  std::string group;
  std::string version;
  int port = 0;
  std::string address;
  pid_t pid = 0;  ///< 0 until a process was made
  std::uint64_t start_time = 0;
  std::string boot_id;
  TimePoint launched_at{};
  std::filesystem::path log;
  std::optional<TimePoint> stop_asked_at;
  std::string ended;  ///< how the process ended, once that is known
};

/// Writes or replaces the record in one step, on disk when it returns. Errors: denied, unavailable.
[[nodiscard]] Result<void> save_record(const std::filesystem::path& directory, const ServerRecord& record);

/// Removes the record. Removing what is gone is success. Errors: denied, unavailable.
[[nodiscard]] Result<void> remove_record(const std::filesystem::path& directory, const ServerRecord& record);

/// Nothing if there is none. Errors: unavailable or denied if there is one that cannot be read or understood.
[[nodiscard]] Result<std::optional<ServerRecord>> load_record(const std::filesystem::path& directory, const std::string& group,
                                                              const std::string& token);

/// The records of all groups. Errors: unavailable or denied if not all could be read; never some of them.
[[nodiscard]] Result<std::vector<ServerRecord>> load_records(const std::filesystem::path& directory);

}  // namespace weir
