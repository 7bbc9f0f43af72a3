#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// Arithmetic over named numbers, any of which may be missing: `web + 0.5 * jobs`, `max(a, b)`, `a > 10 ? a : b`, `a ?? b`.
///
/// Operators, loosest first: `? :`, `??`, `||`, `&&`, comparisons (1 or 0), `+ -`, `* / %`, unary `- !`. Functions: min, max (two
/// or more), abs, ceil, floor, round, clamp(x, low, high). What needs a missing number is missing itself; only `a ?? b` is b when a
/// is missing, and `? :` needs only the side it takes. A result that is not finite (1 / 0) is missing too. Immutable; any thread.
class Formula {
 public:
  /// Errors: where (column, from 1) and what was expected. At most 1,000 characters and 200 levels deep.
  [[nodiscard]] static std::expected<Formula, std::string> parse(std::string_view text);

  /// The names it uses, each once, in the order of their first use.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// `values[i]` is what names()[i] stands for.
  [[nodiscard]] std::optional<double> value(const std::vector<std::optional<double>>& values) const;

 private:
  friend class FormulaParser;
  enum class Operator : std::uint8_t {
    number,
    name,
    choose,
    otherwise,
    either,
    both,
    less,
    less_equal,
    greater,
    greater_equal,
    equal,
    not_equal,
    add,
    subtract,
    multiply,
    divide,
    remainder,
    negate,
    negation,
    min,
    max,
    abs,
    ceil,
    floor,
    round,
    clamp,
  };
  /// A node's operands follow in `operands`; the last node is the root.
  struct Node {
    Operator what = Operator::number;
    double number = 0;
    std::size_t name = 0;
    std::vector<std::size_t> operands;
  };
  [[nodiscard]] std::optional<double> value_of(std::size_t node, const std::vector<std::optional<double>>& values) const;
  [[nodiscard]] std::optional<double> lazy_value(const Node& node, const std::vector<std::optional<double>>& values) const;
  [[nodiscard]] static double apply(Operator what, const std::vector<double>& operands);

  std::vector<Node> nodes_;
  std::vector<std::string> names_;
};

}  // namespace weir
