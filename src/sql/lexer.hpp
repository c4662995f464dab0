// Splits SQL text into tokens as PostgreSQL's scanner does (scan.l, documentation 4.1), for versions 14
// to 18. It never allocates and never judges: what the server would refuse becomes some token too, and the
// server says what is wrong with it. tests/sql holds it against PostgreSQL's own scanner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace copg::sql {

enum class TokenKind : std::uint8_t {
  end,          ///< Nothing is left.
  word,         ///< A keyword, or a name without quotes.
  quoted_name,  ///< "name" or U&"name".
  string,       ///< 'x', E'x', B'1', X'1f', N'x', U&'x' with all its parts, or $tag$x$tag$.
  number,
  parameter,  ///< $1
  comment,    ///< Up to the end of its line, without it; or from /* to the */ that belongs to it.
  symbol,     ///< An operator of one character or more, or punctuation.
};

/// `lower` is in lower case; SQL's keywords are ASCII.
[[nodiscard]] constexpr bool is_word(std::string_view word, std::string_view lower) noexcept {
  if (word.size() != lower.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const char c = word[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != lower[i]) return false;
  }
  return true;
}

[[nodiscard]] constexpr bool is_any_of(std::string_view word,
                                       std::initializer_list<std::string_view> lower) noexcept {
  for (const std::string_view one : lower) {
    if (is_word(word, one)) return true;
  }
  return false;
}

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view text;  ///< As it stands in the SQL text, quotes and prefix included.

  /// False at the end of the text.
  constexpr explicit operator bool() const noexcept { return kind != TokenKind::end; }
  /// Of one character; NUL for anything else.
  [[nodiscard]] constexpr char symbol() const noexcept {
    return kind == TokenKind::symbol && text.size() == 1 ? text.front() : '\0';
  }
  [[nodiscard]] constexpr bool is(char character) const noexcept { return symbol() == character; }
  [[nodiscard]] constexpr bool is_word(std::string_view lower) const noexcept {
    return kind == TokenKind::word && sql::is_word(text, lower);
  }
};

/// Reads the tokens of a text from left to right. What is quoted or a comment and never ends reaches to the
/// end of the text. standard_conforming_strings is taken to be on.
class Lexer {
 public:
  /// The text must outlive the lexer and its tokens. `at`: where to begin, outside of quotes and comments.
  explicit Lexer(std::string_view sql, std::size_t at = 0) noexcept : sql_(sql), at_(at) {}

  /// White space is skipped.
  Token next() noexcept;
  /// Comments are skipped too.
  Token next_but_comments() noexcept;

 private:
  enum class Quoting : std::uint8_t { plain, doubled, backslashes };

  [[nodiscard]] char peek(std::size_t ahead = 0) const noexcept {
    return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0';
  }
  [[nodiscard]] bool comes(char first, char second) const noexcept {
    return peek() == first && peek(1) == second;
  }
  void skip(int any_of) noexcept;
  TokenKind take() noexcept;
  TokenKind take_word() noexcept;
  TokenKind take_string(Quoting quoting) noexcept;
  TokenKind take_quoted_name() noexcept;
  TokenKind take_dollar() noexcept;
  TokenKind take_number() noexcept;
  TokenKind take_line_comment() noexcept;
  TokenKind take_block_comment() noexcept;
  TokenKind take_symbol() noexcept;
  void skip_quoted(char quote, Quoting quoting) noexcept;
  bool find_next_part() noexcept;
  bool skip_digits() noexcept;

  std::string_view sql_;
  std::size_t at_;
};

/// Of $1: 1. 0 if no parameter can have the number.
[[nodiscard]] int parameter_number(std::string_view parameter) noexcept;

/// It would belong to a word in front of it, or to a number.
[[nodiscard]] bool continues_word(char c) noexcept;

/// From `at` on, letters, digits and underscores, whatever they stand in: the inside of a string has words
/// too. Empty at the end. Leads `at` behind it.
[[nodiscard]] std::string_view next_word(std::string_view text, std::size_t& at) noexcept;

/// Whether `list`, a text of lower-case words, has the word.
[[nodiscard]] bool has_word(std::string_view list, std::string_view word) noexcept;

}  // namespace copg::sql
