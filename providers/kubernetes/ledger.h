#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/error.h"

namespace weir::kubernetes {

/// Which launch token belongs to which pod of a workload, and which pods are on their way out by our hand. It is kept in an
/// annotation of the workload and changes together with the number of its replicas.
///
/// A token stands for one replica rather than for one pod: when somebody else ends a pod, the controller makes another in its
/// place, and that one has the token from then on.
struct Ledger {
  struct Entry {
    std::string token;  ///< empty: the pod was there before and nobody here asked for it
    std::string pod;    ///< uid; empty: not made yet
    bool operator==(const Entry&) const = default;
  };

  std::string group;                  ///< whose servers these are
  int port = 0;                       ///< where they listen
  std::vector<Entry> entries;         ///< oldest first
  std::vector<std::string> removing;  ///< uids
  bool operator==(const Ledger&) const = default;

  [[nodiscard]] bool is_removing(const std::string& pod) const;
  [[nodiscard]] const Entry* find_token(const std::string& token) const;
  [[nodiscard]] std::string token_of(const std::string& pod) const;  ///< empty if it has none
  void forget_pod(const std::string& pod);                           ///< its entries; not that it is being removed
};

/// An empty text is an empty ledger. Errors: invalid.
[[nodiscard]] Result<Ledger> parse_ledger(const std::string& text);
[[nodiscard]] std::string to_text(const Ledger& ledger);

/// What of a workload's pods matters to its ledger.
struct LedgerFacts {
  std::vector<std::string> alive;    ///< uids of pods that run or may yet, in the order in which they were made
  std::vector<std::string> present;  ///< uids of all that are listed
  int replicas = 0;
};

/// The ledger as it follows from these pods. Pods that have come since the last change go to the tokens that wait, oldest to
/// oldest: first to those that never had one, then to those whose pod is gone. `remembered` (token to uid) is what was already
/// seen that way and is not written yet. Tokens that no pod can come for any more, because the replicas were lowered by somebody
/// else, are dropped, and so is what is gone.
[[nodiscard]] Ledger settled(Ledger ledger, const LedgerFacts& facts, const std::map<std::string, std::string>& remembered);

/// With the pods nobody asked for in it too: what is alive when a token is added can never be taken for its server.
[[nodiscard]] Ledger with_all_known(Ledger ledger, const LedgerFacts& facts);

}  // namespace weir::kubernetes
