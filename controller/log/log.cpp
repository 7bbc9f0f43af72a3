#include "controller/log/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

std::string quoted(const std::string& value) {
  return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool is_plain(const std::string& value) {
  return !value.empty() &&
         std::ranges::all_of(value, [](char letter) { return letter > ' ' && letter != '"' && letter != '=' && letter != '\\'; });
}

spdlog::level::level_enum level_of(Log::Level level) {
  switch (level) {
    case Log::Level::info:
      return spdlog::level::info;
    case Log::Level::warning:
      return spdlog::level::warn;
    case Log::Level::error:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

std::string log_line(Log::Format format, std::string_view event, std::initializer_list<Log::Field> fields) {
  std::string line =
      format == Log::Format::json ? fmt::format("\"event\":{}", quoted(std::string(event))) : fmt::format("event={}", event);
  for (const auto& [key, value] : fields) {
    if (format == Log::Format::json) {
      line += fmt::format(",\"{}\":{}", key, quoted(value));
    } else {
      line += fmt::format(" {}={}", key, is_plain(value) ? value : quoted(value));
    }
  }
  return line;
}

struct Log::Impl {
  Format format;
  spdlog::logger logger;

  explicit Impl(Format chosen) : format(chosen), logger("weir", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    const char* pattern =
        format == Format::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
    logger.set_pattern(pattern, spdlog::pattern_time_type::utc);
    logger.flush_on(spdlog::level::info);
  }
};

Log::Log(Format format) : impl_(std::make_unique<Impl>(format)) {}
Log::~Log() = default;

void Log::write(Level level, std::string_view event, std::initializer_list<Field> fields) const {
  impl_->logger.log(level_of(level), log_line(impl_->format, event, fields));
}

}  // namespace weir
