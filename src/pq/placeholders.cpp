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

}  // namespace copg::pq
