#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace weir::monitoring {

/// Folder of what is shipped for monitoring.
[[nodiscard]] std::filesystem::path shipped();

/// An alert as the rules have it.
struct Alert {
  std::string name;
  std::string severity;
  std::string summary;
  std::string description;
  std::string runbook;  ///< its URL
};

/// The alerts of all rule files, in their order.
[[nodiscard]] std::vector<Alert> alerts();

/// A query of a panel.
struct PanelQuery {
  std::string panel;
  std::string expression;  ///< with Grafana's variables in it
};

/// The dashboard.
[[nodiscard]] nlohmann::json dashboard();
[[nodiscard]] std::vector<PanelQuery> panel_queries();
/// What marks moments in every panel, by the name it has there.
[[nodiscard]] std::vector<PanelQuery> annotation_queries();

/// A variable of the dashboard whose values Prometheus knows.
struct Variable {
  std::string name;
  std::string series;  ///< its values are those of the label of these
  std::string label;   ///< empty: it is asked for in a way that is not known here
};
[[nodiscard]] std::vector<Variable> variables();

/// A policy or guard as docs/queries.md shows it.
struct ShownPolicy {
  std::string section;  ///< the heading of the exporter: "nginx"
  std::string name;
  std::string query;
  std::string yaml;  ///< the whole block
  bool guard = false;
};

/// All of them.
[[nodiscard]] std::vector<ShownPolicy> shown_policies();

/// A row of the table of events in docs/logs.md.
struct DocumentedEvent {
  std::set<std::string> names;
  std::string level;
  std::set<std::string> keys;      ///< that each line of it has
  std::set<std::string> optional;  ///< that a line of it may have
};

/// All rows.
[[nodiscard]] std::vector<DocumentedEvent> documented_events();

}  // namespace weir::monitoring
