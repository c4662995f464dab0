// Texts put together at random from what means something to a scanner of SQL. The same seed gives the same
// texts.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace copg::sql {

class MadeUpText {
 public:
  explicit MadeUpText(std::uint32_t seed) : random_(seed) {}

  std::string next() {
    std::string text;
    for (std::size_t parts = random_() % 14; parts > 0; --parts) text += pieces[random_() % pieces.size()];
    return text;
  }

 private:
  static constexpr std::array<std::string_view, 76> pieces = {
      "'",   "'",  "'",  "''", "\"", "\"",  "\\",  "\\'",   "E'",     "e'",  "U&'",  "u&\"", "B'",
      "x'",  "N'", "$",  "$$", "$$", "$a$", "$a$", "$1",    "$12",    "a$",  "é",    "--",   "-- a",
      "/*",  "*/", "/*", "*/", "\n", "\n",  "\r",  "\r\n",  " ",      " ",   "\t",   ";",    ";",
      "(",   ")",  "[",  "]",  ",",  ".",   "..",  ":",     "::",     ":=",  "=",    "=>",   "<=",
      "<>",  "!=", "+",  "-",  "@",  "%",   "|",   "*",     "0",      "1",   "1.5",  "1e5",  "0x1F",
      "1_0", "_",  "2",  "e",  "E",  "n",   "a",   "BEGIN", "SELECT", "END", "CASE",
  };
  std::mt19937 random_;
};

}  // namespace copg::sql
