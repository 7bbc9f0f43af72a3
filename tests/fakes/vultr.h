#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/time.h"
#include "platform/waiting_clock.h"
#include "tests/support/http_stub.h"

namespace weir {

/// Vultr's API v2 as far as weir uses it, with its delays, limits and bad manners: a handler for an HttpStub. Every answer is held
/// to the shape of tests/data/vultr/schema.json; what does not fit stands in violations(). Keeps a log of all calls. Thread-safe.
class FakeVultr {
 public:
  using Moment = WaitingClock::Moment;

  /// What goes wrong with one call.
  enum class Fault {
    none,
    throttled,    ///< 429 with Retry-After: 2
    error,        ///< 500 with a page of HTML; nothing was done
    error_after,  ///< the same, but it was done
    reset,        ///< the connection breaks; nothing was done
    reset_after,  ///< the same, but it was done
    late,         ///< the connection breaks; a create is carried out `late_by` later
    cut_off,      ///< done, and half of the answer arrives
    html,         ///< status 200 and a page of HTML; nothing was done
    lacks_page,   ///< a list ends after its first half, with the right total
    lacks_one,    ///< a list without its last entry, with the right total
    slow,         ///< done, and answered after `slow_by` of real time
  };

  struct Options {
    WaitingClock& clock;
    Duration boot{60'000};         ///< until it is active, running and ok
    Duration address_after{5000};  ///< until main_ip is one
    Duration private_after{7000};  ///< until internal_ip is one
    Duration list_lag{0};          ///< until a list has a new instance
    Duration leave{0};             ///< a removed instance is listed for so long, as if nothing were
    Duration locked_for{0};        ///< after its creation
    Duration late_by{20'000};
    Duration slow_by{50};
    std::size_t page = 500;                        ///< the most on one page, whatever is asked for
    std::size_t quota = 10'000;                    ///< instances of the account
    std::optional<TimePoint> begins_at = {};       ///< by its own calendar; a day in March 2026 if not said
    std::function<std::string(int)> main_ip = {};  ///< of the n-th instance made; 192.0.2.n… if empty
  };

  /// One call, in the order in which they came.
  struct Call {
    Moment at{};
    std::string operation;  ///< instances.list, instances.get, instances.create, instances.delete, plans.list
    std::string target;
    std::string body;
    std::string subject = {};  ///< the token for a create, the id for a read or removal
    Fault fault = Fault::none;
    int status = 0;  ///< 0: no answer
  };

  /// One instance that is or was.
  struct Machine {
    int number = 0;
    std::string id;
    std::shared_ptr<const nlohmann::json> order;  ///< the body of its create
    std::string token;
    std::string group;
    TimePoint created{};
    Moment made{};
    bool made_late = false;
    bool off = false;
    bool suspended = false;
    Moment locked_until{};
    std::optional<Moment> removed = {};  ///< a removal was accepted
    std::optional<Moment> gone = {};
  };

  explicit FakeVultr(Options options);

  [[nodiscard]] HttpStub::Answer answer(const HttpStub::Request& request);

  /// Asked for every call which fault it meets; empty: none. Called under a lock, as are those below.
  void choose(std::function<Fault(const Call&)> choose);
  /// Told of every call: when it came, and when it has been carried out and is about to be answered.
  void on_call(std::function<void(const Call&, bool done)> told);
  /// An instance is up or gone; for those who run something for it.
  std::function<void(const Machine&)> on_boot = {};
  std::function<void(const Machine&)> on_gone = {};

  /// The next calls of this operation meet these faults.
  void fail(const std::string& operation, std::vector<Fault> faults);
  void refuse_key(int status);  ///< from now on; 0: no more
  void sell_out(const std::string& plan, const std::string& region);
  void restock();
  void lack_snapshot(const std::string& id);  ///< there is none of this id
  void set_quota(std::size_t instances);
  /// Instances that are none of weir's.
  void add_foreign(int count);
  /// An instance with these tags, up for an hour, made by somebody else.
  std::string add_tagged(const std::vector<std::string>& tags);
  void change(const std::string& id, const std::function<void(Machine&)>& change);
  /// Changes what an answer says, after it was checked; empty: nothing any more.
  void distort(std::function<void(const Call&, nlohmann::json&)> distort);

  /// Lets what is due happen.
  void settle();
  [[nodiscard]] std::vector<Machine> alive();  ///< instances of weir's that are not gone, late ones that are due included
  [[nodiscard]] std::vector<Machine> all();    ///< the same, with those that are gone
  [[nodiscard]] bool has_late_creates();       ///< some are still to come
  [[nodiscard]] std::vector<Call> calls() const;
  [[nodiscard]] int count(const std::string& operation) const;
  /// Answers that are not as documented, orders that are not.
  [[nodiscard]] std::vector<std::string> violations() const;
  /// The most calls within any second.
  [[nodiscard]] std::size_t busiest_second() const;
  [[nodiscard]] bool is_up(const Machine& machine) const;
  [[nodiscard]] bool is_up(const std::string& id);
  [[nodiscard]] std::string main_ip_of(const Machine& machine) const;
  [[nodiscard]] TimePoint wall_time() const;

 private:
  using Json = nlohmann::json;
  struct Reply {
    int status = 200;
    Json body = nullptr;  ///< null: none
    std::string schema = "error";
  };
  struct Late {
    Moment due;
    Json order;
  };

  [[nodiscard]] Call read_call(const HttpStub::Request& request) const;
  [[nodiscard]] Fault fault_for(const Call& call);
  [[nodiscard]] Reply carry_out(Call& call, const HttpStub::Request& request);
  [[nodiscard]] Reply list(const Call& call, bool plans);
  [[nodiscard]] Reply create(const Call& call);
  [[nodiscard]] Reply get(const Call& call);
  [[nodiscard]] Reply remove(const Call& call);
  [[nodiscard]] std::optional<Reply> refusal(const Json& order) const;
  Machine& make(const Json& order, Moment when, bool late);
  [[nodiscard]] HttpStub::Answer deliver(const Call& call, Reply reply);
  [[nodiscard]] static HttpStub::Answer page_of_html(int status);
  void check(const Call& call, const Reply& reply);
  void check_order(const Json& order);
  [[nodiscard]] const Json& schema_named(const std::string& name);
  void settle_locked();
  [[nodiscard]] bool is_throttled(const Call& call) const;
  [[nodiscard]] Json describe(const Machine& machine) const;
  [[nodiscard]] Machine* find(const std::string& id);
  void complain(const std::string& what);

  const Options options_;
  const Moment began_;
  const TimePoint epoch_;
  const Json schema_;
  std::map<std::string, Json> schemas_;  ///< by name, each a whole
  mutable std::recursive_mutex mutex_;
  std::vector<Machine> machines_;
  std::set<std::string> booted_;
  std::vector<Late> late_;
  std::vector<Call> calls_;
  std::vector<std::string> violations_;
  std::map<std::string, std::vector<Fault>> faults_;
  std::function<void(const Call&, Json&)> distort_;
  std::function<Fault(const Call&)> choose_;
  std::function<void(const Call&, bool done)> on_call_;
  std::set<std::string> sold_out_;
  std::set<std::string> lacking_;
  std::size_t quota_;
  int refused_with_ = 0;
};

}  // namespace weir
