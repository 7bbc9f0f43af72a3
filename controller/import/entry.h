#pragma once

#include <string>
#include <vector>

#include "controller/import/source.h"

namespace weir {

/// One line of a configuration: `key: value  # comment`.
struct EntryLine {
  std::string key;
  std::string value;  ///< as YAML writes it, quoted where need be, in one line
  std::string comment = {};
};

/// For a group that may be empty.
inline constexpr const char* kZeroComment = "only a query that counts waiting work grows from 0; behind a balancer 0 is refused";

/// A list's item or a mapping, with the comments that stand above it.
struct EntryBlock {
  std::vector<std::string> comments;
  std::vector<EntryLine> lines;
};

/// A group of the configuration, as far as a foreign file tells it.
struct ImportedGroup {
  std::string name;
  std::vector<std::string> comments;
  std::vector<EntryLine> lines;  ///< min, max, warm_up, …
  std::vector<EntryBlock> policies;
  EntryBlock scale_out;
  EntryBlock scale_in;
};

/// What importing a file came to: never empty of groups.
struct Imported {
  std::string origin;  ///< "a Kubernetes HorizontalPodAutoscaler, web.yaml"
  std::vector<std::string> comments;
  std::vector<ImportedGroup> groups;
  std::vector<Leftover> not_carried_over;
};
using ImportResult = std::expected<Imported, ConfigErrors>;

/// The `groups:` of a configuration, commented; what was not carried over is the comment at its end. A person has to fill in
/// `provider` and `server`, which no foreign file knows, and to check the queries.
[[nodiscard]] std::string to_yaml(const Imported& imported);

/// {"groups": […], "yaml": "…", "not_carried_over": [{"path", "line", "column", "why"}]}; the groups are those of to_yaml().
[[nodiscard]] std::string to_json(const Imported& imported);

}  // namespace weir
