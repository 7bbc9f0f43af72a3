#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/observation.h"

namespace weir {

/// What a program is asked in one run. Version 1 of the protocol; docs/balancers/exec.md is its description.
enum class ExecVerb { read, write, diff };
[[nodiscard]] std::string_view to_string(ExecVerb verb);

/// The question as JSON on one line.
[[nodiscard]] std::string exec_question(ExecVerb verb, const std::string& group, std::span<const Peer> peers,
                                        std::span<const std::string> count);

/// What a program said, whichever verb it was asked; each verb has use for its part of it.
struct ExecAnswer {
  std::vector<Peer> peers = {};  ///< sorted by address
  bool in_force = false;
  std::optional<std::vector<BalancerView::Connections>> connections = {};
  std::optional<std::string> diff = {};
  std::string detail = {};
};

/// Errors: what the program says of itself, with the kind it gives; unavailable if it is no answer of this protocol.
[[nodiscard]] Result<ExecAnswer> parse_exec_answer(ExecVerb verb, std::string_view text);

}  // namespace weir
