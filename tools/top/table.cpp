// See table.hpp.
#include "table.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <ctime>
#include <utility>

#include "sort_keeping_order.hpp"

namespace copg::tools {
namespace {

constexpr std::string_view gap = "  ";
constexpr int least_width = 8;  // of a last column that is cut

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

bool comes_before(const Cell& a, const Cell& b) {
  if (a.rank || b.rank) return a.rank.value_or(-1) < b.rank.value_or(-1);
  return a.text < b.text;
}

Tone tone_of_state(char letter) {
  switch (letter) {
    case 'L': return Tone::warning;
    case 'i': return Tone::good;
    case 'c':
    case 'r':
    case 'k': return Tone::title;
    case 'x': return Tone::bad;
    default: return Tone::dim;
  }
}

void append_bar(Line& line, std::string_view letters) {
  for (const char letter : letters) {
    const Tone tone = tone_of_state(letter);
    if (line.empty() || line.back().tone != tone) line.push_back({.tone = tone});
    line.back().text += letter;
  }
}

void append_cell(Line& line, const Cell& cell, const std::string& text, int width, bool to_the_right,
                 bool last) {
  const int missing = std::max(0, width - width_of(text));
  const std::string padding(static_cast<std::size_t>(missing), ' ');
  if (to_the_right) line.push_back({padding});
  if (cell.tone == Tone::bar) {
    append_bar(line, text);
  } else {
    line.push_back({text, cell.tone});
  }
  if (!to_the_right && !last) line.push_back({padding});
}

std::string head_of(const Column& column, bool marked, bool descending) {
  return marked ? column.title + (descending ? " v" : " ^") : column.title;
}

}  // namespace

Cell text_cell(std::string_view text, Tone tone) { return {.text = std::string(text), .tone = tone}; }

Cell count_cell(std::uint64_t count, Tone tone) {
  return {.text = std::to_string(count), .rank = static_cast<double>(count), .tone = tone};
}

std::string time_text(double seconds) {
  constexpr double minute = 60;
  constexpr double hour = 60 * minute;
  constexpr double day = 24 * hour;
  if (!std::isfinite(seconds) || seconds < 0) return "0 ms";
  if (seconds >= 2 * day) return fmt::format("{:.0f} d", std::floor(seconds / day));
  if (seconds >= hour)
    return fmt::format("{:.0f} h {:.0f} min", std::floor(seconds / hour),
                       std::floor(std::fmod(seconds, hour) / minute));
  if (seconds >= 2 * minute)
    return fmt::format("{:.0f} min {:.0f} s", std::floor(seconds / minute),
                       std::floor(std::fmod(seconds, minute)));
  if (seconds >= 1) return fmt::format("{:.1f} s", seconds);
  if (seconds >= 0.01) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds >= 1e-4) return fmt::format("{:.1f} ms", seconds * 1e3);
  return fmt::format("{:.0f} us", seconds * 1e6);
}

Cell time_cell(std::optional<double> seconds, Tone tone) {
  if (!seconds) return {.rank = -1, .tone = tone};
  return {.text = time_text(*seconds), .rank = *seconds, .tone = tone};
}

Cell clock_cell(double moment) {
  if (!(moment > 0 && moment < 1e11)) return {.rank = 0};
  const auto seconds = static_cast<std::time_t>(moment);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return {.text = fmt::format("{:%H:%M:%S}", local), .rank = moment, .tone = Tone::dim};
}

Table without_column(Table table, std::string_view title) {
  const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                  [&](const Column& column) { return column.title == title; });
  if (found == table.columns.end()) return table;
  const std::ptrdiff_t at = found - table.columns.begin();
  table.columns.erase(found);
  for (auto& row : table.rows) row.erase(row.begin() + at);
  if (std::cmp_greater(table.sort_column, at)) --table.sort_column;
  return table;
}

