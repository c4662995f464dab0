// The scanner behind text_traits: PostgreSQL's lexical rules (documentation 4.1), as psql applies them to
// find the end of a statement.
#include "pq/sql_text.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <utility>

namespace copg::pq {
namespace {

enum class Token { word, quoted, semicolon, open, close, other, end };

constexpr std::string_view line_ends = "\n\r";

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool starts_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
constexpr bool continues_word(char c) noexcept { return starts_word(c) || is_digit(c) || c == '$'; }

/// `upper` is in capitals.
constexpr bool is_word(std::string_view word, std::string_view upper) noexcept {
  if (word.size() != upper.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const char c = word[i];
    if ((c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c) != upper[i]) return false;
  }
  return true;
}

/// Words that stand before a parenthesis and change no parameter: keywords, types, and functions of every
/// day.
constexpr std::string_view harmless_words =
    " IN VALUES AND OR NOT WHERE FROM SELECT AS ON USING EXISTS ANY ALL SOME OVER BY WITH SET FILTER CASE "
    "WHEN THEN "
    "ELSE UNION CONFLICT LATERAL DISTINCT HAVING LIMIT OFFSET BETWEEN LIKE ARRAY ROW CAST NUMERIC VARCHAR "
    "COUNT SUM MIN "
    "MAX AVG COALESCE NULLIF GREATEST LEAST LOWER UPPER LENGTH SUBSTRING NOW ROUND ABS EXTRACT DATE_TRUNC "
    "TO_CHAR "
    "UNNEST STRING_AGG ARRAY_AGG GENERATE_SERIES ";

bool is_harmless(std::string_view word) noexcept {
  for (std::size_t at = 0; at + word.size() + 1 < harmless_words.size();) {
    const std::size_t end = harmless_words.find(' ', at + 1);
    if (end == std::string_view::npos) return false;
    if (is_word(word, harmless_words.substr(at + 1, end - at - 1))) return true;
    at = end;
  }
  return false;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) noexcept {
  return std::ranges::any_of(words, [&](std::string_view upper) { return is_word(word, upper); });
}

bool begins_or_ends(std::string_view word) noexcept {
  return is_one_of(word, {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "PREPARE"});
}

/// A statement that begins so returns no rows; INSERT and its like may with RETURNING. What a rule makes of
/// them, the server does not send in the extended protocol (PortalRunMulti in its pquery.c).
bool is_rowless(std::string_view word) noexcept {
  return is_one_of(word, {"INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "CREATE", "ALTER", "DROP",
                          "GRANT", "REVOKE", "COMMENT", "REFRESH", "SET", "DO"});
}

/// The names of the functions that take their time, or keep something, begin so.
bool waits_or_keeps(std::string_view word) noexcept {
  for (const std::string_view begin : {"PG_SLEEP", "PG_ADVISORY", "PG_TRY_ADVISORY"}) {
    if (is_word(word.substr(0, begin.size()), begin)) return true;
  }
  return false;
}

/// `upper`, in whatever case, stands anywhere in the text.
bool says(std::string_view sql, std::string_view upper) noexcept {
  for (std::size_t at = 0; at + upper.size() <= sql.size(); ++at) {
    if (is_word(sql.substr(at, upper.size()), upper)) return true;
  }
  return false;
}

class Scanner {
 public:
  explicit Scanner(std::string_view sql) noexcept : sql_(sql) {}

  Token next() noexcept {
    skip_space_and_comments();
    if (at_ >= sql_.size()) return Token::end;
    const char c = sql_[at_];
    if (starts_word(c)) return take_word();
    if (is_digit(c)) {
      while (at_ < sql_.size() && (continues_word(sql_[at_]) || sql_[at_] == '.')) ++at_;
      return Token::other;
    }
    switch (c) {
      case '\'': skip_quoted('\'', false); return Token::other;
      case '"': skip_quoted('"', false); return Token::quoted;
      case '$': skip_dollar(); return Token::other;
      case ';': ++at_; return Token::semicolon;
      case '(': ++at_; return Token::open;
      case ')': ++at_; return Token::close;
      default: ++at_; return Token::other;
    }
  }
  /// The word just taken.
  [[nodiscard]] std::string_view word() const noexcept { return word_; }

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const noexcept {
    return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0';
  }

