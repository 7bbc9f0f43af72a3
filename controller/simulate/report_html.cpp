#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cmath>
#include <string_view>

#include "controller/render/json_writer.h"
#include "controller/render/table.h"
#include "controller/simulate/page.h"
#include "controller/simulate/report.h"
#include "controller/simulate/summary.h"

namespace weir {
namespace {

/// Text from outside made into text of the page: nothing in it can be taken for a tag, an attribute's end or an entity.
std::string escaped(std::string_view text) {
  std::string safe;
  for (const char character : printable(std::string(text))) {
    switch (character) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += character;
    }
  }
  return safe;
}

/// `'sha256-…'` as a content security policy names an inline script or style.
std::string hash_source(std::string_view content) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  unsigned length = 0;
  (void)EVP_Digest(content.data(), content.size(), digest.data(), &length, EVP_sha256(), nullptr);
  std::array<unsigned char, 64> base64{};
  const int size = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(length));
  return fmt::format("'sha256-{}'", std::string(base64.begin(), base64.begin() + size));
}

/// Seconds from the beginning; six digits of a value are plenty for a picture.
class Columns {
 public:
  Columns(JsonWriter& out, TimePoint from) : out_(out), from_(from) {}

  template <typename Items, typename Value>
  void add(std::string_view name, const Items& items, Value value) {
    out_.key(name);
    out_.begin_array();
    for (const auto& item : items) put(value(item));
    out_.end_array();
  }

 private:
  void put(TimePoint time) { out_.raw(fmt::format("{}", std::chrono::duration<double>(time - from_).count())); }
  void put(double number) {
    if (!std::isfinite(number)) return out_.null();
    out_.raw(fmt::format("{:.6g}", number));
  }
  void put(int number) { out_.value(number); }
  void put(const std::string& text) { out_.value(text); }

  JsonWriter& out_;
  TimePoint from_;
};

void write_columns(JsonWriter& out, const Simulation& simulation) {
  Columns columns(out, simulation.from);
  out.key("moments");
  out.begin_object();
  columns.add("t", simulation.moments, [](const auto& each) { return each.at; });
  columns.add("load", simulation.moments, [](const auto& each) { return each.load; });
  columns.add("capacity", simulation.moments, [](const auto& each) { return each.capacity; });
  columns.add("desired", simulation.moments, [](const auto& each) { return each.desired; });
  columns.add("in_service", simulation.moments, [](const auto& each) { return each.in_service; });
  columns.add("launched", simulation.moments, [](const auto& each) { return each.launched; });
  columns.add("violated", simulation.moments, [](const auto& each) { return each.violated; });
  out.end_object();
  out.key("decisions");
  out.begin_object();
  columns.add("t", simulation.decisions, [](const auto& each) { return each.at; });
  columns.add("from", simulation.decisions, [](const auto& each) { return each.from; });
  columns.add("to", simulation.decisions, [](const auto& each) { return each.to; });
  columns.add("why", simulation.decisions, [](const auto& each) -> const std::string& { return each.why; });
  out.end_object();
  out.key("faults");
  out.begin_object();
  columns.add("from", simulation.faults, [](const auto& each) { return each.from; });
  columns.add("to", simulation.faults, [](const auto& each) { return each.to; });
  columns.add("what", simulation.faults, [](const auto& each) -> const std::string& { return each.what; });
  out.end_object();
  out.key("deploys");
  out.begin_object();
  columns.add("from", simulation.deploys, [](const auto& each) { return each.started_at; });
  columns.add("to", simulation.deploys, [](const auto& each) { return each.ended_at; });
  columns.add("what", simulation.deploys, [](const auto& each) { return deploy_title(each); });
  columns.add("end", simulation.deploys, [](const auto& each) { return deploy_end_text(each); });
  out.end_object();
  out.key("gaps");
  out.begin_object();
  columns.add("from", simulation.gaps, [](const auto& each) { return each.first; });
  columns.add("to", simulation.gaps, [](const auto& each) { return each.second; });
  out.end_object();
}

/// Cannot end the element it stands in: in JSON `<` is in strings only, where it may be written in other words.
std::string page_data(std::span<const Simulation> simulations) {
  std::string json;
  JsonWriter out(json);
  out.begin_array();
  const std::vector<std::string> titles = simulation_titles(simulations);
  for (std::size_t index = 0; index < simulations.size(); ++index) {
    const Simulation& each = simulations[index];
    out.begin_object();
    out.field("title", titles[index]);
    out.field("from", each.from.time_since_epoch().count());
    out.field("to", each.to.time_since_epoch().count());
    write_columns(out, each);
    out.end_object();
  }
  out.end_array();
  std::string safe;
  safe.reserve(json.size());
  for (const char character : json) {
    if (character == '<') {
      safe += "\\u003c";
    } else {
      safe += character;
    }
  }
  return safe;
}

std::string page_title(std::span<const Simulation> simulations) {
  if (simulations.empty()) return "No simulations";
  const Simulation& first = simulations.front();
  if (simulations.size() == 1) return fmt::format("{} over {}", first.group, first.trace);
  if (!are_comparable(simulations)) return fmt::format("{} simulations", simulations.size());
  return fmt::format("{} simulations over {}", simulations.size(), first.trace);
}

std::string range_html(const Simulation& simulation) {
  return fmt::format("{} to {} UTC, {}", time_text(simulation.from), time_text(simulation.to),
                     span_text(simulation.to - simulation.from));
}

