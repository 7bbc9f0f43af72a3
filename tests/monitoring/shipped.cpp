#include "tests/monitoring/shipped.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "tests/docs/documents.h"

namespace weir::monitoring {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = WEIR_SOURCE_DIR;

/// `text` cut at each `by`, without blanks around the pieces.
std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> pieces;
  std::istringstream in(text);
  for (std::string piece; std::getline(in, piece, by);) {
    const std::size_t first = piece.find_first_not_of(" `");
    if (first == std::string::npos) continue;
    pieces.push_back(piece.substr(first, piece.find_last_not_of(" `") - first + 1));
  }
  return pieces;
}

void add_policies(const docs::Block& block, const std::string& section, std::vector<ShownPolicy>& shown) {
  const bool guard = section.starts_with("Databases");
  for (const YAML::Node& node : YAML::Load(block.text)) {
    shown.push_back({section, node["name"].as<std::string>(), node["query"].as<std::string>(), block.text, guard});
  }
}

}  // namespace

fs::path shipped() { return kRoot / "packaging/monitoring"; }

std::vector<Alert> alerts() {
  std::vector<Alert> found;
  for (const char* file : {"weir.yml", "site.yml"}) {
    const YAML::Node rules = YAML::LoadFile((shipped() / "prometheus/rules" / file).string());
    for (const YAML::Node& group : rules["groups"]) {
      for (const YAML::Node& rule : group["rules"]) {
        if (!rule["alert"]) continue;
        const YAML::Node notes = rule["annotations"];
        found.push_back({.name = rule["alert"].as<std::string>(),
                         .severity = rule["labels"]["severity"].as<std::string>(""),
                         .summary = notes["summary"].as<std::string>(""),
                         .description = notes["description"].as<std::string>(""),
                         .runbook = notes["runbook_url"].as<std::string>("")});
      }
    }
  }
  return found;
}

nlohmann::json dashboard() { return nlohmann::json::parse(docs::read_text(shipped() / "grafana/dashboards/weir.json")); }

std::vector<PanelQuery> panel_queries() {
  std::vector<PanelQuery> queries;
  const nlohmann::json board = dashboard();
  for (const auto& panel : board.at("panels")) {
    if (panel.at("type") == "row") continue;
    for (const auto& target : panel.at("targets")) queries.push_back({panel.at("title"), target.at("expr")});
  }
  return queries;
}

std::vector<PanelQuery> annotation_queries() {
  std::vector<PanelQuery> queries;
  const nlohmann::json board = dashboard();
  for (const auto& mark : board.at("annotations").at("list")) {
    if (mark.at("datasource").at("type") == "prometheus") queries.push_back({mark.at("name"), mark.at("expr")});
  }
  return queries;
}

std::vector<Variable> variables() {
  const std::regex label_values(R"re(label_values\((.+), (\w+)\))re");
  std::vector<Variable> found;
  const nlohmann::json board = dashboard();
  for (const auto& variable : board.at("templating").at("list")) {
    if (variable.at("type") != "query") continue;
    const auto query = variable.at("query").at("query").get<std::string>();
    std::smatch parts;
    std::regex_match(query, parts, label_values);
    found.push_back({variable.at("name"), parts.str(1), parts.str(2)});
  }
  return found;
}

std::vector<ShownPolicy> shown_policies() {
  const std::string text = docs::read_text(kRoot / "docs/queries.md");
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::vector<ShownPolicy> shown;
  for (const docs::Block& block : docs::fenced_blocks("docs/queries.md", text)) {
    const auto end = lines.begin() + static_cast<std::ptrdiff_t>(block.line);
    const auto heading = std::find_if(std::make_reverse_iterator(end), lines.rend(),
                                      [](const std::string& line) { return line.starts_with("## "); });
    add_policies(block, heading == lines.rend() ? "" : heading->substr(3), shown);
  }
  return shown;
}

std::vector<DocumentedEvent> documented_events() {
  std::istringstream text(docs::read_text(kRoot / "docs/logs.md"));
  std::vector<DocumentedEvent> events;
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("| `")) continue;
    const auto cells = split(line, '|');
    DocumentedEvent event{.level = cells.at(1)};
    for (const std::string& name : split(cells.at(0), ',')) event.names.insert(name);
    for (const std::string& key : split(cells.at(2), ',')) {
      const bool may_miss = key.ends_with('?');
      (may_miss ? event.optional : event.keys).insert(may_miss ? key.substr(0, key.size() - 1) : key);
    }
    events.push_back(std::move(event));
  }
  return events;
}

}  // namespace weir::monitoring
