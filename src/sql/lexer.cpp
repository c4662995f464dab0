// The rules in the order of scan.l. Where versions differ (1_000 and 0x1F are numbers since 16, and errors or
// two tokens before it), the newer rule holds.
#include "sql/lexer.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace copg::sql {
namespace {

enum : std::uint8_t { space = 1, newline = 2, digit = 4, word_start = 8, operator_char = 16, dollar = 32 };

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (std::size_t c = 0x80; c < classes.size(); ++c) classes[c] = word_start;
  const auto mark = [&](std::string_view characters, int as) {
    for (const char c : characters) classes[static_cast<unsigned char>(c)] |= static_cast<std::uint8_t>(as);
  };
  mark(" \t\n\r\f\v", space);
  mark("\n\r", newline);
  mark("0123456789", digit);
  mark("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_", word_start);
  mark("~!@#^&|`?+-*/%<>=", operator_char);
  mark("$", dollar);
  return classes;
}
constexpr std::array<std::uint8_t, 256> classes = make_classes();

constexpr bool is(char c, int any_of) noexcept {
  return (classes[static_cast<unsigned char>(c)] & any_of) != 0;
}

/// An operator may end in + or - only if one of these is in it.
constexpr std::string_view signs_may_follow = "~!@#^&|`?%";

}  // namespace

/// In registers: what is written to a member would be read again for each character.
void Lexer::skip(int any_of) noexcept {
  const char* const text = sql_.data();
  const std::size_t size = sql_.size();
  std::size_t at = at_;
  while (at < size && is(text[at], any_of)) ++at;
  at_ = at;
}

Token Lexer::next() noexcept {
  skip(space);
  const std::size_t begin = at_;
  const TokenKind kind = take();
  return {kind, {sql_.data() + begin, at_ - begin}};
}

Token Lexer::next_but_comments() noexcept {
  for (;;) {
    const Token token = next();
    if (token.kind != TokenKind::comment) return token;
  }
}

TokenKind Lexer::take() noexcept {
  if (at_ >= sql_.size()) return TokenKind::end;
  const char c = sql_[at_];
  if (is(c, word_start)) return take_word();
  if (is(c, digit) || (c == '.' && is(peek(1), digit))) return take_number();
  switch (c) {
    case '\'': return take_string(Quoting::doubled);
    case '"': return take_quoted_name();
    case '$': return take_dollar();
    case '-': return peek(1) == '-' ? take_line_comment() : take_symbol();
    case '/': return peek(1) == '*' ? take_block_comment() : take_symbol();
    default: return take_symbol();
  }
}

TokenKind Lexer::take_word() noexcept {
  const std::size_t begin = at_;
  skip(word_start | digit | dollar);
  if (at_ - begin > 1) return TokenKind::word;
  // A prefix of one letter, which belongs to the quote that follows at once.
  const char next = peek();
  switch (sql_[begin]) {
    case 'e':
    case 'E': return next == '\'' ? take_string(Quoting::backslashes) : TokenKind::word;
    case 'b':
    case 'B':
    case 'x':
    case 'X': return next == '\'' ? take_string(Quoting::plain) : TokenKind::word;
    case 'n':
    case 'N': return next == '\'' ? take_string(Quoting::doubled) : TokenKind::word;
    case 'u':
    case 'U':
      if (next != '&' || (peek(1) != '\'' && peek(1) != '"')) return TokenKind::word;
      ++at_;
      return peek() == '"' ? take_quoted_name() : take_string(Quoting::doubled);
    default: return TokenKind::word;
  }
}

TokenKind Lexer::take_string(Quoting quoting) noexcept {
  do skip_quoted('\'', quoting);
  while (find_next_part());
  return TokenKind::string;
}

TokenKind Lexer::take_quoted_name() noexcept {
  skip_quoted('"', Quoting::doubled);
  return TokenKind::quoted_name;
}

/// From the opening quote to behind the closing one.
void Lexer::skip_quoted(char quote, Quoting quoting) noexcept {
  const char* const text = sql_.data();
  const std::size_t size = sql_.size();
  std::size_t at = at_ + 1;
  for (; at < size; ++at) {
    if (text[at] == '\\' && quoting == Quoting::backslashes) {
      ++at;
    } else if (text[at] == quote) {
      if (quoting == Quoting::plain || at + 1 >= size || text[at + 1] != quote) break;
      ++at;
    }
  }
  at_ = std::min(at + 1, size);
}

