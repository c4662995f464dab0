#include "sql/session_effect.hpp"

#include <array>
#include <utility>

namespace copg::sql {
namespace {

struct Finding {
  std::string_view name;
  TextEffect effect;
  bool prefix;  // a family of functions
};

constexpr std::array functions = {
    Finding{"pg_advisory_lock", TextEffect::touches, true},
    Finding{"pg_try_advisory_lock", TextEffect::touches, true},
    Finding{"pg_temp", TextEffect::touches, true},
    Finding{"pg_replication_origin_session_setup", TextEffect::permanent, false},
    Finding{"pg_create_physical_replication_slot", TextEffect::permanent, false},
    Finding{"pg_create_logical_replication_slot", TextEffect::permanent, false},
    Finding{"pg_copy_physical_replication_slot", TextEffect::permanent, false},
    Finding{"pg_copy_logical_replication_slot", TextEffect::permanent, false},
    Finding{"pg_start_backup", TextEffect::permanent, false},
    Finding{"pg_backup_start", TextEffect::permanent, false},
    Finding{"dblink_connect", TextEffect::permanent, true},
    Finding{"setseed", TextEffect::permanent, false},
};

TextEffect function_effect(std::string_view word) noexcept {
  for (const Finding& finding : functions) {
    const std::string_view name = finding.prefix ? word.substr(0, finding.name.size()) : word;
    if (is_word(name, finding.name)) return finding.effect;
  }
  return TextEffect::none;
}

// set_config(name, value, true) lasts to the end of the transaction: how row-level security is told who asks,
// in every request. The lexer has read the function's name. True only when the last argument is plainly the
// word `true`.
bool ends_with_transaction(Lexer lexer) noexcept {
  Token last;  // of this argument
  int tokens = 0;
  for (int depth = 0;;) {
    const Token token = lexer.next_but_comments();
    if (token.is('(')) ++depth;
    if (token.is(')') && --depth == 0) return tokens == 1 && last.is_word("true");
    if (depth == 0 || token.kind == TokenKind::end) return false;
    const bool between = depth == 1 && (token.is(',') || token.is('('));
    tokens = between ? 0 : tokens + 1;
    last = token;
  }
}

}  // namespace

void EffectReader::take(const Token& token, const Lexer& behind) noexcept {
  if (sets_) take_scope(token.kind == TokenKind::word ? token.text : std::string_view());
  // SET that does not open a statement assigns columns (UPDATE) or another role's settings (ALTER).
  sets_ = begins_ && token.is_word("set");
  begins_ = false;
  switch (token.kind) {
    case TokenKind::word: return take_word(token.text, &behind);
    case TokenKind::quoted_name: return take_words_inside(token.text, &behind);
    case TokenKind::string: return take_words_inside(token.text, nullptr);
    case TokenKind::symbol: begins_ = token.is(';'); return;
    case TokenKind::number:
    case TokenKind::parameter:
    case TokenKind::comment:
    case TokenKind::end: return;
  }
}

void EffectReader::take_words_inside(std::string_view quoted, const Lexer* behind) noexcept {
  const bool several = quoted.find(';') != std::string_view::npos;
  std::size_t at = 0;
  for (std::string_view word = next_word(quoted, at); !word.empty(); word = next_word(quoted, at)) {
    if (sets_) take_scope(word);
    sets_ = several && is_word(word, "set");
    take_word(word, behind);
  }
}

/// What stands behind SET.
void EffectReader::take_scope(std::string_view word) noexcept {
  if (!is_any_of(word, {"local", "transaction", "constraints"})) raise(TextEffect::touches);
}

/// `behind`: of the token that the word is, or is quoted in; null in a string.
void EffectReader::take_word(std::string_view word, const Lexer* behind) noexcept {
  const bool after_into = std::exchange(after_into_, false);
  switch (word.front() | 0x20) {
    case 's':
      if (!is_word(word, "set_config")) return raise(function_effect(word));
      if (behind == nullptr || !ends_with_transaction(*behind)) raise(TextEffect::touches);
      return;
    case 't':
      // INSERT INTO readings (temp) is no temporary table; SELECT ... INTO TEMP is.
      if (is_any_of(word, {"temp", "temporary"})) {
        if (creates_ || after_into || (into_ && !inserts_)) raise(TextEffect::touches);
      }
      return;
    case 'c':
      creates_ = creates_ || is_word(word, "create");
      cursor_ = cursor_ || is_word(word, "cursor");
      return;
    case 'h':
      if (cursor_ && is_word(word, "hold")) raise(TextEffect::touches);
      return;
    case 'i':
      after_into_ = is_word(word, "into");
      into_ = into_ || after_into_;
      inserts_ = inserts_ || is_word(word, "insert");
      return;
    case 'm': inserts_ = inserts_ || is_word(word, "merge"); return;
    case 'p':
    case 'd': return raise(function_effect(word));
    default: return;
  }
}

}  // namespace copg::sql
