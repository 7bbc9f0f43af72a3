#include <fmt/format.h>

#include <cstdlib>
#include <system_error>

#include "controller/config/config.h"
#include "platform/file.h"

namespace weir {
namespace {

constexpr std::uintmax_t kLargestSecret = 64ULL << 10;

std::optional<std::string> process_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

Result<std::string> read_secret(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  // A device has no size and perhaps no end; what is simply missing is read_file's to explain.
  const bool unfit = error && std::filesystem::exists(path) && !std::filesystem::is_regular_file(path);
  if (unfit) return failure(ErrorKind::invalid, fmt::format("cannot read {}: not a regular file", path.string()));
  if (!error && size > kLargestSecret) {
    return failure(ErrorKind::invalid, fmt::format("cannot read {}: larger than 64 KiB, which no secret is", path.string()));
  }
  return read_file(path);
}

}  // namespace

Environment process_environment() { return {.variable = process_variable, .read_file = read_secret}; }

}  // namespace weir
