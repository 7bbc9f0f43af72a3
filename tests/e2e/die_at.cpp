// Preloaded into weir: kills it at its n-th effect on the world. An effect is a call by which weir or SQLite changes a file's name,
// makes something durable, starts a process or signals one. While the file named by WEIR_DIES_AT exists, its number is the effects
// left to live for; it is removed before the end, so that weir lives when it is started again.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdlib>

namespace {

constexpr long kUnarmed = -1;

const char* file = nullptr;
pid_t weir = 0;
std::atomic<long> left = kUnarmed;

__attribute__((constructor)) void begin() {
  file = std::getenv("WEIR_DIES_AT");
  weir = ::getpid();
  // What weir runs is none of this one's business.
  ::unsetenv("LD_PRELOAD");
}

long number_in_file() {
  const int open = ::open(file, O_RDONLY | O_CLOEXEC);
  if (open < 0) return kUnarmed;
  std::array<char, 32> text{};
  const ssize_t length = ::read(open, text.data(), text.size() - 1);
  ::close(open);
  return length > 0 ? std::strtol(text.data(), nullptr, 10) : kUnarmed;
}

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

/// Passes on what the effect returned, unless it was the last one.
template <typename Value>
Value done(Value value) {
  const int error = errno;
  if (file != nullptr && ::getpid() == weir) {
    long unarmed = kUnarmed;
    if (left == kUnarmed) left.compare_exchange_strong(unarmed, number_in_file());
    const long before = left > 0 ? left-- : 0;
    if (before == 1) {
      ::syscall(SYS_unlink, file);
      ::kill(weir, SIGKILL);
    }
  }
  errno = error;
  return value;
}

}  // namespace

extern "C" {

pid_t fork() noexcept {
  static const auto real = next<pid_t()>("fork");
  const pid_t child = real();
  return child == 0 ? child : done(child);
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = next<int(const char*, const char*)>("rename");
  return done(real(from, to));
}

int link(const char* from, const char* to) noexcept {
  static const auto real = next<int(const char*, const char*)>("link");
  return done(real(from, to));
}

int unlink(const char* path) noexcept {
  static const auto real = next<int(const char*)>("unlink");
  return done(real(path));
}

int fsync(int descriptor) {
  static const auto real = next<int(int)>("fsync");
  return done(real(descriptor));
}

int fdatasync(int descriptor) {
  static const auto real = next<int(int)>("fdatasync");
  return done(real(descriptor));
}

/// weir signals its servers by syscall(): glibc has no name for that everywhere.
long syscall(long number, ...) noexcept {
  static const auto real = next<long(long, ...)>("syscall");
  std::va_list more;
  va_start(more, number);
  std::array<long, 6> words{};
  for (long& word : words) word = va_arg(more, long);
  va_end(more);
  const long result = real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
  return number == SYS_pidfd_send_signal ? done(result) : result;
}
}
