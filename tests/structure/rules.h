#pragma once

#include <string>
#include <vector>

#include "tests/structure/source_tree.h"

namespace weir::structure {

/// What breaks a rule, for people: "policies/decide.cpp:12: includes …". Empty = the rule holds.
using Violations = std::vector<std::string>;
using Tree = std::vector<SourceFile>;

/// Who may include whom. The longest matching folder counts. Our own includes are written from the root.
[[nodiscard]] Violations check_arrows(const Tree& tree);

/// The pure folders use no header and call no name that reaches a clock, the environment, a log, a file, chance or a thread.
[[nodiscard]] Violations check_purity(const Tree& tree);

/// `#pragma once` in every header, `using namespace` at namespace scope in none; a .cpp that has a header includes it first.
[[nodiscard]] Violations check_headers(const Tree& tree);

/// What stands at namespace scope in the public headers has a `///` above it (adjoining declarations share one).
[[nodiscard]] Violations check_documentation(const Tree& tree);

/// Tests do not sleep, are not disabled, and say why when they skip.
[[nodiscard]] Violations check_tests(const Tree& tree);

/// Each folder under tests/ is named after a folder of the product (controller/ may be left out) or is one of the shared kinds.
[[nodiscard]] Violations check_mirror(const Tree& tree);

/// Each provider and each balancer stands in its family's catalog.cpp.
[[nodiscard]] Violations check_catalogs(const Tree& tree);

}  // namespace weir::structure
