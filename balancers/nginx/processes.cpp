#include "balancers/nginx/processes.h"

#include <dirent.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "platform/file.h"

namespace weir {
namespace {

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Process {
  pid_t parent = 0;
  std::uint64_t started = 0;
};

/// `PID (name) state parent … ` where the name may hold anything; the start time is the 22nd field.
std::optional<Process> parse_stat(std::string_view text) {
  const std::size_t name_end = text.rfind(") ");
  if (name_end == std::string_view::npos) return std::nullopt;
  text.remove_prefix(name_end + 2);
  std::array<std::string_view, 20> fields;
  for (std::string_view& field : fields) {
    const std::size_t end = std::min(text.find(' '), text.size());
    field = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const auto parent = number<pid_t>(fields[1]);
  const auto started = number<std::uint64_t>(fields[19]);
  if (!parent || !started) return std::nullopt;
  return Process{*parent, *started};
}

std::map<pid_t, Process> all_processes() {
  std::map<pid_t, Process> processes;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc"), ::closedir);
  while (directory) {
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const auto pid = number<pid_t>(entry->d_name);
    if (!pid) continue;
    const auto stat = read_file(fmt::format("/proc/{}/stat", *pid));
    if (!stat) continue;
    if (const auto process = parse_stat(*stat)) processes.emplace(*pid, *process);
  }
  return processes;
}

/// What the process calls itself; nginx says its role there. The program may be a fork with another name.
std::string title(pid_t pid) {
  auto text = read_file(fmt::format("/proc/{}/cmdline", pid));
  return text ? text->substr(0, text->find('\0')) : std::string();
}

bool is_master(pid_t pid) { return title(pid).contains(": master process"); }

bool is_serving_worker(pid_t pid) {
  const std::string text = title(pid);
  // nginx changes the title only once the worker is initialized; before that it is the master's.
  return text.contains(": worker process") && !text.contains("shutting down");
}

}  // namespace

Result<pid_t> find_nginx_master(const std::filesystem::path& pid_file) {
  const auto text = read_file(pid_file);
  if (!text) return std::unexpected(text.error());
  const std::string_view digits = std::string_view(*text).substr(0, text->find_last_not_of(" \r\n") + 1);
  const auto pid = number<pid_t>(digits);
  if (!pid || *pid <= 1) return failure(ErrorKind::not_found, fmt::format("{} holds no pid", pid_file.string()));
  if (!is_master(*pid)) {
    return failure(ErrorKind::not_found, fmt::format("{} says {}, which is no nginx master process", pid_file.string(), *pid));
  }
  return *pid;
}

std::set<ProcessLife> serving_workers(pid_t master) {
  std::set<ProcessLife> workers;
  for (const auto& [pid, process] : all_processes()) {
    if (process.parent == master && is_serving_worker(pid)) workers.insert({pid, process.started});
  }
  return workers;
}

std::vector<pid_t> nginx_processes(pid_t master) {
  const std::map<pid_t, Process> processes = all_processes();
  pid_t root = master;
  for (auto at = processes.find(root); at != processes.end() && is_master(at->second.parent); at = processes.find(root)) {
    root = at->second.parent;
  }
  std::vector<pid_t> family{root};
  for (std::size_t i = 0; i < family.size(); ++i) {
    for (const auto& [pid, process] : processes) {
      if (process.parent == family[i]) family.push_back(pid);
    }
  }
  return family;
}

}  // namespace weir
