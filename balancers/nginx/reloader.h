#pragma once

#include <chrono>
#include <compare>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "balancers/balancer.h"
#include "balancers/nginx/managed_file.h"
#include "balancers/nginx/processes.h"
#include "model/error.h"

namespace weir {

/// How one running nginx is tested, reloaded and looked at.
struct NginxControl {
  std::vector<std::string> test;
  std::vector<std::string> reload;
  std::string pid_file;  ///< empty: its processes are not visible from here, so that a reload that succeeds has to be believed
  auto operator<=>(const NginxControl&) const = default;
};

struct NginxTiming {
  Duration between_reloads{1000};  ///< from the start of one to the start of the next, in the long run
  int burst = 3;             ///< so many may follow each other at once: servers launched together do not become ready together
  Duration proof{10'000};    ///< for the new workers to appear after a reload
  Duration command{60'000};  ///< for the test and the reload command
};

/// How a text is shown to the test command before it is in place.
enum class NginxStaging {
  private_mount,  ///< mounted over the file where only the test sees it; if the system does not permit that, as `in_place`
  in_place,       ///< put in place, and taken back if the test fails
};

/// Changes files that one nginx includes, as transactions: test, replace, reload, proof that new workers run, or all back. Changes
/// that come in while one is under way are made together by the next. Thread-safe; the work is done on its own thread.
class NginxReloader {
 public:
  explicit NginxReloader(NginxControl control, NginxTiming timing = {}, NginxStaging staging = NginxStaging::private_mount);
  /// Finishes the transaction under way; what has not begun is cancelled.
  ~NginxReloader();
  NginxReloader(const NginxReloader&) = delete;
  NginxReloader& operator=(const NginxReloader&) = delete;

  [[nodiscard]] const NginxControl& control() const { return control_; }

  /// As Balancer::write(). A later wish for the same file replaces one that has not begun; both are told how the later one ended.
  void submit(const void* owner, const NginxFile& file, std::vector<Peer> peers, Balancer::Done done);

  /// Answers all that this owner still waits for with `cancelled`; afterwards none of its Dones is called any more.
  void cancel(const void* owner);

 private:
  struct Wish {
    NginxFile file;
    std::vector<Peer> peers;
    std::vector<std::uint64_t> tickets;  ///< of those who wait for it
  };
  struct Waiter {
    const void* owner = nullptr;
    Balancer::Done done;
  };
  /// What a wish comes to, given what is there.
  struct Need {
    bool needed = false;       ///< the file says something else, or is not known to be loaded
    bool existed = false;      ///< there is such a file
    bool was_pending = false;  ///< not known to be loaded, before we began
    std::string text;
  };
  struct Change {
    ManagedFile file;
    Need need;
    Wish wish;
    Result<void> result;
  };
  using Changes = std::span<Change* const>;
  enum class Mounted { yes, no };

  void run(std::stop_token stop);
  void answer(const Wish& wish, const Result<void>& result);
  [[nodiscard]] static Result<Need> look(const NginxFile& file, std::span<const Peer> peers);
  /// The changes that are needed; wishes that need none are answered.
  [[nodiscard]] std::list<Change> prepare(const std::map<std::string, Wish>& wishes);
  void change(std::list<Change>& changes);

  /// After these failed the test together: gives those at fault their result, and returns those that pass without them.
  [[nodiscard]] std::vector<Change*> find_fault(Changes changes, const Error& error) const;

  // Testing. If it fails the files are as they were; if it succeeds the new texts may be in place already, pending.
  [[nodiscard]] Result<void> try_out(Changes changes) const;
  [[nodiscard]] Result<Mounted> try_mounted(Changes changes) const;
  [[nodiscard]] Result<void> try_in_place(Changes changes) const;
  [[nodiscard]] Result<void> run_test() const;

  /// Puts tested texts in place and makes nginx load them, or else the old ones.
  [[nodiscard]] Result<void> apply(Changes changes) const;
  [[nodiscard]] static Result<void> leave_for_start(Changes changes, const Error& why);
  [[nodiscard]] static Result<void> put(Changes changes);
  static void take_back(Changes changes);
  [[nodiscard]] static Result<void> settle(Changes changes);

  /// Success: workers that started after this call serve, and no older ones do.
  [[nodiscard]] Result<void> reload() const;
  [[nodiscard]] Result<void> prove(pid_t master, const std::set<ProcessLife>& before) const;

  const NginxControl control_;
  const NginxTiming timing_;
  const NginxStaging staging_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, Wish> wishes_;  ///< by file
  std::map<std::string, Wish> under_way_;
  std::map<std::uint64_t, Waiter> waiters_;
  std::uint64_t next_ticket_ = 1;
  const void* answering_ = nullptr;  ///< whose Done runs at this moment

  std::jthread thread_;  ///< last: everything else outlives it
};

/// One reloader per nginx, made when first asked for. Thread-safe.
class NginxReloaders {
 public:
  [[nodiscard]] NginxReloader& reloader(const NginxControl& control);

 private:
  std::mutex mutex_;
  std::map<NginxControl, NginxReloader> reloaders_;
};

}  // namespace weir