/// A string goes on where the next quote stands on another line, with nothing but white space and line
/// comments between them ({quotecontinue} in scan.l). Leads there, or changes nothing.
bool Lexer::find_next_part() noexcept {
  const std::size_t behind = at_;
  for (bool on_another_line = false;;) {
    if (is(peek(), space)) {
      on_another_line = on_another_line || is(peek(), newline);
      ++at_;
    } else if (comes('-', '-')) {
      take_line_comment();
    } else {
      if (on_another_line && peek() == '\'') return true;
      at_ = behind;
      return false;
    }
  }
}

TokenKind Lexer::take_dollar() noexcept {
  ++at_;
  if (skip_digits()) return TokenKind::parameter;
  std::size_t end = at_;
  while (end < sql_.size() && is(sql_[end], word_start | digit)) ++end;
  if (end == sql_.size() || sql_[end] != '$') return TokenKind::symbol;
  const std::string_view tag = sql_.substr(at_ - 1, end + 2 - at_);
  const std::size_t close = sql_.find(tag, end + 1);
  at_ = close == std::string_view::npos ? sql_.size() : close + tag.size();
  return TokenKind::string;
}

bool Lexer::skip_digits() noexcept {
  const std::size_t begin = at_;
  while (is(peek(), digit) || (at_ > begin && peek() == '_' && is(peek(1), digit))) ++at_;
  return at_ > begin;
}

TokenKind Lexer::take_number() noexcept {
  if (peek() == '0' && std::string_view("xXoObB").find(peek(1)) != std::string_view::npos &&
      is(peek(2), word_start | digit)) {
    at_ += 2;
    skip(word_start | digit);
    return TokenKind::number;
  }
  skip_digits();
  if (peek() == '.' && peek(1) != '.') {  // 1..2: a range of PL/pgSQL
    ++at_;
    skip_digits();
  }
  if (peek() == 'e' || peek() == 'E') {
    const std::size_t before = at_++;
    if (peek() == '+' || peek() == '-') ++at_;
    if (!skip_digits()) at_ = before;
  }
  return TokenKind::number;
}

TokenKind Lexer::take_line_comment() noexcept {
  at_ = std::min(sql_.find_first_of("\n\r", at_), sql_.size());
  return TokenKind::comment;
}

TokenKind Lexer::take_block_comment() noexcept {
  int depth = 0;
  while (at_ < sql_.size()) {
    if (comes('/', '*')) {
      ++depth;
      at_ += 2;
    } else if (comes('*', '/')) {
      at_ += 2;
      if (--depth == 0) break;
    } else {
      ++at_;
    }
  }
  return TokenKind::comment;
}

TokenKind Lexer::take_symbol() noexcept {
  const std::size_t begin = at_++;
  const char first = sql_[begin];
  if (!is(first, operator_char)) {
    const char second = peek();
    if ((first == ':' && (second == ':' || second == '=')) || (first == '.' && second == '.')) ++at_;
    return TokenKind::symbol;
  }
  while (is(peek(), operator_char) && !comes('-', '-') && !comes('/', '*')) ++at_;
  if (at_ - begin == 1) return TokenKind::symbol;
  const std::string_view whole = sql_.substr(begin, at_ - begin);
  if (whole.find_first_of(signs_may_follow) == std::string_view::npos) {
    while (at_ - begin > 1 && (sql_[at_ - 1] == '+' || sql_[at_ - 1] == '-')) --at_;
  }
  return TokenKind::symbol;
}

int parameter_number(std::string_view parameter) noexcept {
  int number = 0;
  std::from_chars(parameter.data() + 1, parameter.data() + parameter.size(), number);
  return number;
}

bool continues_word(char c) noexcept { return is(c, word_start | digit | dollar); }

std::string_view next_word(std::string_view text, std::size_t& at) noexcept {
  const auto in_word = [text](std::size_t i) { return is(text[i], word_start | digit); };
  while (at < text.size() && !in_word(at)) ++at;
  const std::size_t begin = at;
  while (at < text.size() && in_word(at)) ++at;
  return text.substr(begin, at - begin);
}

bool has_word(std::string_view list, std::string_view word) noexcept {
  std::size_t at = 0;
  for (std::string_view one = next_word(list, at); !one.empty(); one = next_word(list, at)) {
    if (is_word(word, one)) return true;
  }
  return false;
}

}  // namespace copg::sql
