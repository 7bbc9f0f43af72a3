#include "policies/formula.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace weir {
namespace {

constexpr std::size_t kLongest = 1000;
constexpr int kDeepest = 200;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

/// Recursive descent, one function per level of binding.
class FormulaParser {
 public:
  using Operator = Formula::Operator;

  explicit FormulaParser(std::string_view text) : text_(text) {}

  std::expected<Formula, std::string> run() {
    if (text_.size() > kLongest) return std::unexpected(fmt::format("expected at most {} characters", kLongest));
    (void)choice();
    skip_blanks();
    if (error_.empty() && at_ < text_.size()) expected("an operator or the end");
    if (!error_.empty()) return std::unexpected(error_);
    return std::move(formula_);
  }

 private:
  using Index = std::size_t;
  struct Level {
    std::string_view sign;
    Operator what;
  };

  void expected(std::string_view what) {
    if (!error_.empty()) return;
    const std::string found = at_ < text_.size() ? fmt::format("'{}'", text_.substr(at_, 1)) : "the end";
    error_ = fmt::format("column {}: expected {}, found {}", at_ + 1, what, found);
  }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }

  bool take(std::string_view sign) {
    skip_blanks();
    if (!text_.substr(at_).starts_with(sign)) return false;
    // A sign that only begins a longer one is not meant: `<` of `<=`, `?` of `??`.
    const std::string_view rest = text_.substr(at_ + sign.size());
    const bool longer = (sign == "<" || sign == ">") ? rest.starts_with('=') : sign == "?" && rest.starts_with('?');
    if (longer) return false;
    at_ += sign.size();
    return true;
  }

  Index add(Operator what, std::vector<Index> operands) {
    formula_.nodes_.push_back({.what = what, .operands = std::move(operands)});
    return formula_.nodes_.size() - 1;
  }

  Index choice() {
    if (++depth_ > kDeepest) expected("fewer brackets");
    if (!error_.empty()) return 0;
    const Index condition = binary(0);
    Index result = condition;
    if (take("?")) {
      const Index yes = choice();
      if (!take(":")) expected("':'");
      const Index no = choice();
      result = add(Operator::choose, {condition, yes, no});
    }
    --depth_;
    return result;
  }

  Index binary(std::size_t level) {
    static const std::array<std::vector<Level>, 6> kLevels = {{
        {{"??", Operator::otherwise}},
        {{"||", Operator::either}},
        {{"&&", Operator::both}},
        {{"<=", Operator::less_equal},
         {">=", Operator::greater_equal},
         {"==", Operator::equal},
         {"!=", Operator::not_equal},
         {"<", Operator::less},
         {">", Operator::greater}},
        {{"+", Operator::add}, {"-", Operator::subtract}},
        {{"*", Operator::multiply}, {"/", Operator::divide}, {"%", Operator::remainder}},
    }};
    if (level == kLevels.size()) return unary();
    Index left = binary(level + 1);
    while (error_.empty()) {
      const auto found = std::ranges::find_if(kLevels[level], [this](const Level& one) { return take(one.sign); });
      if (found == kLevels[level].end()) break;
      const Index right = binary(level + 1);
      left = add(found->what, {left, right});
    }
    return left;
  }

  Index unary() {
    if (++depth_ > kDeepest) expected("fewer signs");
    Index result = 0;
    if (error_.empty()) {
      if (take("-")) {
        result = add(Operator::negate, {unary()});
      } else if (take("!")) {
        result = add(Operator::negation, {unary()});
      } else {
        result = operand();
      }
    }
    --depth_;
    return result;
  }

  Index operand() {
    skip_blanks();
    if (take("(")) {
      const Index inner = choice();
      if (!take(")")) expected("')'");
      return inner;
    }
    if (at_ < text_.size() && (is_digit(text_[at_]) || text_[at_] == '.')) return number();
    if (at_ < text_.size() && is_letter(text_[at_])) return name();
    expected("a number, a name or '('");
    return 0;
  }

