// Tables as copg top shows them: what is in them, sorted, filtered, and laid out in columns. Nothing here
// knows a terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harmless_text.hpp"

namespace copg::tools {

/// How a text looks.
enum class Tone : std::uint8_t {
  plain,
  dim,
  title,
  good,
  warning,  ///< Worth a look.
  bad,      ///< Something is wrong.
  chosen,   ///< The row or the tab that keys are about.
  bar,      ///< Of a cell: one letter for each connection, each in the tone of its state.
};

struct Span {
  std::string text{};
  Tone tone = Tone::plain;
};
using Line = std::vector<Span>;

struct Cell {
  std::string text{};
  std::optional<double> rank{};  ///< To sort by; nothing: by the text.
  Tone tone = Tone::plain;
};

struct Column {
  std::string title{};
  bool to_the_right = false;
  bool text_of_others = false;  ///< A statement or a message, which can be left out.
};

struct Table {
  std::vector<Column> columns{};
  std::vector<std::vector<Cell>> rows{};
  std::size_t sort_column = 0;  ///< Unless somebody wants it otherwise.
  bool descending = false;
};

/// Cells of what is often shown.
Cell text_cell(std::string_view text, Tone tone = Tone::plain);
Cell count_cell(std::uint64_t count, Tone tone = Tone::plain);
/// Seconds; the unit is chosen: "1.2 ms", "3.4 s", "2 min 5 s". Nothing: an empty cell.
Cell time_cell(std::optional<double> seconds, Tone tone = Tone::plain);
/// The time of day here of a moment in seconds since 1970; 0: an empty cell.
Cell clock_cell(double moment);
std::string time_text(double seconds);

/// The table without the column of that title, which must not be the one that it is sorted by.
Table without_column(Table table, std::string_view title);
/// The table without columns of others' texts, if `texts` is false.
Table with_texts(Table table, bool texts);
/// The rows in one of whose cells `needle` is found, whatever its case; empty: all.
Table filtered(Table table, std::string_view needle);
/// Rows that are equal keep their order.
Table sorted(Table table, std::size_t column, bool descending);

/// The heads of the columns, and one line for each row. Only the last column is cut to `width`, unless there
/// is no room for the others. A width of 0: as wide as it must be. `marked`: the column whose head shows that
/// it is sorted by.
std::vector<Line> lay_out(const Table& table, int width, Charset charset,
                          std::optional<std::size_t> marked = {}, bool descending = false);
/// One row of a table with the texts whole: a line for each column, broken into several at `width`.
std::vector<Line> lay_out_row(const Table& table, std::size_t row, int width, Charset charset);

/// The line as a text, for what has no colours.
std::string plain_text(const Line& line);

}  // namespace copg::tools
