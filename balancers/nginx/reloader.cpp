#include "balancers/nginx/reloader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "balancers/nginx/processes.h"
#include "platform/command.h"
#include "platform/file.h"

namespace weir {
namespace {

constexpr Duration kBetweenLooks{20};
constexpr std::size_t kMaxQuote = 600;
constexpr std::string_view kMounted = "weir: mounted\n";
// Arguments: pairs of staged copy and file, "--", the test command. What is mounted ends with the process.
constexpr std::string_view kMountAndTest =
    R"(while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 125; shift 2; done; shift; echo 'weir: mounted'; exec "$@")";

/// A program's words on one line.
std::string quote(std::string_view output) {
  std::string text(output.substr(0, std::min(output.size(), kMaxQuote)));
  text.erase(text.find_last_not_of(" \r\n") + 1);
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at)) text.replace(at, 1, "; ");
  return text;
}

Result<void> expect_success(const std::vector<std::string>& command, const Result<CommandResult>& result, ErrorKind kind) {
  if (!result) return std::unexpected(result.error());
  if (result->status == 0) return {};
  return failure(kind, fmt::format("{}: exit status {}: {}", fmt::join(command, " "), result->status, quote(result->output)));
}

}  // namespace

NginxReloader::NginxReloader(NginxControl control, NginxTiming timing, NginxStaging staging)
    : control_(std::move(control)),
      timing_(timing),
      staging_(staging),
      thread_([this](std::stop_token stop) { run(std::move(stop)); }) {}

NginxReloader::~NginxReloader() {
  thread_.request_stop();
  thread_.join();
  for (auto& [ticket, waiter] : waiters_) waiter.done(failure(ErrorKind::cancelled, "nginx: not written, we are stopping"));
}

void NginxReloader::submit(const void* owner, const NginxFile& file, std::vector<Peer> peers, Balancer::Done done) {
  const std::string path = file.path.string();
  bool idle = false;
  {
    const std::lock_guard lock(mutex_);
    idle = !wishes_.contains(path) && !under_way_.contains(path);
  }
  if (idle) {
    // What needs no work does not wait for other groups' reloads.
    const auto need = look(file, peers);
    if (!need) return done(std::unexpected(need.error()));
    if (!need->needed) return done({});
  }
  const std::lock_guard lock(mutex_);
  Wish& wish = wishes_[path];
  wish.file = file;
  wish.peers = std::move(peers);
  wish.tickets.push_back(next_ticket_);
  waiters_.emplace(next_ticket_++, Waiter{owner, std::move(done)});
  changed_.notify_all();
}

void NginxReloader::cancel(const void* owner) {
  std::vector<Balancer::Done> cancelled;
  {
    std::unique_lock lock(mutex_);
    for (auto at = waiters_.begin(); at != waiters_.end();) {
      if (at->second.owner != owner) {
        ++at;
        continue;
      }
      cancelled.push_back(std::move(at->second.done));
      at = waiters_.erase(at);
    }
    // A Done may be running at this moment; a Done that destroys its own balancer must not wait for itself.
    if (std::this_thread::get_id() != thread_.get_id()) changed_.wait(lock, [&] { return answering_ != owner; });
  }
  for (const Balancer::Done& done : cancelled)
    done(failure(ErrorKind::cancelled, "nginx: the balancer is gone; its last change may be made or not"));
}

void NginxReloader::run(std::stop_token stop) {
  // A bucket of `burst` reloads that fills by one every `between_reloads`; it is full at `full`.
  auto full = std::chrono::steady_clock::now();
  for (;;) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [&] { return !wishes_.empty(); })) return;
    changed_.wait_until(lock, stop, full - (timing_.burst - 1) * timing_.between_reloads, [] { return false; });
    if (stop.stop_requested()) return;
    under_way_ = std::exchange(wishes_, {});
    const auto wishes = under_way_;
    lock.unlock();

    std::list<Change> changes = prepare(wishes);
    if (!changes.empty()) {
      full = std::max(full, std::chrono::steady_clock::now()) + timing_.between_reloads;
      change(changes);
    }
    for (const Change& each : changes) answer(each.wish, each.result);
  }
}