/// One simulation has nothing beside it to be held against.
std::string tiles_html(std::span<const Simulation> simulations) {
  std::string html = "<dl class=\"tiles\">\n";
  for (const SummaryRow& row : summary_rows(simulations)) {
    html += fmt::format("<div><dt>{}</dt><dd class=\"value\">{}</dd><dd class=\"meaning\">{}</dd></div>\n", row.name,
                        escaped(row.values.front()), row.meaning);
  }
  return html + "</dl>\n";
}

std::string table_html(std::span<const Simulation> simulations) {
  std::string html =
      "<div class=\"scroll\" role=\"region\" aria-label=\"Results\" tabindex=\"0\"><table class=\"summary\">\n"
      "<thead><tr><th scope=\"col\">Result</th>";
  for (const std::string& title : simulation_titles(simulations)) html += fmt::format("<th scope=\"col\">{}</th>", escaped(title));
  html += "</tr></thead>\n<tbody>\n";
  for (const SummaryRow& row : summary_rows(simulations)) {
    html += fmt::format("<tr><th scope=\"row\">{}<small>{}</small></th>", row.name, row.meaning);
    for (std::size_t index = 0; index < row.values.size(); ++index) {
      const std::string_view mark = row.best[index] ? " <span class=\"best\">best</span>" : "";
      html += fmt::format("<td>{}{}</td>", escaped(row.values[index]), mark);
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string list_html(std::string_view heading, const std::vector<std::string>& lines) {
  if (lines.empty()) return "";
  std::string html = fmt::format("<h3>{}</h3>\n<ul>\n", heading);
  for (const std::string& line : lines) html += fmt::format("<li>{}</li>\n", escaped(line));
  return html + "</ul>\n";
}

std::string faults_html(const Simulation& simulation) {
  std::vector<std::string> lines;
  for (const SimulatedFault& fault : simulation.faults) {
    lines.push_back(fmt::format("{} for {}: {}", time_text(fault.from), span_text(fault.to - fault.from), fault.what));
  }
  return list_html("Faults", lines);
}

std::string deploys_html(const Simulation& simulation) {
  std::vector<std::string> lines;
  for (const SimulatedDeploy& deploy : simulation.deploys) {
    std::string line = fmt::format("{}: {}, ", time_text(deploy.started_at), deploy_title(deploy));
    if (deploy.end != SimulatedDeploy::End::refused) {
      line += fmt::format("{}; at most {} servers at once, at least {} in service, {} of the requests lost; ",
                          span_text(deploy.ended_at - deploy.started_at), deploy.servers_max, deploy.in_service_min,
                          share_text(deploy.lost_ratio));
    }
    lines.push_back(line + deploy_end_text(deploy));
  }
  return list_html("Deploys", lines);
}

/// What the page's head has not said already.
std::string subtitle_html(std::span<const Simulation> simulations, std::size_t index) {
  if (simulations.size() == 1) return "";
  const Simulation& simulation = simulations[index];
  if (are_comparable(simulations)) return fmt::format("<p class=\"dim\">group {}</p>\n", escaped(simulation.group));
  return fmt::format("<p class=\"dim\">{} over {}, {}</p>\n", escaped(simulation.group), escaped(simulation.trace),
                     range_html(simulation));
}

std::string simulation_section(std::span<const Simulation> simulations, std::string_view title, std::size_t index) {
  const Simulation& simulation = simulations[index];
  return fmt::format(
      "<section class=\"card simulation\" id=\"simulation-{0}\" aria-labelledby=\"title-{0}\">\n"
      "<h2 id=\"title-{0}\">{1}</h2>\n{2}"
      "<div class=\"chart\"></div>\n<div class=\"decisions\"></div>\n<div class=\"lists\">\n{3}{4}{5}{6}</div>\n</section>\n",
      index, escaped(title), subtitle_html(simulations, index), faults_html(simulation), deploys_html(simulation),
      list_html("Assumptions", simulation.assumptions), list_html("Notes", simulation.notes));
}

}  // namespace

std::string simulation_html(std::span<const Simulation> simulations) {
  const std::string title = escaped(page_title(simulations));
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src {}; style-src {}; img-src data:; "
      "base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light "
      "dark\">\n"
      "<meta name=\"referrer\" content=\"no-referrer\">\n<link rel=\"icon\" href=\"data:,\">\n<title>{} · weir "
      "simulate</title>\n<style>",
      hash_source(kPageScript), hash_source(kPageStyle), title);
  html += kPageStyle;
  html += fmt::format("</style>\n</head>\n<body>\n<header>\n<p class=\"dim\">weir simulate</p>\n<h1>{}</h1>\n", title);
  if (simulations.size() == 1 || are_comparable(simulations)) {
    html += fmt::format("<p>{}</p>\n", range_html(simulations.front()));
  }
  html += "</header>\n<main>\n";
  if (!simulations.empty()) {
    html += fmt::format("<section class=\"card\" aria-labelledby=\"results\">\n<h2 id=\"results\">Results</h2>\n{}</section>\n",
                        simulations.size() == 1 ? tiles_html(simulations) : table_html(simulations));
  }
  html +=
      "<noscript><p class=\"card\">The charts and the decisions are drawn by a script in this page; scripts are "
      "off.</p></noscript>\n";
  const std::vector<std::string> titles = simulation_titles(simulations);
  for (std::size_t index = 0; index < simulations.size(); ++index) {
    html += simulation_section(simulations, titles[index], index);
  }
  html += "</main>\n<footer class=\"dim\">All times are UTC. This page loads nothing from anywhere.</footer>\n";
  html += R"(<script type="application/json" id="data">)";
  html += page_data(simulations);
  html += "</script>\n<script>";
  html += kPageScript;
  return html + "</script>\n</body>\n</html>\n";
}

}  // namespace weir