Table with_texts(Table table, bool texts) {
  if (texts) return table;
  const std::vector<Column> columns = table.columns;
  for (const Column& column : columns)
    if (column.text_of_others) table = without_column(std::move(table), column.title);
  return table;
}

Table filtered(Table table, std::string_view needle) {
  const std::string wanted = lower(needle);
  std::erase_if(table.rows, [&](const std::vector<Cell>& row) {
    return std::none_of(row.begin(), row.end(),
                        [&](const Cell& cell) { return lower(cell.text).find(wanted) != std::string::npos; });
  });
  return table;
}

Table sorted(Table table, std::size_t column, bool descending) {
  if (column >= table.columns.size()) return table;
  sort_keeping_order(table.rows, [&](const auto& a, const auto& b) {
    return descending ? comes_before(b[column], a[column]) : comes_before(a[column], b[column]);
  });
  return table;
}

std::vector<Line> lay_out(const Table& table, int width, Charset charset, std::optional<std::size_t> marked,
                          bool descending) {
  const std::size_t count = table.columns.size();
  std::vector<std::string> heads;
  std::vector<int> widths;
  for (std::size_t column = 0; column < count; ++column) {
    heads.push_back(head_of(table.columns[column], marked == column, descending));
    widths.push_back(width_of(heads.back()));
  }
  std::vector<std::vector<std::string>> texts;
  for (const auto& row : table.rows) {
    auto& line = texts.emplace_back();
    for (std::size_t column = 0; column < count; ++column) {
      line.push_back(harmless(row[column].text, charset));
      widths[column] = std::max(widths[column], width_of(line.back()));
    }
  }
  if (width > 0 && count > 0) {
    int used = 0;
    for (std::size_t column = 0; column + 1 < count; ++column)
      used += widths[column] + static_cast<int>(gap.size());
    widths.back() = std::min(widths.back(), std::max(width - used, least_width));
  }
  const auto line_of = [&](const std::vector<Cell>& cells, const std::vector<std::string>& row) {
    Line line;
    for (std::size_t column = 0; column < count; ++column) {
      if (column > 0) line.push_back({std::string(gap)});
      append_cell(line, cells[column], cut_to(row[column], widths[column], charset), widths[column],
                  table.columns[column].to_the_right, column + 1 == count);
    }
    return line;
  };
  std::vector<Line> lines;
  lines.push_back(line_of(std::vector<Cell>(count, Cell{.tone = Tone::title}), heads));
  for (std::size_t row = 0; row < texts.size(); ++row) lines.push_back(line_of(table.rows[row], texts[row]));
  return lines;
}

std::vector<Line> lay_out_row(const Table& table, std::size_t row, int width, Charset charset) {
  std::vector<Line> lines;
  int widest = 0;
  for (const Column& column : table.columns) widest = std::max(widest, width_of(column.title));
  const int indent = widest + static_cast<int>(gap.size());
  const int room = std::max(width - indent, least_width);
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    const Cell& cell = table.rows[row][column];
    const std::string& title = table.columns[column].title;
    std::string text = harmless(cell.text, charset);
    std::string head = title + std::string(static_cast<std::size_t>(indent - width_of(title)), ' ');
    do {
      // What is cut off ends with a sign of its own, which is none of the text's.
      std::string part = cut_to(text, room, charset);
      if (part.size() != text.size() || part != text) {
        const std::size_t mark = charset == Charset::ascii ? 1 : std::string_view("…").size();
        part.resize(part.size() - mark);
      }
      if (part.empty() && !text.empty()) break;
      text.erase(0, part.size());
      lines.push_back({{head, Tone::title}, {part, cell.tone == Tone::bar ? Tone::plain : cell.tone}});
      head.assign(static_cast<std::size_t>(indent), ' ');
    } while (!text.empty());
  }
  return lines;
}

std::string plain_text(const Line& line) {
  std::string result;
  for (const Span& span : line) result += span.text;
  result.erase(result.find_last_not_of(' ') + 1);
  return result;
}

}  // namespace copg::tools
