#include "sql/oracle.hpp"

#include <pg_query.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sql/lexer.hpp"

namespace copg::sql {
namespace {

/// Reads the fields of a message in the wire format of Protocol Buffers, as far as a ScanResult needs it:
/// numbers, and messages within.
class Message {
 public:
  explicit Message(std::string_view bytes) : bytes_(bytes) {}

  /// False at the end.
  bool next() {
    if (bytes_.empty()) return false;
    const std::uint64_t key = varint();
    field = key >> 3;
    number = varint();
    if ((key & 7) == 2) {  // a length, and so many bytes
      inner = bytes_.substr(0, number);
      bytes_.remove_prefix(number);
    } else if ((key & 7) != 0) {
      std::abort();
    }
    return true;
  }

  std::uint64_t field = 0;
  std::uint64_t number = 0;
  std::string_view inner;

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_.at(0));
      bytes_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
  }

  std::string_view bytes_;
};

// The numbers are those of the enumeration Token in pg_query.proto.
TokenKind kind_of(std::uint64_t token) {
  switch (token) {
    case 259: return TokenKind::quoted_name;  // UIDENT
    case 260:
    case 266: return TokenKind::number;  // FCONST, ICONST
    case 261:
    case 262:
    case 263:
    case 264: return TokenKind::string;     // SCONST, USCONST, BCONST, XCONST
    case 267: return TokenKind::parameter;  // PARAM
    case 275:
    case 276: return TokenKind::comment;  // SQL_COMMENT, C_COMMENT
    default: break;
  }
  return token < 258 || (token >= 265 && token <= 274) ? TokenKind::symbol : TokenKind::word;
}

Token token_of(std::string_view message, std::string_view sql) {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t token = 0;
  for (Message fields(message); fields.next();) {
    if (fields.field == 1) start = fields.number;
    if (fields.field == 2) end = fields.number;
    if (fields.field == 4) token = fields.number;
  }
  const std::string_view text = sql.substr(start, end - start);
  return {text.starts_with('"') ? TokenKind::quoted_name : kind_of(token), text};
}

/// The prefix of N'x' is a token of its own there.
void add(const Token& token, std::vector<Token>& tokens) {
  const bool prefixed = token.text.starts_with('\'') && !tokens.empty() && is_word(tokens.back().text, "n") &&
                        tokens.back().text.data() + 1 == token.text.data();
  if (!prefixed) return tokens.push_back(token);
  tokens.back() = {token.kind, {tokens.back().text.data(), token.text.size() + 1}};
}

std::optional<std::vector<Token>> postgres_tokens(const std::string& sql) {
  const PgQueryScanResult scan = pg_query_scan(sql.c_str());
  std::optional<std::vector<Token>> result;
  if (scan.error == nullptr) {
    result.emplace();
    for (Message fields({scan.pbuf.data, scan.pbuf.len}); fields.next();) {
      if (fields.field == 2) add(token_of(fields.inner, sql), *result);
    }
  }
  pg_query_free_scan_result(scan);
  return result;
}

/// The library does not tell where U&'x' and U&"x" end; where the next token begins is compared all the same.
bool same(const Token& theirs, const Token& ours) {
  const bool same_end = is_word(ours.text.substr(0, 2), "u&") || theirs.text.size() == ours.text.size();
  return same_end && theirs.kind == ours.kind && theirs.text.data() == ours.text.data();
}

/// libpg_query 15, whose comments are tokens, goes on with a string behind a newline but not behind a comment
/// and a newline. The server does, and libpg_query 17 too.
bool loses_a_part(const Token& theirs, const Token& ours) {
  if (ours.kind != TokenKind::string || !ours.text.starts_with(theirs.text)) return false;
  const std::string_view rest = ours.text.substr(theirs.text.size());
  const std::size_t comment = rest.find("--");
  return comment != std::string_view::npos && rest.find_first_not_of(" \t\n\r\f\v") == comment;
}

}  // namespace

std::optional<std::string> disagreement(const std::string& sql) {
  const auto tokens = postgres_tokens(sql);
  const bool older = sql.find('\v') != std::string::npos;  // white space since PostgreSQL 16
  if (!tokens || older) return std::nullopt;
  Lexer lexer(sql);
  for (const Token& theirs : *tokens) {
    const Token ours = lexer.next();
    if (loses_a_part(theirs, ours)) return std::nullopt;
    if (!same(theirs, ours))
      return "PostgreSQL sees '" + std::string(theirs.text) + "' where the lexer sees '" +
             std::string(ours.text) + "'";
  }
  const Token rest = lexer.next();
  return rest.kind == TokenKind::end ? "" : "PostgreSQL sees the end before '" + std::string(rest.text) + "'";
}

std::optional<std::vector<std::string>> parameters(const std::string& sql) {
  const auto tokens = postgres_tokens(sql);
  if (!tokens) return std::nullopt;
  std::vector<std::string> result;
  for (const Token& token : *tokens) {
    if (token.kind == TokenKind::parameter) result.emplace_back(token.text);
  }
  return result;
}

std::optional<int> count_statements(const std::string& sql) {
  const PgQuerySplitResult split = pg_query_split_with_parser(sql.c_str());
  std::optional<int> result;
  if (split.error == nullptr) result = split.n_stmts;
  pg_query_free_split_result(split);
  return result;
}

std::string parse_tree(const std::string& sql) {
  const PgQueryParseResult parsed = pg_query_parse(sql.c_str());
  std::string result = parsed.error == nullptr ? parsed.parse_tree : "";
  pg_query_free_parse_result(parsed);
  return result;
}

}  // namespace copg::sql
