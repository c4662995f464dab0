// See terminal.hpp: by ncurses, with wide characters.
#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <clocale>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "terminal.hpp"

// Last, since it has macros of its own.
#define NCURSES_NOMACROS
#define NCURSES_WIDECHAR 1
#include <curses.h>

namespace copg::tools {
namespace {

constexpr int escape_delay_ms = 25;
constexpr int escape_key = 27;
constexpr int delete_key = 127;
constexpr int control_h = 8;
constexpr int control_l = 12;

void refuse(const std::string& why) { throw std::invalid_argument(why + ": use copg top --once"); }

/// Pairs of colours, by their tone.
enum ColourPair : short { pair_good = 1, pair_warning, pair_bad, pair_title };

class CursesTerminal final : public Terminal {
 public:
  CursesTerminal() {
    std::setlocale(LC_ALL, "");
    if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1)
      refuse("standard input and output are not a terminal");
    // initscr ends the program if it does not know the terminal.
    const char* name = std::getenv("TERM");
    if (name == nullptr || *name == '\0') refuse("TERM does not say what terminal this is");
    screen_ = ::newterm(nullptr, stdout, stdin);
    if (screen_ == nullptr) refuse("the terminal '" + std::string(name) + "' is not known");
    ::set_term(screen_);
    if (::tigetstr(const_cast<char*>("cup")) == nullptr) {  // NOLINT(cppcoreguidelines-pro-type-const-cast)
      give_back();
      refuse("the terminal '" + std::string(name) + "' can't move its cursor");
    }
    set_up();
  }
  ~CursesTerminal() override { give_back(); }

  [[nodiscard]] Charset charset() const override {
    return std::string(::nl_langinfo(CODESET)) == "UTF-8" ? Charset::utf8 : Charset::ascii;
  }

  [[nodiscard]] ScreenSize size() override {
    winsize now{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) == 0 && now.ws_row > 0 && now.ws_col > 0 &&
        (now.ws_row != ::getmaxy(stdscr) || now.ws_col != ::getmaxx(stdscr)))
      ::resizeterm(now.ws_row, now.ws_col);
    return {.lines = ::getmaxy(stdscr), .columns = ::getmaxx(stdscr)};
  }

  void draw(const std::vector<Line>& lines) override {
    ::werase(stdscr);
    int row = 0;
    for (const Line& line : lines) {
      ::wmove(stdscr, row++, 0);
      for (const Span& span : line) {
        ::wattrset(stdscr, static_cast<int>(look_of(span.tone)));
        ::waddnstr(stdscr, span.text.c_str(), static_cast<int>(span.text.size()));
      }
    }
    ::wrefresh(stdscr);
  }

  [[nodiscard]] std::optional<Key> key() override {
    for (;;) {
      const int code = ::wgetch(stdscr);
      if (code == ERR) return {};
      if (code == control_l) start_afresh();
      if (const std::optional<Key> known = key_of(code)) return known;
    }
  }

  void start_afresh() override { ::clearok(stdscr, TRUE); }

 private:
  void set_up() {
    ::cbreak();
    ::noecho();
    ::nonl();
    ::keypad(stdscr, TRUE);
    ::nodelay(stdscr, TRUE);
    ::set_escdelay(escape_delay_ms);
    ::curs_set(0);
    if (!::has_colors()) return;
    ::start_color();
    ::use_default_colors();
    ::init_pair(pair_good, COLOR_GREEN, -1);
    ::init_pair(pair_warning, COLOR_YELLOW, -1);
    ::init_pair(pair_bad, COLOR_RED, -1);
    ::init_pair(pair_title, COLOR_CYAN, -1);
    colours_ = true;
  }

  void give_back() {
    if (screen_ == nullptr) return;
    ::endwin();
    ::delscreen(screen_);
    screen_ = nullptr;
  }

  [[nodiscard]] attr_t coloured(ColourPair pair, attr_t otherwise) const {
    return colours_ ? static_cast<attr_t>(COLOR_PAIR(pair)) : otherwise;
  }

  [[nodiscard]] attr_t look_of(Tone tone) const {
    switch (tone) {
      case Tone::plain:
      case Tone::bar: return A_NORMAL;
      case Tone::dim: return A_DIM;
      case Tone::title: return coloured(pair_title, A_BOLD);
      case Tone::good: return coloured(pair_good, A_NORMAL);
      case Tone::warning: return coloured(pair_warning, A_BOLD);
      case Tone::bad: return coloured(pair_bad, A_NORMAL) | A_BOLD;
      case Tone::chosen: return A_REVERSE;
    }
    return A_NORMAL;
  }

  static std::optional<Key> key_of(int code) {
    switch (code) {
      case KEY_UP: return Key{.special = SpecialKey::up};
      case KEY_DOWN: return Key{.special = SpecialKey::down};
      case KEY_PPAGE: return Key{.special = SpecialKey::page_up};
      case KEY_NPAGE: return Key{.special = SpecialKey::page_down};
      case KEY_HOME: return Key{.special = SpecialKey::home};
      case KEY_END: return Key{.special = SpecialKey::end};
      case '\t': return Key{.special = SpecialKey::tab};
      case KEY_BTAB: return Key{.special = SpecialKey::back_tab};
      case '\r':
      case '\n':
      case KEY_ENTER: return Key{.special = SpecialKey::enter};
      case escape_key: return Key{.special = SpecialKey::escape};
      case KEY_BACKSPACE:
      case control_h:
      case delete_key: return Key{.special = SpecialKey::backspace};
      default: break;
    }
    std::optional<Key> key;
    if (code >= ' ' && code < delete_key) key.emplace().character = static_cast<char>(code);
    return key;
  }

  SCREEN* screen_ = nullptr;
  bool colours_ = false;
};

}  // namespace

std::unique_ptr<Terminal> open_terminal() { return std::make_unique<CursesTerminal>(); }

}  // namespace copg::tools
