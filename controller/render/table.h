#pragma once

#include <string>
#include <vector>

namespace weir {

/// Rows of cells, aligned when printed. Widths count characters, not bytes.
class Table {
 public:
  /// Cells of the first row are the headings.
  explicit Table(std::vector<std::string> headings) { rows_.push_back(std::move(headings)); }
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] bool empty() const { return rows_.size() == 1; }
  /// Every line begins with `indent`; the last column is not padded. `heading` and `plain` are written around the first row.
  [[nodiscard]] std::string text(const std::string& indent, const std::string& heading, const std::string& plain) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Foreign text made safe for a terminal: control characters, line ends among them, become blanks.
[[nodiscard]] std::string printable(std::string text);

}  // namespace weir
