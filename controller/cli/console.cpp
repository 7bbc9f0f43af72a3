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

Progress::Progress(std::string name) : name_(std::move(name)), shown_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (shown_) (void)std::fputs("\r\x1b[K", stderr);
}

void Progress::show(double share) const {
  if (!shown_) return;
  constexpr int kWidth = 40;
  const int done = static_cast<int>(share * kWidth);
  const std::string bar =
      std::string(static_cast<std::size_t>(done), '#') + std::string(static_cast<std::size_t>(kWidth - done), '.');
  (void)std::fprintf(stderr, "\r%s [%s] %3.0f %%", name_.c_str(), bar.c_str(), share * 100);
}

}  // namespace weir
