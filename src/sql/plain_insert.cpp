// A recursive descent over the tokens, with one token of look-ahead.
#include "sql/plain_insert.hpp"

#include <algorithm>

#include "sql/lexer.hpp"

namespace copg::sql {
namespace {

/// Types whose input and casts know nothing of tables. A name in another schema of the search path would hide
/// them only if pg_catalog stood behind that schema in it.
constexpr std::string_view harmless_types = R"(
bigint bit bool boolean box bytea char character cidr circle date decimal double float float4 float8 inet int
int2 int4 int8 integer interval json jsonb line lseg macaddr macaddr8 money numeric path point polygon real
smallint text time timestamp timestamptz timetz uuid varbit varchar xml
)";

bool is_plain_name(const Token& token) noexcept {
  if (token.kind == TokenKind::word) return true;
  // U&"..." has escapes.
  return token.kind == TokenKind::quoted_name && token.text.front() == '"';
}

class Reader {
 public:
  explicit Reader(std::string_view sql) noexcept : sql_(sql), lexer_(sql) { advance(); }

  std::optional<PlainInsert> read() noexcept {
    PlainInsert insert;
    if (!take_word("insert") || !take_word("into") || !take_name(insert.table)) return std::nullopt;
    if (take('.')) {
      insert.schema = insert.table;
      if (!take_name(insert.table)) return std::nullopt;
    }
    if (token_.is('(') && !take_columns()) return std::nullopt;
    if (!take_word("values") || !token_.is('(')) return std::nullopt;
    const std::size_t begin = position();
    if (!take_row()) return std::nullopt;
    insert.row = sql_.substr(begin, row_end_ - begin);
    while (take(';')) {
    }
    insert.parameters = parameters_;
    if (token_ || parameters_ < 1) return std::nullopt;
    return insert;
  }

 private:
  void advance() noexcept { token_ = lexer_.next_but_comments(); }
  [[nodiscard]] std::size_t position() const noexcept {
    return static_cast<std::size_t>(token_.text.data() - sql_.data());
  }
  bool take(char symbol) noexcept {
    if (!token_.is(symbol)) return false;
    advance();
    return true;
  }
  bool take_word(std::string_view lower) noexcept {
    if (!token_.is_word(lower)) return false;
    advance();
    return true;
  }
  bool take_any_word(std::initializer_list<std::string_view> lower) noexcept {
    if (token_.kind != TokenKind::word || !is_any_of(token_.text, lower)) return false;
    advance();
    return true;
  }
  bool take_kind(TokenKind kind) noexcept {
    if (token_.kind != kind) return false;
    advance();
    return true;
  }
  bool take_name(std::string_view& name) noexcept {
    if (!is_plain_name(token_)) return false;
    name = token_.text;
    advance();
    return true;
  }

  /// Names only: a[1] and a.b change a part of a value.
  bool take_columns() noexcept {
    std::string_view name;
    advance();
    do {
      if (!take_name(name)) return false;
    } while (take(','));
    return take(')');
  }

  bool take_row() noexcept {
    advance();
    do {
      if (!take_value()) return false;
    } while (take(','));
    row_end_ = position() + 1;
    return take(')');
  }

  bool take_value() noexcept {
    if (!take_constant()) return false;
    while (token_.kind == TokenKind::symbol && token_.text == "::") {
      advance();
      if (!take_type()) return false;
    }
    return true;
  }

  bool take_constant() noexcept {
    if (token_.kind == TokenKind::parameter) {
      const int number = parameter_number(token_.text);
      if (number < 1) return false;
      parameters_ = std::max(parameters_, number);
      advance();
      return true;
    }
    if (take_kind(TokenKind::number) || take_kind(TokenKind::string)) return true;
    if (take('-') || take('+')) return take_kind(TokenKind::number);
    // They are the same in the whole transaction.
    if (take_word("now")) return take('(') && take(')');
    return take_any_word({"null", "true", "false", "default", "current_timestamp", "current_date"});
  }

  bool take_type() noexcept {
    if (token_.kind != TokenKind::word || !has_word(harmless_types, token_.text)) return false;
    advance();
    take_any_word({"precision", "varying"});
    if (take('(')) {
      do {
        if (!take_kind(TokenKind::number)) return false;
      } while (take(','));
      if (!take(')')) return false;
    }
    if (take_any_word({"with", "without"}) && !(take_word("time") && take_word("zone"))) return false;
    while (take('[')) {
      if (!take(']')) return false;
    }
    return true;
  }

  std::string_view sql_;
  Lexer lexer_;
  Token token_;
  std::size_t row_end_ = 0;
  int parameters_ = 0;
};

}  // namespace

std::optional<PlainInsert> plain_insert(std::string_view sql) noexcept { return Reader(sql).read(); }

}  // namespace copg::sql