  Token take_word() noexcept {
    const std::size_t begin = at_;
    while (at_ < sql_.size() && continues_word(sql_[at_])) ++at_;
    word_ = sql_.substr(begin, at_ - begin);
    if (peek() != '\'' || !is_word(word_, "E")) return Token::word;
    // Every part of it may hold backslashes. For the other kinds, a part is a string like any other.
    for (std::size_t part = at_; part != std::string_view::npos; part = next_part_of_string(sql_, at_)) {
      at_ = part;
      skip_quoted('\'', true);
    }
    return Token::other;
  }

  /// A doubled quote ends the string and starts the next at once, which comes to the same.
  void skip_quoted(char quote, bool backslashes) noexcept {
    for (++at_; at_ < sql_.size(); ++at_) {
      if (backslashes && sql_[at_] == '\\') {
        ++at_;
      } else if (sql_[at_] == quote) {
        ++at_;
        if (peek() != quote) return;
      }
    }
    at_ = sql_.size();
  }

  void skip_dollar() noexcept {
    std::size_t end = at_ + 1;
    if (end < sql_.size() && is_digit(sql_[end])) {
      ++at_;
      return;
    }
    while (end < sql_.size() && sql_[end] != '$' && continues_word(sql_[end])) ++end;
    if (end >= sql_.size() || sql_[end] != '$') {
      ++at_;
      return;
    }
    const std::string_view tag = sql_.substr(at_, end + 1 - at_);
    const std::size_t close = sql_.find(tag, end + 1);
    at_ = close == std::string_view::npos ? sql_.size() : close + tag.size();
  }

  void skip_space_and_comments() noexcept {
    for (;;) {
      const char c = peek();
      if (is_space(c)) {
        ++at_;
      } else if (c == '-' && peek(1) == '-') {
        at_ = end_of_line(sql_, at_);
      } else if (c == '/' && peek(1) == '*') {
        skip_block_comment();
      } else {
        return;
      }
    }
  }

  void skip_block_comment() noexcept {
    int depth = 0;
    while (at_ < sql_.size()) {
      if (peek() == '/' && peek(1) == '*') {
        ++depth;
        at_ += 2;
      } else if (peek() == '*' && peek(1) == '/') {
        at_ += 2;
        if (--depth == 0) return;
      } else {
        ++at_;
      }
    }
  }

  std::string_view sql_;
  std::string_view word_;
  std::size_t at_ = 0;
};

/// Follows the statements of a text, token by token.
class TraitsReader {
 public:
  explicit TraitsReader(TextTraits& traits) noexcept : traits_(traits) {}

  void take(Token token, std::string_view word) noexcept {
    if (token == Token::semicolon && parens_ <= 0 && body_depth_ == 0) {
      in_statement_ = false;
      return;
    }
    if (!in_statement_) start_statement();
    if (std::exchange(at_copy_end_, false)) take_copy_end(token, word);
    if (token == Token::open) take_open();
    if (token == Token::close) --parens_;
    if (token == Token::word) take_word(word);
    after_read_ = token == Token::word && is_word(word, "READ");
    after_name_ = token == Token::quoted || (token == Token::word && !is_harmless(word));
  }
  void end() noexcept {
    const bool shareable =
        (queries_ || changes_) && !keeps_ && !traits_.several && traits_.effect == TextEffect::none;
    traits_.writes = shareable && (changes_ || traits_.calls);
    traits_.reads = shareable && !traits_.writes;
    traits_.rowless = rowless_ && !traits_.several;
  }

 private:
  void start_statement() noexcept {
    traits_.several = seen_statement_;
    seen_statement_ = in_statement_ = true;
    words_ = parens_ = body_depth_ = 0;
    creates_ = creates_routine_ = false;
    copying_ = at_copy_end_ = copies_to_ = false;
  }

  void take_open() noexcept {
    ++parens_;
    traits_.calls = traits_.calls || after_name_;
  }

  /// What stands behind FROM or TO: STDIN and STDOUT mean the same (gram.y).
  void take_copy_end(Token token, std::string_view word) noexcept {
    if (token != Token::word || !is_one_of(word, {"STDIN", "STDOUT"})) return;
    (copies_to_ ? traits_.copies_out : traits_.copies_in) = true;
  }