void NginxReloader::answer(const Wish& wish, const Result<void>& result) {
  std::unique_lock lock(mutex_);
  under_way_.erase(wish.file.path.string());
  for (const std::uint64_t ticket : wish.tickets) {
    auto waiter = waiters_.extract(ticket);
    if (waiter.empty()) continue;  // cancelled meanwhile
    answering_ = waiter.mapped().owner;
    lock.unlock();
    waiter.mapped().done(result);
    lock.lock();
    answering_ = nullptr;
    changed_.notify_all();
  }
}

Result<NginxReloader::Need> NginxReloader::look(const NginxFile& file, std::span<const Peer> peers) {
  const ManagedFile managed(file.path);
  auto present = managed.text();
  if (!present) return std::unexpected(present.error());
  auto wanted = file.wanted(*present, peers);
  if (!wanted) return std::unexpected(wanted.error());
  const bool pending = managed.pending();
  return Need{.needed = pending || *present != *wanted,
              .existed = present->has_value(),
              .was_pending = pending,
              .text = std::move(*wanted)};
}

std::list<NginxReloader::Change> NginxReloader::prepare(const std::map<std::string, Wish>& wishes) {
  std::list<Change> changes;
  for (const auto& [path, wish] : wishes) {
    auto need = look(wish.file, wish.peers);
    if (!need) {
      answer(wish, std::unexpected(need.error()));
    } else if (!need->needed) {
      answer(wish, {});
    } else {
      changes.push_back({.file = ManagedFile(wish.file.path), .need = std::move(*need), .wish = wish, .result = {}});
    }
  }
  return changes;
}

void NginxReloader::change(std::list<Change>& changes) {
  std::vector<Change*> good;
  for (Change& each : changes) good.push_back(&each);
  if (auto tried = try_out(good); !tried) good = find_fault(good, tried.error());
  if (good.empty()) return;
  const Result<void> result = apply(good);
  for (Change* each : good) each->result = result;
}

std::vector<NginxReloader::Change*> NginxReloader::find_fault(Changes changes, const Error& error) const {
  // Only a test that failed asks for its reason; and what includes a file that is yet to be written cannot be tested without it.
  const bool testable =
      error.kind == ErrorKind::invalid && std::ranges::all_of(changes, [](const Change* each) { return each->need.existed; });
  if (const auto present = testable ? run_test() : Result<void>{}; !present) {
    for (Change* each : changes) {
      each->result =
          failure(ErrorKind::unavailable, fmt::format("nginx's configuration is broken already, so {} is left as it is: {}",
                                                      each->file.path().string(), present.error().message));
    }
    return {};
  }
  if (changes.size() == 1) {
    changes.front()->result =
        failure(error.kind, fmt::format("{} is left as it was: {}", changes.front()->file.path().string(), error.message));
    return {};
  }
  std::vector<Change*> good;
  for (Change* each : changes) {
    good.push_back(each);
    const auto tried = try_out(good);
    if (tried) continue;
    each->result =
        failure(tried.error().kind, fmt::format("{} is left as it was: {}", each->file.path().string(), tried.error().message));
    good.pop_back();
  }
  return good;
}

Result<void> NginxReloader::try_out(Changes changes) const {
  const bool can_mount = std::ranges::all_of(changes, [](const Change* each) { return each->need.existed; });
  if (staging_ == NginxStaging::private_mount && can_mount) {
    const auto tried = try_mounted(changes);
    if (tried && *tried == Mounted::yes) return {};
    if (!tried) {
      take_back(changes);  // what a crash left behind may be just as bad
      return std::unexpected(tried.error());
    }
  }
  return try_in_place(changes);
}

Result<NginxReloader::Mounted> NginxReloader::try_mounted(Changes changes) const {
  std::vector<std::string> command = {
      "unshare", "--mount", "--propagation", "private", "--", "sh", "-c", std::string(kMountAndTest), "weir"};
  Result<void> staged;
  for (const Change* each : changes) {
    if (staged) staged = replace_file(each->file.staged_path(), each->need.text);
    command.insert(command.end(), {each->file.staged_path().string(), each->file.path().string()});
  }
  command.emplace_back("--");
  command.insert(command.end(), control_.test.begin(), control_.test.end());
  auto tested = staged ? run_command(command, timing_.command) : std::unexpected(staged.error());
  for (const Change* each : changes) (void)std::remove(each->file.staged_path().c_str());

  const bool no_unshare = !tested && (tested.error().kind == ErrorKind::not_found || tested.error().kind == ErrorKind::denied);
  if (staged && (no_unshare || (tested && !tested->output.starts_with(kMounted)))) return Mounted::no;
  if (tested) tested->output.erase(0, kMounted.size());
  if (auto good = expect_success(control_.test, tested, ErrorKind::invalid); !good) return std::unexpected(good.error());
  return Mounted::yes;
}

