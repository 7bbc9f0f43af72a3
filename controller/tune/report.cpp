#include "controller/tune/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "controller/import/writing.h"
#include "controller/render/json_writer.h"
#include "controller/render/table.h"
#include "controller/simulate/summary.h"

namespace weir {
namespace {

constexpr std::size_t kRows = 10;  ///< of the frontier, in text

double cost_of(const TunedFigures& figures) { return figures.cost.value_or(figures.servers_hours); }

/// Writes one tuning for people.
class Text {
 public:
  Text(const Tuning& tuning, const std::string& name, Colour colour)
      : tuning_(tuning), name_(name), colour_(colour == Colour::on), chosen_(tuning.candidates[tuning.chosen].history) {}

  [[nodiscard]] std::string all() const {
    return headline() + "\n" + frontier() + "\n" + validation() + "\n" + verdict() + list("Assumptions", tuning_.assumptions) +
           list("Notes", tuning_.notes) + yaml();
  }

 private:
  [[nodiscard]] std::string bold(std::string_view text) const {
    return colour_ ? fmt::format("\x1b[1m{}\x1b[0m", text) : std::string(text);
  }
  [[nodiscard]] std::string render(const Table& table) const {
    return table.text("  ", colour_ ? "\x1b[2m" : "", colour_ ? "\x1b[0m" : "");
  }
  [[nodiscard]] std::string slo() const { return number_text(tuning_.slo * 100) + " %"; }
  [[nodiscard]] std::string cost(const TunedFigures& figures) const {
    return tuning_.currency.empty() ? amount_text(figures.servers_hours, 1)
                                    : amount_text(cost_of(figures), 2) + " " + printable(tuning_.currency);
  }
  [[nodiscard]] std::vector<std::string> cells(const TunedFigures& figures) const {
    return {cost(figures), share_text(figures.violation_ratio), grouped(static_cast<std::uint64_t>(figures.scale_actions))};
  }
  [[nodiscard]] const char* cost_heading() const { return tuning_.currency.empty() ? "SERVER HOURS" : "COST"; }

  [[nodiscard]] std::string headline() const {
    return fmt::format("{} of {} over {}\n{} to {} UTC ({})\n{} candidates, {} knobs; SLO: at most {} of requests above capacity\n",
                       bold(printable(tuning_.group)), printable(name_), printable(tuning_.trace), time_text(tuning_.from),
                       time_text(tuning_.to), span_text(tuning_.to - tuning_.from), tuning_.candidates.size(), tuning_.knobs.size(),
                       slo());
  }

  /// The frontier thinned out, with the chosen and the present one wherever they are.
  [[nodiscard]] std::vector<std::size_t> rows() const {
    std::vector<std::size_t> shown;
    const std::size_t count = tuning_.frontier.size();
    for (std::size_t row = 0; row < std::min(count, kRows); ++row) {
      shown.push_back(tuning_.frontier[count <= kRows ? row : row * (count - 1) / (kRows - 1)]);
    }
    for (const std::size_t always : {tuning_.chosen, std::size_t{0}}) {
      if (std::ranges::find(shown, always) == shown.end()) shown.push_back(always);
    }
    std::ranges::sort(shown, {}, [&](std::size_t index) { return std::pair(cost_of(tuning_.candidates[index].history), index); });
    return shown;
  }

  [[nodiscard]] std::string frontier() const {
    Table table({cost_heading(), "ABOVE CAPACITY", "SCALE ACTIONS", ""});
    for (const std::size_t index : rows()) {
      std::vector<std::string> row = cells(tuning_.candidates[index].history);
      std::string mark = index == tuning_.chosen ? "chosen" : "";
      if (index == 0) mark += mark.empty() ? "present" : ", present";
      row.push_back(mark.empty() ? mark : "<- " + mark);
      table.add(std::move(row));
    }
    return bold("Least cost for how often servers are short, over the whole history") + "\n" + render(table);
  }

  [[nodiscard]] std::string validation() const {
    Table table({"CONFIGURATION", "JUDGED ON", cost_heading(), "ABOVE CAPACITY", "SCALE ACTIONS"});
    const auto add = [&](std::string what, std::string on, const TunedFigures& figures) {
      std::vector<std::string> row = {std::move(what), std::move(on)};
      std::ranges::move(cells(figures), std::back_inserter(row));
      table.add(std::move(row));
    };
    const TunedFigures& present = tuning_.candidates.front().history;
    add("present", "the whole history", present);
    add("chosen", "the whole history, by which it was chosen", chosen_);
    add("present", "every part: it was chosen on none of them", present);
    add("chosen so", "each part, by a choice made without it", tuning_.unseen);
    return bold("Cross-validated") + "\n" + render(table);
  }

  [[nodiscard]] std::string verdict() const {
    if (!tuning_.keeps()) {
      return fmt::format("Nothing tried keeps the SLO of {}. The nearest has {} above capacity.\n", slo(),
                         share_text(chosen_.violation_ratio));
    }
    std::string text =
        tuning_.chosen == 0 ? std::string("The present configuration is the cheapest found that keeps the SLO.\n") : gain();
    if (tuning_.generalises()) {
      return text + fmt::format("It generalises: choices made this way had {} above capacity in parts they were not made on.\n",
                                share_text(tuning_.unseen.violation_ratio));
    }
    text += fmt::format("{} choices made this way had {} above capacity in parts they were not made on; the SLO is {}.\n",
                        bold("It does not generalise:"), share_text(tuning_.unseen.violation_ratio), slo());
    if (!tuning_.tighter_slo) return text + "Give it a longer history; no tighter --slo would have kept it there.\n";
    return text + fmt::format("Search with --slo {}%: choices under that would have kept {} there.\n",
                              number_text(*tuning_.tighter_slo * 100), slo());
  }

