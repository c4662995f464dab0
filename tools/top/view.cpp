// See view.hpp.
#include "view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace copg::tools {
namespace {

constexpr double least_interval_s = 0.1;
constexpr double longest_interval_s = 60;
constexpr std::size_t most_remarks = 4;

constexpr std::array help_text{
    std::string_view("q, Ctrl-C      end"),
    std::string_view(
        "Tab, 1 to 4    the next table, or the table with that number; Shift-Tab: the one before"),
    std::string_view("up, down, PgUp, PgDn, Home, End    move; j and k as well"),
    std::string_view("Enter          the whole row; again, or Esc: back"),
    std::string_view("< and >        sort by the column to the left or to the right"),
    std::string_view("r              sort the other way round"),
    std::string_view("/              show only rows with a text; Enter keeps it, Esc takes it away"),
    std::string_view("t              statements and messages on or off"),
    std::string_view("p, Space       pause, and go on"),
    std::string_view("+ and -        look more rarely, or more often"),
    std::string_view("h, ?           this help, and back"),
    std::string_view(""),
    std::string_view("One letter stands for each connection:"),
    std::string_view("L leased  i idle  c connecting  r resetting  k checking  x closing  . may be opened"),
};

bool ends_help(Key key) {
  return key.special == SpecialKey::escape || key.character == 'h' || key.character == '?' ||
         key.character == 'q';
}

/// The line, cut and filled up to `columns` places.
Line fitted(const Line& line, int columns, Charset charset) {
  Line result;
  int left = columns;
  for (const Span& span : line) {
    if (left <= 0) break;
    std::string text = cut_to(span.text, left, charset);
    left -= width_of(text);
    result.push_back({std::move(text), span.tone});
  }
  return result;
}

/// A row that is chosen shows it from edge to edge.
Line chosen(const Line& line, int columns) {
  std::string text;
  for (const Span& span : line) text += span.text;
  const int missing = std::max(0, columns - width_of(text));
  return {{text + std::string(static_cast<std::size_t>(missing), ' '), Tone::chosen}};
}

}  // namespace

void View::show(Picture picture) {
  if (paused_) return;
  picture_ = std::move(picture);
  for (Line& remark : picture_.remarks)
    for (Span& span : remark) span.text = harmless(span.text, charset_);
  if (pane_ >= picture_.panes.size()) choose_pane(0);
}

bool View::press(Key key) {
  if (typing_) {
    press_while_typing(key);
    return true;
  }
  if (help_) {
    if (ends_help(key)) help_ = false;
    return true;
  }
  if (key.special) {
    press_special(*key.special);
    return true;
  }
  return press_character(key.character);
}

void View::press_while_typing(Key key) {
  if (key.special == SpecialKey::enter) {
    typing_ = false;
  } else if (key.special == SpecialKey::escape) {
    typing_ = false;
    filter_.clear();
  } else if (key.special == SpecialKey::backspace) {
    if (!filter_.empty()) filter_.pop_back();
  } else if (!key.special && key.character >= ' ') {
    filter_ += key.character;
  }
  chosen_ = 0;
}

bool View::press_character(char character) {
  if (character == 'q') {
    if (!details_) return false;
    details_ = false;
  }
  if (character >= '1' && character <= '9') choose_pane(static_cast<std::size_t>(character - '1'));
  if (character == 'h' || character == '?') help_ = true;
  if (character == 'p' || character == ' ') paused_ = !paused_;
  if (character == 't') texts_ = !texts_;
  if (character == '+') change_interval(2);
  if (character == '-') change_interval(0.5);
  if (character == '<') sort_by_next(-1);
  if (character == '>') sort_by_next(1);
  if (character == 'j') move(1);
  if (character == 'k') move(-1);
  if (character == 'r') {
    Order& present = order();
    present.descending = !present.descending;
  }
  if (character == '/') {
    typing_ = true;
    filter_.clear();
    details_ = false;
  }
  return true;
}

void View::press_special(SpecialKey key) {
  const auto page = static_cast<std::ptrdiff_t>(page_);
  const auto all = static_cast<std::ptrdiff_t>(rows_shown().rows.size());
  const std::size_t panes = std::max<std::size_t>(1, picture_.panes.size());
  switch (key) {
    case SpecialKey::up: return move(-1);
    case SpecialKey::down: return move(1);
    case SpecialKey::page_up: return move(-page);
    case SpecialKey::page_down: return move(page);
    case SpecialKey::home: return move(-all);
    case SpecialKey::end: return move(all);
    case SpecialKey::tab: return choose_pane((pane_ + 1) % panes);
    case SpecialKey::back_tab: return choose_pane((pane_ + panes - 1) % panes);
    case SpecialKey::enter: details_ = !details_ && all > 0; return;
    case SpecialKey::escape:
      if (!details_) filter_.clear();
      details_ = false;
      return;
    case SpecialKey::backspace: return;
  }
}

void View::move(std::ptrdiff_t rows) {
  const auto count = static_cast<std::ptrdiff_t>(rows_shown().rows.size());
  const std::ptrdiff_t last = std::max<std::ptrdiff_t>(0, count - 1);
  chosen_ = static_cast<std::size_t>(
      std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(chosen_) + rows, 0, last));
}

void View::choose_pane(std::size_t pane) {
  if (pane >= picture_.panes.size()) return;
  pane_ = pane;
  chosen_ = 0;
  first_ = 0;
  details_ = false;
}

void View::change_interval(double factor) {
  interval_s_ = std::clamp(interval_s_ * factor, least_interval_s, longest_interval_s);
}

