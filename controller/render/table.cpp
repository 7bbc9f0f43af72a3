#include "controller/render/table.h"

#include <algorithm>
#include <cstddef>

namespace weir {
namespace {

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

std::vector<std::size_t> widths_of(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t column = 0; column < row.size(); ++column) widths[column] = std::max(widths[column], width_of(row[column]));
  }
  return widths;
}

std::string line_of(const std::vector<std::string>& row, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t column = 0; column < row.size(); ++column) {
    line += row[column];
    line.append(widths[column] - width_of(row[column]) + 2, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

std::string Table::text(const std::string& indent, const std::string& heading, const std::string& plain) const {
  const std::vector<std::size_t> widths = widths_of(rows_);
  std::string text = indent + heading + line_of(rows_.front(), widths) + plain + "\n";
  for (std::size_t row = 1; row < rows_.size(); ++row) text += indent + line_of(rows_[row], widths) + "\n";
  return text;
}

std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char character) { return static_cast<unsigned char>(character) < 0x20 || character == 0x7F; }, ' ');
  return text;
}

}  // namespace weir