Result<void> NginxReloader::try_in_place(Changes changes) const {
  Result<void> tried = put(changes);
  if (tried) tried = run_test();
  if (!tried) take_back(changes);
  return tried;
}

Result<void> NginxReloader::put(Changes changes) {
  for (const Change* each : changes) {
    if (auto done = each->file.put(each->need.text); !done) return done;
  }
  return {};
}

void NginxReloader::take_back(Changes changes) {
  for (const Change* each : changes) {
    if (!each->file.pending()) continue;
    // nginx was not told anything yet; but a file that was pending before stays so.
    if (each->file.take_back() && !each->need.was_pending) (void)each->file.settle();
  }
}

Result<void> NginxReloader::run_test() const {
  return expect_success(control_.test, run_command(control_.test, timing_.command), ErrorKind::invalid);
}

Result<void> NginxReloader::apply(Changes changes) const {
  if (auto in_place = put(changes); !in_place) {
    take_back(changes);
    return in_place;
  }
  if (!control_.pid_file.empty()) {
    if (const auto master = find_nginx_master(control_.pid_file); !master) return leave_for_start(changes, master.error());
  }
  const auto loaded = reload();
  if (loaded) return settle(changes);
  for (const Change* each : changes) {
    if (auto back = each->file.take_back(); !back) {
      return failure(ErrorKind::unavailable,
                     fmt::format("{}; and the old file did not come back: {}", loaded.error().message, back.error().message));
    }
  }
  // Nobody knows how far nginx came, so it has to load the old text again.
  const auto loaded_again = reload();
  if (loaded_again) (void)settle(changes);
  return failure(ErrorKind::unavailable,
                 fmt::format("{}; the old text is back{}", loaded.error().message,
                             loaded_again ? " and loaded" : ", but not known to be loaded: " + loaded_again.error().message));
}

Result<void> NginxReloader::leave_for_start(Changes changes, const Error& why) {
  for (const Change* each : changes) {
    if (auto based = each->file.rebase(); !based) return based;
  }
  return failure(ErrorKind::unavailable, fmt::format("nginx is not running ({}); {} is written and will be in force when it starts",
                                                     why.message, changes.front()->file.path().string()));
}

Result<void> NginxReloader::settle(Changes changes) {
  for (const Change* each : changes) {
    if (auto settled = each->file.settle(); !settled) return settled;
  }
  return {};
}

Result<void> NginxReloader::reload() const {
  const bool visible = !control_.pid_file.empty();
  const auto master = visible ? find_nginx_master(control_.pid_file) : Result<pid_t>{0};
  if (!master) return std::unexpected(master.error());
  const auto before = visible ? serving_workers(*master) : std::set<ProcessLife>{};
  auto told = expect_success(control_.reload, run_command(control_.reload, timing_.command), ErrorKind::unavailable);
  return visible && told ? prove(*master, before) : told;
}

Result<void> NginxReloader::prove(pid_t master, const std::set<ProcessLife>& before) const {
  const auto deadline = std::chrono::steady_clock::now() + timing_.proof;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto now = serving_workers(master);
    // New ones alone prove nothing: nginx replaces a worker that crashed, too.
    const bool old_left = std::ranges::none_of(now, [&](const ProcessLife& worker) { return before.contains(worker); });
    if (!now.empty() && old_left) return {};
    std::this_thread::sleep_for(kBetweenLooks);
  }
  return failure(ErrorKind::unavailable,
                 fmt::format("{}: nginx (pid {}) has not replaced its workers within {}; its error log says why",
                             fmt::join(control_.reload, " "), master, format_duration(timing_.proof)));
}

NginxReloader& NginxReloaders::reloader(const NginxControl& control) {
  const std::lock_guard lock(mutex_);
  return reloaders_.try_emplace(control, control).first->second;
}

}  // namespace weir
