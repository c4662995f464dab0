// The tokens of SQL texts: PostgreSQL's scanner sees the same ones, in each text that it accepts.
#include "sql/lexer.hpp"

#include <string>

#include "fuzz/target.hpp"
#include "sql/oracle.hpp"

namespace copg::fuzz {

void fuzz(std::string_view text) {
  std::size_t at = 0;
  sql::Lexer lexer(text);
  for (sql::Token token = lexer.next(); token.kind != sql::TokenKind::end; token = lexer.next()) {
    const auto begin = static_cast<std::size_t>(token.text.data() - text.data());
    require(begin >= at && !token.text.empty(), "tokens stand in their order");
    require(text.substr(at, begin - at).find_first_not_of(" \t\n\r\f\v") == std::string_view::npos,
            "only white space is left between tokens");
    const sql::Token again = sql::Lexer(text, begin).next();
    require(again.kind == token.kind && again.text == token.text,
            "a token does not depend on those before it");
    at = begin + token.text.size();
  }
  if (text.find('\0') == std::string_view::npos)  // where the text would end for PostgreSQL
    require(sql::disagreement(std::string(text)).value_or("").empty(), "PostgreSQL sees the same tokens");
}

}  // namespace copg::fuzz
