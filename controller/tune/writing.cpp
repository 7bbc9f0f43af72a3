#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <span>

#include "controller/import/writing.h"
#include "controller/simulate/summary.h"
#include "controller/tune/report.h"

namespace weir {
namespace {

/// A knob that was turned, with its new value.
struct Turned {
  const Knob& knob;
  double value;
};

std::vector<Turned> turned_in(const Tuning& tuning) {
  std::vector<Turned> turned;
  for (std::size_t index = 0; index < tuning.knobs.size(); ++index) {
    const double value = tuning.candidates[tuning.chosen].values[index];
    if (value != tuning.knobs[index].present) turned.push_back({tuning.knobs[index], value});
  }
  return turned;
}

/// As change_text(), but to the last digit.
std::string change_yaml(const Change& change) {
  const std::string number = number_text(change.amount);
  if (change.kind == Change::Kind::to_exactly) return fmt::format("\"={}\"", number);
  return fmt::format("\"{}{}{}\"", change.amount > 0 ? "+" : "", number, change.kind == Change::Kind::by_percent ? "%" : "");
}

std::string band_yaml(const Settings& band) {
  std::string text;
  for (const char* key : {"from", "to"}) {
    if (band.has(key)) text += fmt::format("{}: {}, ", key, number_text(band.number(key)));
  }
  return fmt::format("          - {{{}change: {}}}\n", text, change_yaml(band.change("change")));
}

std::string line_of(const Turned& turned, std::string_view indent) {
  return fmt::format("{}{}: {}  # was {}\n", indent, turned.knob.key, turned.knob.text(turned.value),
                     turned.knob.text(turned.knob.present));
}

std::string bands_yaml(const Turned& turned, const Group& group) {
  std::string text = fmt::format("        steps:  # all bounds were multiplied by {}\n", number_text(turned.value));
  for (const Settings& band : group.policies[turned.knob.policy].settings.sections("steps")) text += band_yaml(band);
  return text;
}

std::string policies_yaml(std::span<const Turned> all, const Group& group) {
  std::string text;
  const PolicySpec* open = nullptr;
  for (const Turned& turned : all) {
    const bool bands = turned.knob.section == Knob::Section::bands;
    if (!bands && turned.knob.section != Knob::Section::policy) continue;
    const PolicySpec& policy = group.policies[turned.knob.policy];
    if (open == nullptr) text += "    policies:\n";
    if (open != &policy) text += fmt::format("      - name: {}\n", yaml_text(policy.name));
    open = &policy;
    text += bands ? bands_yaml(turned, group) : line_of(turned, "        ");
  }
  return text;
}

std::string section_yaml(std::span<const Turned> all, Knob::Section section, const char* heading, std::string_view indent) {
  std::string text;
  for (const Turned& turned : all) {
    if (turned.knob.section == section) text += line_of(turned, indent);
  }
  return text.empty() ? text : heading + text;
}

}  // namespace

std::string tuning_yaml(const Tuning& tuning) {
  std::string text = fmt::format("# weir tune over {}, {} to {}: at most {} % above capacity\n", clean(tuning.trace),
                                 time_text(tuning.from), time_text(tuning.to), number_text(tuning.slo * 100));
  const std::vector<Turned> turned = turned_in(tuning);
  if (turned.empty()) return text + "# nothing to change\n";
  text += fmt::format("groups:\n  - name: {}\n", yaml_text(tuning.group));
  text += section_yaml(turned, Knob::Section::group, "", "    ");
  text += policies_yaml(turned, tuning.tuned);
  text += section_yaml(turned, Knob::Section::scale_out, "    scale_out:\n", "      ");
  text += section_yaml(turned, Knob::Section::scale_in, "    scale_in:\n", "      ");
  return text;
}

}  // namespace weir
