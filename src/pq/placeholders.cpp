// A look at the tokens.
#include "pq/placeholders.hpp"

#include <algorithm>
#include <charconv>

#include "sql/lexer.hpp"

namespace copg::pq {
namespace {

int number_of(const sql::Token& parameter) noexcept {
  int number = 0;
  std::from_chars(parameter.text.data() + 1, parameter.text.data() + parameter.text.size(), number);
  return number;
}

bool reads_or_changes_rows(std::string_view word) noexcept {
  for (const std::string_view first :
       {"select", "insert", "update", "delete", "with", "values", "merge", "table"}) {
    if (sql::is_word(word, first)) return true;
  }
  return false;
}

}  // namespace

std::vector<Placeholder> placeholders_in(std::string_view sql) {
  std::vector<Placeholder> found;
  sql::Lexer lexer(sql);
  for (sql::Token token = lexer.next_but_comments(); token.kind != sql::TokenKind::end;
       token = lexer.next_but_comments()) {
    if (token.kind != sql::TokenKind::parameter) continue;
    found.push_back({.number = number_of(token),
                     .at = static_cast<std::size_t>(token.text.data() - sql.data()),
                     .size = token.text.size()});
  }
  return found;
}

std::vector<std::string_view> first_words(std::string_view sql, std::size_t count) {
  std::vector<std::string_view> found;
  sql::Lexer lexer(sql);
  for (sql::Token token = lexer.next_but_comments();
       token.kind != sql::TokenKind::end && found.size() < count; token = lexer.next_but_comments()) {
    if (token.kind == sql::TokenKind::word) found.push_back(token.text);
  }
  return found;
}

int parameters_of(std::string_view sql) noexcept {
  sql::Lexer lexer(sql);
  sql::Token token = lexer.next_but_comments();
  while (token.is('(')) token = lexer.next_but_comments();
  if (token.kind != sql::TokenKind::word || !reads_or_changes_rows(token.text)) return -1;
  if (sql.find('$') == std::string_view::npos) return 0;
  int highest = 0;
  for (; token.kind != sql::TokenKind::end; token = lexer.next_but_comments()) {
    if (token.kind == sql::TokenKind::parameter) highest = std::max(highest, number_of(token));
  }
  return highest;
}

}  // namespace copg::pq