View::Order& View::order() {
  const Pane& pane = picture_.panes.at(pane_);
  return orders_.try_emplace(pane.name, Order{pane.table.sort_column, pane.table.descending}).first->second;
}

void View::sort_by_next(int direction) {
  if (picture_.panes.empty()) return;
  const std::size_t columns = with_texts(picture_.panes[pane_].table, texts_).columns.size();
  Order& present = order();
  present.column =
      (std::min(present.column, columns - 1) + columns + (direction > 0 ? 1 : columns - 1)) % columns;
}

Table View::rows_shown() {
  if (picture_.panes.empty()) return {};
  const Order& present = order();
  Table table = filtered(with_texts(picture_.panes[pane_].table, texts_), filter_);
  return sorted(std::move(table), present.column, present.descending);
}

Line View::head_line(int columns) const {
  std::string right = paused_ ? "PAUSED  h: help" : fmt::format("every {:.3g} s  h: help", interval_s_);
  const std::string left = harmless("copg top  " + picture_.headline, charset_);
  const int missing = columns - width_of(left) - width_of(right);
  return {{left, Tone::title},
          {std::string(static_cast<std::size_t>(std::max(2, missing)), ' ')},
          {std::move(right), paused_ ? Tone::warning : Tone::dim}};
}

Line View::tab_line() const {
  Line line;
  for (std::size_t pane = 0; pane < picture_.panes.size(); ++pane) {
    const Pane& present = picture_.panes[pane];
    const std::uint64_t count = present.table.rows.size() + present.left_out;
    if (pane > 0) line.push_back({" "});
    line.push_back({fmt::format(" {}:{} {} ", pane + 1, present.name, count),
                    pane == pane_ ? Tone::chosen : Tone::plain});
  }
  return line;
}

Line View::foot_line(std::size_t rows) const {
  if (typing_) return {{"/" + filter_ + "_", Tone::title}};
  Line line;
  if (!filter_.empty())
    line.push_back({fmt::format("only rows with \"{}\" (Esc: all)  ", filter_), Tone::title});
  if (!texts_) line.push_back({"texts are off (t)  ", Tone::dim});
  if (rows > page_)
    line.push_back(
        {fmt::format("{} to {} of {}  ", first_ + 1, std::min(first_ + page_, rows), rows), Tone::dim});
  return line;
}

void View::append_summary(std::vector<Line>& lines, ScreenSize size) const {
  const std::size_t room = static_cast<std::size_t>(std::max(2, size.lines / 3));
  std::vector<Line> summary = lay_out(picture_.summary, 0, charset_);
  const std::size_t rows = summary.size();
  if (rows > room + 1) {
    summary.resize(room);
    summary.push_back({{fmt::format("and {} more", rows - room), Tone::dim}});
  }
  if (rows > 1) lines.insert(lines.end(), summary.begin(), summary.end());
  const std::size_t remarks = std::min(most_remarks, picture_.remarks.size());
  lines.insert(lines.end(), picture_.remarks.begin(),
               picture_.remarks.begin() + static_cast<std::ptrdiff_t>(remarks));
  if (picture_.remarks.size() > remarks)
    lines.push_back({{fmt::format("and {} more remarks: copg top --once", picture_.remarks.size() - remarks),
                      Tone::dim}});
}

void View::append_rows(std::vector<Line>& lines, ScreenSize size) {
  const Table table = rows_shown();
  const Order& present = order();
  const std::size_t count = table.rows.size();
  const auto used = static_cast<int>(lines.size()) + 2;  // the heads of the columns, and the foot
  page_ = static_cast<std::size_t>(std::max(1, size.lines - used));
  chosen_ = std::min(chosen_, count > 0 ? count - 1 : 0);
  first_ = std::min(first_, count > page_ ? count - page_ : 0);
  if (chosen_ < first_) first_ = chosen_;
  if (chosen_ >= first_ + page_) first_ = chosen_ + 1 - page_;
  const std::vector<Line> rows = lay_out(table, size.columns, charset_, present.column, present.descending);
  lines.push_back(rows.front());
  for (std::size_t row = first_; row < std::min(count, first_ + page_); ++row)
    lines.push_back(row == chosen_ ? chosen(rows[row + 1], size.columns) : rows[row + 1]);
  if (count == 0)
    lines.push_back(
        {{filter_.empty() ? picture_.panes[pane_].when_empty : "No row has that text.", Tone::dim}});
}

void View::append_details(std::vector<Line>& lines, int columns) {
  const Table table = rows_shown();
  if (table.rows.empty()) return;
  chosen_ = std::min(chosen_, table.rows.size() - 1);
  for (Line& line : lay_out_row(table, chosen_, columns, charset_)) lines.push_back(std::move(line));
}

void View::append_help(std::vector<Line>& lines) const {
  for (const std::string_view line : help_text) lines.push_back({{std::string(line)}});
}

std::vector<Line> View::compose(ScreenSize size) {
  const auto height = static_cast<std::size_t>(std::max(1, size.lines));
  std::vector<Line> lines{head_line(size.columns)};
  std::size_t rows = 0;
  if (help_) {
    append_help(lines);
  } else if (!picture_.panes.empty()) {
    append_summary(lines, size);
    lines.push_back(tab_line());
    if (details_) {
      append_details(lines, size.columns);
    } else {
      append_rows(lines, size);
    }
    rows = rows_shown().rows.size();
  }
  lines.resize(std::max(height, std::size_t{2}) - 1);
  lines.push_back(help_ ? Line{} : foot_line(details_ ? 0 : rows));
  lines.resize(height);
  for (Line& line : lines) line = fitted(line, size.columns, charset_);
  return lines;
}

}  // namespace copg::tools
