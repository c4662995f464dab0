// By the words of the text: those that change it, and those that are not known to leave it.
#include "sql/path_effect.hpp"

#include <utility>

#include "sql/known_words.hpp"

namespace copg::sql {
namespace {

bool is_name(const Token& token) noexcept {
  return token.kind == TokenKind::word || token.kind == TokenKind::quoted_name;
}

}  // namespace

PathSetting path_setting(std::string_view name) noexcept {
  if (is_word(name, "search_path")) return PathSetting::search_path;
  if (is_word(name, "role")) return PathSetting::role;
  return is_word(name, "session_authorization") ? PathSetting::session : PathSetting::other;
}

std::optional<std::string_view> plain_contents(std::string_view constant) noexcept {
  if (constant.size() < 2 || constant.front() != '\'' || constant.back() != '\'') return std::nullopt;
  const std::string_view inside = constant.substr(1, constant.size() - 2);
  if (inside.find_first_of("'\\") != std::string_view::npos) return std::nullopt;
  return inside;
}

void PathReader::take(const Token& token) noexcept {
  if (setting_ != Setting::none) follow_setting(token);
  if (token.is('(')) take_open();
  if (token.is(')')) --parens_;
  if (token.is(';') && parens_ <= 0) start_statement();
  follow_relation(token);
  qualified_ = is_name(token) && last_.is('.');
  // The dot keeps the name of the schema.
  if (!token.is('.') && !qualified_) in_catalog_ = token.is_word("pg_catalog");
  if (token.kind == TokenKind::word) take_word(token.text);
  if (token.kind == TokenKind::quoted_name) take_quoted();
  last_ = token;
}

void PathReader::start_statement() noexcept {
  words_ = parens_ = 0;
  verb_ = Verb::other;
  after_into_ = after_insert_ = false;
}

void PathReader::take_word(std::string_view word) noexcept {
  if (++words_ == 1) return take_first_word(word);
  if (is_any_of(word, {"select", "insert", "update", "delete", "merge"}) && parens_ == 0)
    lists_queries_ = false;
  if (std::exchange(after_into_, false))
    raise(is_any_of(word, {"temp", "temporary"}) ? PathEffect::changes : PathEffect::defines);
  after_into_ = is_word(word, "into") && !after_insert_;
  after_insert_ = is_any_of(word, {"insert", "merge"});
  switch (verb_) {
    case Verb::set:
      if (is_any_of(word, {"local", "session"})) return;
      if (is_any_of(word, {"search_path", "schema", "role", "authorization"})) raise(PathEffect::changes);
      verb_ = Verb::other;
      return;
    case Verb::reset:
      if (is_any_of(word, {"search_path", "role", "session", "all"})) raise(PathEffect::changes);
      return;
    case Verb::discard:
      if (is_word(word, "all")) raise(PathEffect::changes);
      return;
    case Verb::create: {
      constexpr int most = 4;  // CREATE OR REPLACE TEMP
      const bool temporary = words_ <= most && is_any_of(word, {"temp", "temporary"});
      if (temporary || is_word(word, "pg_temp")) raise(PathEffect::changes);
      return;
    }
    case Verb::rollback:
      if (is_word(word, "to")) raise(PathEffect::undoes);
      return;
    case Verb::define:
    case Verb::other: return;
  }
}

void PathReader::take_first_word(std::string_view word) noexcept {
  after_insert_ = is_any_of(word, {"insert", "merge"});
  lists_queries_ = is_word(word, "with");
  if (is_word(word, "set")) verb_ = Verb::set;
  if (is_word(word, "reset")) verb_ = Verb::reset;
  if (is_word(word, "discard")) verb_ = Verb::discard;
  if (is_word(word, "create")) verb_ = Verb::create;
  if (is_any_of(word, {"alter", "drop", "import", "grant", "revoke"})) verb_ = Verb::define;
  if (is_any_of(word, {"rollback", "abort"})) verb_ = Verb::rollback;
  if (verb_ == Verb::create || verb_ == Verb::define || verb_ == Verb::discard) raise(PathEffect::defines);
  // EXECUTE runs what the user has prepared.
  if (is_any_of(word, {"do", "call", "execute"})) raise(PathEffect::changes);
}

void PathReader::take_quoted() noexcept {
  if (verb_ == Verb::set || verb_ == Verb::reset) raise(PathEffect::changes);
  if (std::exchange(after_into_, false)) raise(PathEffect::defines);
}

void PathReader::take_open() noexcept {
  ++parens_;
  if (relation_ == Relation::named || !is_name(last_)) return;
  const bool own = qualified_ && !in_catalog_;
  const bool word = last_.kind == TokenKind::word && !own;
  if (word && is_word(last_.text, "set_config")) {
    setting_ = Setting::awaited;
  } else if (!word || !is_known_word(last_.text)) {
    raise(PathEffect::calls);
  }
}

void PathReader::follow_setting(const Token& token) noexcept {
  if (setting_ == Setting::awaited) {
    const auto name = token.kind == TokenKind::string ? plain_contents(token.text) : std::nullopt;
    if (name && path_setting(*name) == PathSetting::other) {
      setting_ = Setting::other;
      return;
    }
  } else if (token.is(',')) {
    setting_ = Setting::none;  // the name was all of the argument
    return;
  }
  raise(PathEffect::changes);
  setting_ = Setting::none;
}

void PathReader::follow_relation(const Token& token) noexcept {
  const bool awaited = relation_ == Relation::awaited;
  const bool named = relation_ == Relation::named;
  relation_ = Relation::none;
  if ((token.is('.') && named) || (token.is(',') && lists_queries_ && parens_ == 0))
    relation_ = Relation::awaited;
  if (!is_name(token)) return;
  if (awaited || last_.is(')')) relation_ = Relation::named;
  if (token.kind == TokenKind::word && is_any_of(token.text, {"into", "with", "recursive", "as", "copy"}))
    relation_ = Relation::awaited;
}

}  // namespace copg::sql
