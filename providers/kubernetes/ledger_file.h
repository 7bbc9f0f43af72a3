#pragma once

#include <filesystem>
#include <string>

#include "model/error.h"

namespace weir::kubernetes {

/// The ledger of a workload whose annotations we may not change, in a file on this host. File and scale cannot change together: the
/// file says what holds before and after the change, and the number of replicas tells later which of the two it is.
struct LedgerFile {
  std::string workload;  ///< uid
  std::string before;
  std::string after;
  int replicas = 0;  ///< after the change
};

/// Where it is kept for the workload with this uid.
[[nodiscard]] std::filesystem::path ledger_path(const std::filesystem::path& directory, const std::string& uid);
/// One without texts if there is no such file. Errors: denied, unavailable, invalid (damaged).
[[nodiscard]] Result<LedgerFile> load_ledger_file(const std::filesystem::path& directory, const std::string& uid);
[[nodiscard]] Result<void> save_ledger_file(const std::filesystem::path& directory, const LedgerFile& file);

}  // namespace weir::kubernetes
