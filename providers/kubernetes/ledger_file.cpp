#include "providers/kubernetes/ledger_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "platform/file.h"
#include "providers/kubernetes/json_fields.h"

namespace weir::kubernetes {

std::filesystem::path ledger_path(const std::filesystem::path& directory, const std::string& uid) {
  std::string name = uid;
  // A uid is letters, digits and dashes; nothing else may choose where we write.
  std::ranges::replace_if(name, [](char c) { return c == '/' || c == '.' || c == '\0'; }, '_');
  return directory / (name + ".json");
}

Result<LedgerFile> load_ledger_file(const std::filesystem::path& directory, const std::string& uid) {
  if (directory.empty()) return LedgerFile{};
  const std::filesystem::path path = ledger_path(directory, uid);
  const Result<std::string> text = read_file(path);
  if (!text && text.error().kind == ErrorKind::not_found) return LedgerFile{};
  if (!text) return std::unexpected(text.error());
  const nlohmann::json json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object() || text_field(json, {"workload"}) != uid) {
    return failure(ErrorKind::invalid, fmt::format("{} is damaged; remove it, and weir adopts the pods", path.string()));
  }
  return LedgerFile{.workload = uid,
                    .before = text_field(json, {"before"}),
                    .after = text_field(json, {"after"}),
                    .replicas = int_field(json, {"replicas"}, 0)};
}

Result<void> save_ledger_file(const std::filesystem::path& directory, const LedgerFile& file) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return failure(ErrorKind::invalid, fmt::format("cannot create {}: {}", directory.string(), error.message()));
  const nlohmann::json json{
      {"workload", file.workload}, {"before", file.before}, {"after", file.after}, {"replicas", file.replicas}};
  return replace_file(ledger_path(directory, file.workload), json.dump(2) + "\n");
}

}  // namespace weir::kubernetes