  void take_word(std::string_view word) noexcept {
    ++words_;
    if (words_ == 1) {
      copying_ = is_word(word, "COPY");
      traits_.copies = traits_.copies || copying_;
      rowless_ = is_rowless(word);
      traits_.commits = traits_.commits || is_word(word, "COMMIT") || is_word(word, "END");
      traits_.transacts = traits_.transacts || begins_or_ends(word);
      creates_ = is_word(word, "CREATE");
      queries_ = is_one_of(word, {"SELECT", "VALUES", "TABLE", "WITH"});
      keeps_ = !queries_ && !is_one_of(word, {"INSERT", "UPDATE", "DELETE", "MERGE"});
    } else if (creates_ && words_ <= max_create_words) {
      creates_routine_ = creates_routine_ || is_word(word, "FUNCTION") || is_word(word, "PROCEDURE");
    }
    if (creates_routine_) follow_body(word);
    // Both are reserved: outside parentheses they stand for nothing else.
    if (copying_ && parens_ == 0 && words_ > 1 && is_one_of(word, {"FROM", "TO"})) {
      copying_ = false;
      at_copy_end_ = true;
      copies_to_ = is_word(word, "TO");
    }
    if (is_word(word, "RETURNING")) rowless_ = false;
    if (after_read_ && is_word(word, "ONLY")) traits_.says_read_only = true;
    // SHARE: FOR SHARE. INTO on its own makes a table.
    changes_ = changes_ || is_one_of(word, {"INSERT", "UPDATE", "DELETE", "MERGE", "SHARE"});
    keeps_ = keeps_ || waits_or_keeps(word) || (is_word(word, "INTO") && !after_insert_);
    after_insert_ = is_one_of(word, {"INSERT", "MERGE"});
  }

  /// BEGIN ATOMIC ... END holds semicolons that end nothing.
  void follow_body(std::string_view word) noexcept {
    if (is_word(word, "BEGIN") || (body_depth_ > 0 && is_word(word, "CASE"))) ++body_depth_;
    if (body_depth_ > 0 && is_word(word, "END")) --body_depth_;
  }

  static constexpr int max_create_words = 4;  // CREATE OR REPLACE FUNCTION

  TextTraits& traits_;
  bool seen_statement_ = false;
  bool in_statement_ = false;
  bool creates_ = false;
  bool creates_routine_ = false;
  bool after_read_ = false;
  bool after_name_ = false;  // a word that may be the name of a function
  bool queries_ = false;     // its first word asks for rows
  bool changes_ = false;     // a word of it changes rows, or locks them
  bool keeps_ = false;       // it does something else
  bool after_insert_ = false;
  bool copying_ = false;      // COPY, and its FROM or TO has not come
  bool at_copy_end_ = false;  // it has, just now
  bool copies_to_ = false;
  bool rowless_ = false;
  int words_ = 0;
  int parens_ = 0;
  int body_depth_ = 0;
};

}  // namespace

std::size_t end_of_line(std::string_view sql, std::size_t at) noexcept {
  return std::min(sql.find_first_of(line_ends, at), sql.size());
}

// {quotecontinue} in scan.l: block comments are no part of it.
std::size_t next_part_of_string(std::string_view sql, std::size_t at) noexcept {
  bool on_another_line = false;
  for (; at < sql.size(); ++at) {
    const std::string_view rest = sql.substr(at);
    if (rest.starts_with('\'')) return on_another_line ? at : std::string_view::npos;
    if (rest.starts_with("--")) at = std::min(end_of_line(sql, at), sql.size() - 1);
    const char c = sql[at];
    if (line_ends.find(c) != std::string_view::npos) {
      on_another_line = true;
    } else if (!is_space(c)) {
      break;
    }
  }
  return std::string_view::npos;
}

TextTraits text_traits(std::string_view sql) noexcept {
  TextTraits traits;
  traits.effect = SessionState::text_effect(sql);
  traits.path = sql::path_effect(sql);
  // Also in a literal: set_config('transaction_read_only', ...).
  traits.says_read_only = says(sql, "READ_ONLY");
  Scanner scanner(sql);
  TraitsReader reader(traits);
  for (Token token = scanner.next(); token != Token::end; token = scanner.next())
    reader.take(token, scanner.word());
  reader.end();
  return traits;
}

}  // namespace copg::pq
