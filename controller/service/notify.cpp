#include "controller/service/notify.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>

namespace weir {
namespace {

constexpr int kKeepEnvironment = 0;

/// The protocol is one assignment per line.
std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

Result<void> notify(const std::string& message) {
  const int outcome = ::sd_notify(kKeepEnvironment, message.c_str());
  if (outcome >= 0) return {};
  return failure(ErrorKind::unavailable,
                 fmt::format("cannot tell systemd {}: {}", message.substr(0, message.find('\n')), std::strerror(-outcome)));
}

}  // namespace

Result<void> ServiceNotifier::ready(const std::string& status) { return notify("READY=1\nSTATUS=" + one_line(status)); }

Result<void> ServiceNotifier::reloading() {
  // systemd wants to know which reload this is about; steady_clock is CLOCK_MONOTONIC.
  const auto since_boot = std::chrono::steady_clock::now().time_since_epoch();
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(since_boot).count();
  return notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reloading the configuration", microseconds));
}

Result<void> ServiceNotifier::stopping() { return notify("STOPPING=1\nSTATUS=stopping"); }
Result<void> ServiceNotifier::status(const std::string& line) { return notify("STATUS=" + one_line(line)); }
Result<void> ServiceNotifier::watchdog() { return notify("WATCHDOG=1"); }

std::optional<Duration> ServiceNotifier::watchdog_interval() {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(kKeepEnvironment, &microseconds) <= 0) return std::nullopt;
  return std::max(Duration{1}, std::chrono::duration_cast<Duration>(std::chrono::microseconds(microseconds) / 2));
}

}  // namespace weir
