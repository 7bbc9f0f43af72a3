#include "controller/cli/console.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace weir {

void print(const std::string& text) {
  (void)std::fwrite(text.data(), 1, text.size(), stdout);
  if (!text.empty() && text.back() != '\n') (void)std::fputc('\n', stdout);
  (void)std::fflush(stdout);
}

Exit complain(const std::string& message) {
  (void)std::fprintf(stderr, "weir: %s\n", message.c_str());
  return Exit::error;
}

Colour colour_for_output() {
  const char* refused = std::getenv("NO_COLOR");
  const bool wanted = ::isatty(STDOUT_FILENO) == 1 && (refused == nullptr || *refused == '\0');
  return wanted ? Colour::on : Colour::off;
}

std::optional<Config> load_or_complain(const std::filesystem::path& file) {
  ConfigResult config = load_config(file, process_environment(), builtin_catalogs());
  if (config) return std::move(*config);
  for (const ConfigError& error : config.error()) (void)std::fprintf(stderr, "%s\n", to_string(error).c_str());
  return std::nullopt;
}

}  // namespace weir
