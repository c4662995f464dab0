// The plain ways to change it, by the value.
#include "pq/path_change.hpp"

#include <charconv>
#include <functional>

#include "sql/known_words.hpp"
#include "sql/path_effect.hpp"

namespace copg::pq {
namespace {

constexpr std::string_view default_value = "default";

std::size_t hash_of_setting(std::string_view value) noexcept { return std::hash<std::string_view>{}(value); }

/// Reads one statement, and fails at what it does not know.
class ChangeReader {
 public:
  ChangeReader(std::string_view sql, const ParamsView& params, const PGresult* result) noexcept
      : sql_(sql), lexer_(sql), params_(params), result_(result) {}

  PathChange read() noexcept {
    advance();
    const std::string_view verb = token_.kind == sql::TokenKind::word ? token_.text : std::string_view();
    advance();
    change_.known = sql::is_word(verb, "set")       ? read_set()
                    : sql::is_word(verb, "reset")   ? read_reset()
                    : sql::is_word(verb, "discard") ? read_discard()
                    : sql::is_word(verb, "select")  ? read_select()
                                                    : false;
    return change_;
  }

 private:
  void advance() noexcept { token_ = lexer_.next_but_comments(); }
  [[nodiscard]] bool at_word(std::string_view lower) const noexcept {
    return token_.kind == sql::TokenKind::word && sql::is_word(token_.text, lower);
  }
  bool skip(char symbol) noexcept {
    if (!token_.is(symbol)) return false;
    advance();
    return true;
  }
  bool skip_word(std::string_view lower) noexcept {
    if (!at_word(lower)) return false;
    advance();
    return true;
  }
  [[nodiscard]] bool at_end() noexcept {
    while (token_.is(';')) advance();
    return token_.kind == sql::TokenKind::end;
  }

  void set(sql::PathSetting setting, std::string_view value) noexcept {
    constexpr std::string_view schema = "pg_temp";
    for (std::size_t at = 0; at + schema.size() <= value.size(); ++at)
      change_.temporary = change_.temporary || sql::is_word(value.substr(at, schema.size()), schema);
    (setting == sql::PathSetting::role ? change_.role : change_.search_path) = hash_of_setting(value);
  }

  // SET [SESSION | LOCAL] name {TO | =} value, SET ... SCHEMA value, SET ... ROLE value
  bool read_set() noexcept {
    change_.local = skip_word("local");
    if (!change_.local) skip_word("session");
    if (token_.kind != sql::TokenKind::word) return false;
    const sql::PathSetting setting =
        at_word("schema") ? sql::PathSetting::search_path : sql::path_setting(token_.text);
    if (setting != sql::PathSetting::search_path && setting != sql::PathSetting::role) return false;
    set(setting,
        sql_.substr(static_cast<std::size_t>(token_.text.data() + token_.text.size() - sql_.data())));
    return true;
  }

  bool read_reset() noexcept {
    change_.local = false;
    if (token_.kind != sql::TokenKind::word) return false;
    const sql::PathSetting setting =
        at_word("all") ? sql::PathSetting::search_path : sql::path_setting(token_.text);
    if (setting != sql::PathSetting::search_path && setting != sql::PathSetting::role) return false;
    set(setting, default_value);
    return true;
  }

  bool read_discard() noexcept {
    change_.local = false;
    if (!at_word("all")) return false;
    set(sql::PathSetting::search_path, default_value);
    set(sql::PathSetting::role, default_value);
    return true;
  }

  // SELECT set_config(name, value, true) [[AS] alias], ...: the values stand in the answer.
  bool read_select() noexcept {
    if (result_ == nullptr || PQntuples(result_) != 1) return false;
    int column = 0;
    do {
      if (column >= PQnfields(result_) || !read_set_config(column)) return false;
      ++column;
    } while (skip(','));
    return at_end();
  }

  bool read_set_config(int column) noexcept {
    if (skip_word("pg_catalog") && !skip('.')) return false;
    if (!skip_word("set_config") || !skip('(')) return false;
    const std::optional<std::string_view> name = read_name();
    if (!name || !skip(',') || !skip_value() || !skip(',')) return false;
    const bool local = at_word("true");
    if (!local && !at_word("false")) return false;
    advance();
    if (!skip(')')) return false;
    skip_alias();
    const sql::PathSetting setting = sql::path_setting(*name);
    if (setting == sql::PathSetting::other) return true;
    const bool differs = (change_.search_path || change_.role) && change_.local != local;
    if (setting == sql::PathSetting::session || differs) return false;
    change_.local = local;
    set(setting, PQgetvalue(result_, 0, column));
    return true;
  }

  std::optional<std::string_view> read_name() noexcept {
    std::optional<std::string_view> name;
    if (token_.kind == sql::TokenKind::string) name = sql::plain_contents(token_.text);
    if (token_.kind == sql::TokenKind::parameter) name = parameter(token_.text.substr(1));
    advance();
    skip_cast();
    return name;
  }
  std::optional<std::string_view> parameter(std::string_view digits) const noexcept {
    int number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (number < 1 || number > params_.size()) return std::nullopt;
    const auto index = static_cast<std::size_t>(number - 1);
    if (params_.values()[index] == nullptr) return std::nullopt;
    return std::string_view(params_.values()[index], static_cast<std::size_t>(params_.lengths()[index]));
  }

  /// An expression that calls nothing.
  bool skip_value() noexcept {
    for (int depth = 0; !token_.is(',') || depth > 0; advance()) {
      if (token_.kind == sql::TokenKind::end || token_.is(';')) return false;
      if (token_.is('(')) ++depth;
      if (token_.is(')') && --depth < 0) return false;
      if (token_.kind == sql::TokenKind::word && !sql::is_known_word(token_.text) &&
          !sql::is_word(token_.text, "null"))
        return false;
      if (token_.kind == sql::TokenKind::quoted_name) return false;
    }
    return true;
  }
  // ::text
  void skip_cast() noexcept {
    if (token_.text != "::") return;
    advance();
    if (token_.kind == sql::TokenKind::word) advance();
  }
  void skip_alias() noexcept {
    skip_cast();
    const bool as = skip_word("as");
    if (token_.kind == sql::TokenKind::quoted_name ||
        (token_.kind == sql::TokenKind::word && (as || !sql::is_known_word(token_.text))))
      advance();
  }

  std::string_view sql_;
  sql::Lexer lexer_;
  const ParamsView& params_;
  const PGresult* result_;
  sql::Token token_;
  PathChange change_;
};

}  // namespace

PathChange PathChange::read(std::string_view sql, const ParamsView& params, const PGresult* result) noexcept {
  return ChangeReader(sql, params, result).read();
}

}  // namespace copg::pq
