#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policies/formula.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

/// Whatever the text is: an error that says where, or a formula whose value is a finite number or missing.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto formula = weir::Formula::parse(text);
  if (!formula) {
    check(formula.error().starts_with("column ") || formula.error().starts_with("expected at most"));
    return 0;
  }
  const std::optional<double> choices[] = {std::nullopt, 0.0, 1.0, -2.5, 1e308};
  for (std::size_t turn = 0; turn < std::size(choices); ++turn) {
    std::vector<std::optional<double>> values;
    for (std::size_t index = 0; index < formula->names().size(); ++index) {
      check(!formula->names()[index].empty());
      values.push_back(choices[(turn + index) % std::size(choices)]);
    }
    const std::optional<double> value = formula->value(values);
    check(!value || std::isfinite(*value));
    check(value == formula->value(values));
  }
  return 0;
}