  Index number() {
    double value = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc{} || !std::isfinite(value)) {
      expected("a number");
      return 0;
    }
    at_ += static_cast<std::size_t>(end - begin);
    formula_.nodes_.push_back({.what = Operator::number, .number = value, .operands = {}});
    return formula_.nodes_.size() - 1;
  }

  Index name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (take("(")) return call(word, begin);
    const auto known = std::ranges::find(formula_.names_, word);
    const auto index = static_cast<std::size_t>(known - formula_.names_.begin());
    if (known == formula_.names_.end()) formula_.names_.emplace_back(word);
    formula_.nodes_.push_back({.what = Operator::name, .name = index, .operands = {}});
    return formula_.nodes_.size() - 1;
  }

  Index call(std::string_view word, std::size_t begin) {
    struct Function {
      std::string_view name;
      Operator what;
      std::size_t least;
      std::size_t most;
    };
    static constexpr std::array kFunctions = {
        Function{"min", Operator::min, 2, 100},   Function{"max", Operator::max, 2, 100},
        Function{"abs", Operator::abs, 1, 1},     Function{"ceil", Operator::ceil, 1, 1},
        Function{"floor", Operator::floor, 1, 1}, Function{"round", Operator::round, 1, 1},
        Function{"clamp", Operator::clamp, 3, 3},
    };
    const auto* const function = std::ranges::find(kFunctions, word, &Function::name);
    if (function == kFunctions.end()) {
      at_ = begin;
      expected("one of the functions min, max, abs, ceil, floor, round, clamp");
      return 0;
    }
    std::vector<Index> operands;
    do operands.push_back(choice());
    while (error_.empty() && take(","));
    if (operands.size() < function->least || operands.size() > function->most) {
      expected(fmt::format("{} operands of {}", function->least, word));
    }
    if (!take(")")) expected("',' or ')'");
    return add(function->what, std::move(operands));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  Formula formula_;
  std::string error_;
};

std::expected<Formula, std::string> Formula::parse(std::string_view text) { return FormulaParser(text).run(); }

std::optional<double> Formula::value(const std::vector<std::optional<double>>& values) const {
  const std::optional<double> result = value_of(nodes_.size() - 1, values);
  return result && std::isfinite(*result) ? result : std::nullopt;
}

std::optional<double> Formula::value_of(std::size_t index, const std::vector<std::optional<double>>& values) const {
  const Node& node = nodes_[index];
  if (node.what == Operator::number) return node.number;
  if (node.what == Operator::name) return values[node.name];
  if (node.what == Operator::choose || node.what == Operator::otherwise) return lazy_value(node, values);
  std::vector<double> operands;
  operands.reserve(node.operands.size());
  for (const std::size_t operand : node.operands) {
    const std::optional<double> value = value_of(operand, values);
    if (!value) return std::nullopt;
    operands.push_back(*value);
  }
  const double result = apply(node.what, operands);
  return std::isfinite(result) ? std::optional(result) : std::nullopt;
}

std::optional<double> Formula::lazy_value(const Node& node, const std::vector<std::optional<double>>& values) const {
  const std::optional<double> first = value_of(node.operands[0], values);
  if (node.what == Operator::otherwise) return first ? first : value_of(node.operands[1], values);
  if (!first) return std::nullopt;
  return value_of(node.operands[*first != 0 ? 1 : 2], values);
}

double Formula::apply(Operator what, const std::vector<double>& operands) {
  const double a = operands[0];
  const double b = operands.size() > 1 ? operands[1] : 0;
  switch (what) {
    case Operator::either:
      return a != 0 || b != 0 ? 1 : 0;
    case Operator::both:
      return a != 0 && b != 0 ? 1 : 0;
    case Operator::less:
      return a < b ? 1 : 0;
    case Operator::less_equal:
      return a <= b ? 1 : 0;
    case Operator::greater:
      return a > b ? 1 : 0;
    case Operator::greater_equal:
      return a >= b ? 1 : 0;
    case Operator::equal:
      return a == b ? 1 : 0;
    case Operator::not_equal:
      return a != b ? 1 : 0;
    case Operator::add:
      return a + b;
    case Operator::subtract:
      return a - b;
    case Operator::multiply:
      return a * b;
    case Operator::divide:
      return a / b;
    case Operator::remainder:
      return std::fmod(a, b);
    case Operator::negate:
      return -a;
    case Operator::negation:
      return a == 0 ? 1 : 0;
    case Operator::min:
      return *std::ranges::min_element(operands);
    case Operator::max:
      return *std::ranges::max_element(operands);
    case Operator::abs:
      return std::abs(a);
    case Operator::ceil:
      return std::ceil(a);
    case Operator::floor:
      return std::floor(a);
    case Operator::round:
      return std::round(a);
    case Operator::clamp:
      return std::min(std::max(a, b), operands[2]);
    case Operator::number:
    case Operator::name:
    case Operator::choose:
    case Operator::otherwise:
      break;
  }
  return 0;
}

}  // namespace weir