  [[nodiscard]] std::string gain() const {
    const TunedFigures& present = tuning_.candidates.front().history;
    const double change = cost_of(chosen_) / cost_of(present) - 1;
    const char* const word = change < 0 ? "less" : "more";
    return fmt::format("The chosen one costs {:.1f} % {} than the present one, with {} above capacity instead of {}.\n",
                       std::abs(change) * 100, word, share_text(chosen_.violation_ratio), share_text(present.violation_ratio));
  }

  [[nodiscard]] std::string list(std::string_view heading, const std::vector<std::string>& lines) const {
    std::string text = fmt::format("\n{}\n", bold(heading));
    for (const std::string& line : lines) text += fmt::format("  - {}\n", printable(line));
    return lines.empty() ? "" : text;
  }

  [[nodiscard]] std::string yaml() const { return fmt::format("\n{}\n\n{}", bold("To paste"), tuning_yaml(tuning_)); }

  const Tuning& tuning_;
  const std::string& name_;
  bool colour_;
  const TunedFigures& chosen_;
};

void write(JsonWriter& out, std::string_view name, const TunedFigures& figures) {
  out.key(name);
  out.begin_object();
  out.field("violation_ratio", figures.violation_ratio);
  out.field("servers_hours", figures.servers_hours);
  out.field("cost", figures.cost);
  out.field("scale_actions", figures.scale_actions);
  out.end_object();
}

/// Durations as the configuration writes them.
void write_value(JsonWriter& out, const Knob& knob, double value) {
  if (knob.kind == Knob::Kind::duration) {
    out.value(knob.text(value));
  } else {
    out.value(value);
  }
}

void write_values(JsonWriter& out, const Tuning& tuning, const std::vector<double>& values) {
  out.key("values");
  out.begin_array();
  for (std::size_t index = 0; index < values.size(); ++index) write_value(out, tuning.knobs[index], values[index]);
  out.end_array();
}

void write_knobs(JsonWriter& out, const Tuning& tuning) {
  out.key("knobs");
  out.begin_array();
  for (std::size_t index = 0; index < tuning.knobs.size(); ++index) {
    const Knob& knob = tuning.knobs[index];
    out.begin_object();
    out.field("path", knob.path);
    const std::pair<const char*, double> values[] = {{"present", knob.present},
                                                     {"chosen", tuning.candidates[tuning.chosen].values[index]},
                                                     {"low", knob.low},
                                                     {"high", knob.high}};
    for (const auto& [name, value] : values) {
      out.key(name);
      write_value(out, knob, value);
    }
    out.end_object();
  }
  out.end_array();
}

void write_folds(JsonWriter& out, const Tuning& tuning) {
  out.key("folds");
  out.begin_array();
  for (const TunedFold& fold : tuning.folds) {
    out.begin_object();
    out.field("candidate", fold.candidate);
    out.field("violation_ratio_chosen_on", fold.violation_ratio_chosen_on);
    write(out, "unseen", fold.unseen);
    write(out, "present", fold.present);
    out.end_object();
  }
  out.end_array();
}

void write_candidates(JsonWriter& out, const Tuning& tuning) {
  out.key("candidates");
  out.begin_array();
  for (const TunedCandidate& candidate : tuning.candidates) {
    out.begin_object();
    write_values(out, tuning, candidate.values);
    write(out, "history", candidate.history);
    out.end_object();
  }
  out.end_array();
}

template <typename T>
void write_list(JsonWriter& out, std::string_view name, const std::vector<T>& items) {
  out.key(name);
  out.begin_array();
  for (const T& item : items) out.value(item);
  out.end_array();
}

}  // namespace

std::string tuning_text(const Tuning& tuning, const std::string& name, Colour colour) { return Text(tuning, name, colour).all(); }

std::string tuning_json(const Tuning& tuning) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("group", tuning.group);
  out.field("trace", tuning.trace);
  out.field("from", tuning.from);
  out.field("to", tuning.to);
  out.field("slo", tuning.slo);
  out.field("currency", tuning.currency.empty() ? std::nullopt : std::optional(tuning.currency));
  out.field("keeps_slo", tuning.keeps());
  out.field("generalises", tuning.generalises());
  out.field("tighter_slo", tuning.tighter_slo);
  write(out, "present", tuning.candidates.front().history);
  write(out, "chosen", tuning.candidates[tuning.chosen].history);
  write(out, "unseen", tuning.unseen);
  write_knobs(out, tuning);
  write_folds(out, tuning);
  out.field("chosen_candidate", tuning.chosen);
  write_list(out, "frontier", tuning.frontier);
  write_candidates(out, tuning);
  write_list(out, "assumptions", tuning.assumptions);
  write_list(out, "notes", tuning.notes);
  out.field("yaml", tuning_yaml(tuning));
  out.end_object();
  return text;
}

}  // namespace weir
