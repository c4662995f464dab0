// A look at the tokens.
#include "pq/placeholders.hpp"

#include "sql/lexer.hpp"

namespace copg::pq {

std::vector<Placeholder> placeholders_in(std::string_view sql) {
  std::vector<Placeholder> found;
  sql::Lexer lexer(sql);
  while (const sql::Token token = lexer.next_but_comments()) {
    if (token.kind != sql::TokenKind::parameter) continue;
    found.push_back({.number = sql::parameter_number(token.text),
                     .at = static_cast<std::size_t>(token.text.data() - sql.data()),
                     .size = token.text.size()});
  }
  return found;
}

std::vector<std::string_view> first_words(std::string_view sql, std::size_t count) {
  std::vector<std::string_view> found;
  sql::Lexer lexer(sql);
  while (const sql::Token token = lexer.next_but_comments()) {
    if (found.size() == count) break;
    if (token.kind == sql::TokenKind::word) found.push_back(token.text);
  }
  return found;
}

}  // namespace copg::pq
