#include "controller/cli/progress.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace weir {

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
