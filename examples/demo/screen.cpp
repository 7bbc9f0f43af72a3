#include "examples/demo/screen.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace weir {
namespace {

constexpr const char* kEraseLine = "\r\033[K";

}  // namespace

Screen::Screen() : terminal_(::isatty(STDOUT_FILENO) == 1) {}

void Screen::say(const std::string& line) {
  fmt::print("{}{}\n", open_row_ ? kEraseLine : "", line);
  (void)std::fflush(stdout);
  open_row_ = false;
}

void Screen::row(const std::string& line) {
  using namespace std::chrono_literals;
  if (is_due(terminal_ ? 5s : 2s)) return say(line);
  if (!terminal_) return;
  fmt::print("{}{}", kEraseLine, line);
  (void)std::fflush(stdout);
  open_row_ = true;
}

bool Screen::is_due(Duration every) {
  const auto now = std::chrono::steady_clock::now();
  if (now - kept_at_ < every) return false;
  kept_at_ = now;
  return true;
}

}  // namespace weir
