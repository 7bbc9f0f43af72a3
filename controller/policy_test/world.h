#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "controller/policy_test/test_file.h"
#include "controller/reconcile/reconcile.h"
#include "policies/policy.h"

namespace weir {

/// A question of a group's policies, by the name a test calls it.
struct AskedQuery {
  std::string name;  ///< `cpu`, `cpu.web` (a formula's), `cpu.trust.age`, `cpu.past`
  bool per_server = false;
};

/// All questions of the policies, in their order; the names of past ones repeat.
[[nodiscard]] std::vector<AskedQuery> asked_by(const Group& group, const Policies& policies);

/// A test's little world, on a clock of its own: the facts each turn sees, and what its plan does to them. The turns are the
/// controller's own reconcile(). Deterministic. Not thread-safe; test and policies must outlive it.
class TestWorld {
 public:
  TestWorld(const PolicyTest& test, const Policies& policies);

  /// Takes the next turn, one interval after the last. Valid until the next call.
  const Turn& advance();

 private:
  struct Machine {
    Server facts;
    std::optional<TimePoint> ready_at;  ///< absent: never
  };

  void add_first(const TestServer& server);
  [[nodiscard]] std::string next_id();
  [[nodiscard]] Observation observe() const;
  [[nodiscard]] Sample answer(const AskedQuery& query) const;
  void apply(const Plan& plan);
  void forget(const std::string& server);

  const PolicyTest& test_;
  const Policies& policies_;
  std::vector<AskedQuery> asked_;
  std::vector<Machine> machines_;  ///< sorted by id
  std::vector<Outcome> outcomes_;
  std::size_t turns_ = 0;  ///< taken
  std::size_t numbered_ = 0;
  TimePoint now_;
  Turn turn_;
};

}  // namespace weir
