// One pass over the characters; a byte that continues a character of UTF-8 counts for nothing.
#include "error/shown_sql.hpp"

#include <algorithm>
#include <cstddef>

namespace copg {
namespace {

constexpr bool continues_character(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}
constexpr bool is_blank(char c) noexcept { return static_cast<unsigned char>(c) <= ' '; }

/// Where the text's `n`th character begins, counted from 0; the end if it has no more than `n`.
std::size_t offset_of(std::string_view text, int n) noexcept {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (continues_character(text[at])) continue;
    if (n-- == 0) break;
  }
  return at;
}

int characters_in(std::string_view text) noexcept {
  return static_cast<int>(std::ranges::count_if(text, [](char c) { return !continues_character(c); }));
}

std::string_view last_characters(std::string_view text, int count) noexcept {
  return text.substr(offset_of(text, characters_in(text) - count));
}

}  // namespace

std::string on_one_line(std::string_view sql) {
  std::string line;
  int characters = 0;
  for (const char c : sql) {
    if (is_blank(c)) {
      if (line.empty() || line.back() == ' ') continue;
      line += ' ';
    } else {
      line += c;
    }
    if (continues_character(c) || ++characters <= shown_characters + 1) continue;
    break;  // no further look at what may be a gigabyte
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  if (characters_in(line) <= shown_characters) return line;
  return line.substr(0, offset_of(line, shown_characters - 3)) + "...";
}

std::size_t byte_of(std::string_view sql, int position) noexcept {
  if (position < 1) return std::string_view::npos;
  const std::size_t at = offset_of(sql, position - 1);
  const bool inside = at < sql.size() || characters_in(sql) == position - 1;
  return inside ? at : std::string_view::npos;
}

int character_at(std::string_view sql, std::size_t byte) noexcept {
  const std::string_view head = sql.substr(0, byte);
  const bool begins = byte >= sql.size() || !continues_character(sql[byte]);
  return characters_in(head) + (begins ? 1 : 0);
}

std::string pointed_at(std::string_view sql, int position) {
  constexpr int before = 60;
  constexpr int after = 30;
  const std::size_t at = byte_of(sql, position);
  if (at == std::string_view::npos) return {};
  const std::string_view head = sql.substr(0, at);
  const std::size_t line_begin = head.rfind('\n') + 1;  // npos + 1 is 0
  const std::string_view rest = sql.substr(at, sql.find('\n', at) - at);

  std::string text = "LINE " + std::to_string(std::ranges::count(head, '\n') + 1) + ": ";
  std::string_view left = head.substr(line_begin);
  if (characters_in(left) > before) {
    left = last_characters(left, before);
    text += "...";
  }
  text += left;
  const auto column = static_cast<std::size_t>(characters_in(text));
  const std::size_t shown = offset_of(rest, after);
  text += rest.substr(0, shown);
  if (shown < rest.size()) text += "...";
  std::ranges::replace_if(text, is_blank, ' ');
  while (text.back() == ' ') text.pop_back();
  return text + '\n' + std::string(column, ' ') + '^';
}

}  // namespace copg
