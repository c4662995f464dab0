// What copg top shows of a picture, and what its keys do to it. Nothing here knows a terminal.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "picture.hpp"

namespace copg::tools {

/// Keys that are no characters.
enum class SpecialKey : std::uint8_t {
  up,
  down,
  page_up,
  page_down,
  home,
  end,
  tab,
  back_tab,
  enter,
  escape,
  backspace
};

struct Key {
  std::optional<SpecialKey> special{};
  char character = 0;  ///< ASCII; if it is not a special key.
};

struct ScreenSize {
  int lines = 24;
  int columns = 80;
};

class View {
 public:
  View(double interval_s, bool texts, Charset charset)
      : interval_s_(interval_s), texts_(texts), charset_(charset) {}

  /// Returns whether to go on: false for the key that ends the program.
  bool press(Key key);
  /// While it is paused, the picture stays as it is.
  void show(Picture picture);

  /// Exactly `size.lines` lines, none wider than the screen.
  [[nodiscard]] std::vector<Line> compose(ScreenSize size);

  [[nodiscard]] bool paused() const { return paused_; }
  [[nodiscard]] double interval_s() const { return interval_s_; }

 private:
  struct Order {
    std::size_t column = 0;
    bool descending = false;
  };

  bool press_character(char character);
  void press_while_typing(Key key);
  void press_special(SpecialKey key);
  void move(std::ptrdiff_t rows);
  void choose_pane(std::size_t pane);
  void change_interval(double factor);
  void sort_by_next(int direction);
  [[nodiscard]] Order& order();
  /// The present pane's rows, as they are shown.
  [[nodiscard]] Table rows_shown();

  [[nodiscard]] Line head_line(int columns) const;
  [[nodiscard]] Line tab_line() const;
  [[nodiscard]] Line foot_line(std::size_t rows) const;
  void append_help(std::vector<Line>& lines) const;
  void append_details(std::vector<Line>& lines, int columns);
  void append_summary(std::vector<Line>& lines, ScreenSize size) const;
  void append_rows(std::vector<Line>& lines, ScreenSize size);

  Picture picture_{};
  double interval_s_;
  bool texts_;
  Charset charset_;
  bool paused_ = false;
  bool help_ = false;
  bool details_ = false;
  bool typing_ = false;
  std::string filter_{};
  std::size_t pane_ = 0;
  std::size_t chosen_ = 0;                 ///< Row of the present pane.
  std::size_t first_ = 0;                  ///< Row of the present pane that is shown on top.
  std::size_t page_ = 1;                   ///< Rows that there was room for.
  std::map<std::string, Order> orders_{};  ///< By the pane's name; of those that were changed.
};

}  // namespace copg::tools
