#include "providers/process/record.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "platform/file.h"

namespace weir {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

fs::path record_path(const fs::path& directory, const std::string& group, const std::string& token) {
  return directory / group / (token + ".json");
}

std::unexpected<Error> directory_failure(std::string_view tried, const fs::path& path, const std::error_code& error) {
  const ErrorKind kind = error == std::errc::permission_denied ? ErrorKind::denied : ErrorKind::unavailable;
  return failure(kind, fmt::format("cannot {} {}: {}", tried, path.string(), error.message()));
}

Json to_json(const std::optional<TimePoint>& time) { return time ? Json(time->time_since_epoch().count()) : Json(); }

TimePoint to_time(const Json& json) { return TimePoint{Duration{json.get<Duration::rep>()}}; }

std::string to_text(const ServerRecord& record) {
  const Json json{{"token", record.token},
                  {"group", record.group},
                  {"version", record.version},
                  {"port", record.port},
                  {"address", record.address},
                  {"pid", record.pid},
                  {"start_time", record.start_time},
                  {"boot_id", record.boot_id},
                  {"launched_at_ms", to_json(record.launched_at)},
                  {"log", record.log.string()},
                  {"stop_asked_at_ms", to_json(record.stop_asked_at)},
                  {"ended", record.ended}};
  // Whatever bytes a path or version has, the record must be written.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

ServerRecord from_json(const Json& json) {
  ServerRecord record;
  json.at("token").get_to(record.token);
  json.at("group").get_to(record.group);
  json.at("version").get_to(record.version);
  json.at("port").get_to(record.port);
  json.at("address").get_to(record.address);
  json.at("pid").get_to(record.pid);
  json.at("start_time").get_to(record.start_time);
  json.at("boot_id").get_to(record.boot_id);
  record.launched_at = to_time(json.at("launched_at_ms"));
  record.log = json.at("log").get<std::string>();
  if (const Json& asked = json.at("stop_asked_at_ms"); !asked.is_null()) record.stop_asked_at = to_time(asked);
  json.at("ended").get_to(record.ended);
  return record;
}

std::unexpected<Error> unusable(const fs::path& path, std::string_view why) {
  return failure(ErrorKind::unavailable,
                 fmt::format("the record {} cannot be used ({}); until it is repaired or, once its server is known to be gone, "
                             "removed, nobody knows which servers there are",
                             path.string(), why));
}

Result<ServerRecord> parse_record(const fs::path& path, const std::string& text) {
  try {
    ServerRecord record = from_json(Json::parse(text));
    if (path.stem() != record.token || path.parent_path().filename() != record.group) {
      return unusable(path, "its token and group are not those of its place");
    }
    if (record.pid < 0 || record.pid == 1) return unusable(path, "its pid is impossible");
    return record;
  } catch (const Json::exception& error) {
    return unusable(path, error.what());
  }
}

/// The names in a directory, without hidden ones; none if the directory does not exist.
Result<std::vector<fs::path>> entries(const fs::path& directory) {
  std::vector<fs::path> paths;
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  if (error == std::errc::no_such_file_or_directory) return paths;
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (!entry->path().filename().string().starts_with('.')) paths.push_back(entry->path());
  }
  if (error) return directory_failure("list", directory, error);
  return paths;
}

Result<void> load_group(const fs::path& directory, std::vector<ServerRecord>& records) {
  const Result<std::vector<fs::path>> paths = entries(directory);
  if (!paths) return std::unexpected(paths.error());
  for (const fs::path& path : *paths) {
    if (path.extension() != ".json") continue;
    Result<std::optional<ServerRecord>> record = load_record(directory.parent_path(), directory.filename(), path.stem());
    if (!record) return std::unexpected(record.error());
    if (*record) records.push_back(std::move(**record));
  }
  return {};
}

}  // namespace

Result<void> save_record(const fs::path& directory, const ServerRecord& record) {
  const fs::path path = record_path(directory, record.group, record.token);
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return directory_failure("create", path.parent_path(), error);
  Result<void> written = replace_file(path, to_text(record));
  // The directory was there a moment ago: that is trouble, not an answer.
  if (!written && written.error().kind == ErrorKind::not_found) written.error().kind = ErrorKind::unavailable;
  return written;
}

Result<void> remove_record(const fs::path& directory, const ServerRecord& record) {
  const fs::path path = record_path(directory, record.group, record.token);
  std::error_code error;
  fs::remove(path, error);
  if (error) return directory_failure("remove", path, error);
  return {};
}

Result<std::optional<ServerRecord>> load_record(const fs::path& directory, const std::string& group, const std::string& token) {
  const fs::path path = record_path(directory, group, token);
  const Result<std::string> text = read_file(path);
  if (!text && text.error().kind == ErrorKind::not_found) return std::optional<ServerRecord>();
  if (!text) return std::unexpected(text.error());
  Result<ServerRecord> record = parse_record(path, *text);
  if (!record) return std::unexpected(record.error());
  return std::move(*record);
}

Result<std::vector<ServerRecord>> load_records(const fs::path& directory) {
  std::vector<ServerRecord> records;
  const Result<std::vector<fs::path>> groups = entries(directory);
  if (!groups) return std::unexpected(groups.error());
  for (const fs::path& group : *groups) {
    std::error_code error;
    const bool is_directory = fs::is_directory(group, error);
    if (error && error != std::errc::no_such_file_or_directory) return directory_failure("look at", group, error);
    if (!is_directory) continue;
    if (Result<void> loaded = load_group(group, records); !loaded) return std::unexpected(loaded.error());
  }
  return records;
}

}  // namespace weir
