#include "sql/text_traits.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace copg::sql {
namespace {

/// Words that stand before a parenthesis and change no parameter: keywords, types, and functions of every
/// day. Not all that known_words.hpp knows: some of those write, as nextval does.
constexpr std::string_view harmless_words = R"(
in values and or not where from select as on using exists any all some over by with set filter case when then else
union conflict lateral distinct having limit offset between like array row cast numeric varchar count sum min max
avg coalesce nullif greatest least lower upper length substring now round abs extract date_trunc to_char unnest
string_agg array_agg generate_series
)";

/// A statement that begins so returns no rows; INSERT and its like may with RETURNING. What a rule makes of
/// them, the server does not send in the extended protocol (PortalRunMulti in its pquery.c).
bool is_rowless(std::string_view word) noexcept {
  return is_any_of(word, {"insert", "update", "delete", "merge", "truncate", "create", "alter", "drop",
                          "grant", "revoke", "comment", "refresh", "set", "do"});
}

/// The names of the functions that take their time, or keep something, begin so.
bool waits_or_keeps(std::string_view word) noexcept {
  return std::ranges::any_of(
      std::initializer_list<std::string_view>{"pg_sleep", "pg_advisory", "pg_try_advisory"},
      [&](std::string_view begin) { return is_word(word.substr(0, begin.size()), begin); });
}

/// Follows the statements of a text, token by token.
class TraitsReader {
 public:
  explicit TraitsReader(TextTraits& traits) noexcept : traits_(traits) {}

  void take(const Token& token) noexcept {
    const char symbol = token.symbol();
    if (symbol == ';' && parens_ <= 0 && body_depth_ == 0) {
      in_statement_ = false;
      return;
    }
    if (!in_statement_) start_statement();
    if (std::exchange(at_copy_end_, false)) take_copy_end(token);
    if (symbol == '(') take_open();
    if (symbol == ')') --parens_;
    if (token.kind == TokenKind::word) take_word(token.text);
    qualified_ = before_.is('.');
    if (token.kind == TokenKind::parameter) parameters_ = std::max(parameters_, parameter_number(token.text));
    if (token.kind == TokenKind::string || token.kind == TokenKind::quoted_name) take_quoted(token.text);
    before_ = token;
  }
  void end() noexcept {
    const bool shareable =
        (queries_ || changes_) && !keeps_ && !traits_.several && traits_.effect == TextEffect::none;
    if (rows_ && !traits_.several) traits_.parameters = parameters_;
    traits_.writes = shareable && (changes_ || traits_.calls);
    traits_.reads = shareable && !traits_.writes;
    traits_.rowless = rowless_ && !traits_.several;
    traits_.portal = queries_ && !modifies_ && !makes_table_ && !traits_.several;
  }

 private:
  void start_statement() noexcept {
    traits_.several = seen_statement_;
    seen_statement_ = in_statement_ = true;
    words_ = parens_ = body_depth_ = 0;
    creates_ = creates_routine_ = false;
    copying_ = at_copy_end_ = copies_to_ = false;
    before_ = {};
  }

  void take_open() noexcept {
    ++parens_;
    const bool named =
        before_.kind == TokenKind::word && (qualified_ || !has_word(harmless_words, before_.text));
    if (named || before_.kind == TokenKind::quoted_name) traits_.calls = true;
  }

  /// What stands behind FROM or TO: STDIN and STDOUT mean the same (gram.y).
  void take_copy_end(const Token& token) noexcept {
    if (!token.is_word("stdin") && !token.is_word("stdout")) return;
    (copies_to_ ? traits_.copies_out : traits_.copies_in) = true;
  }

  void take_word(std::string_view word) noexcept {
    ++words_;
    if (words_ == 1) {
      take_first_word(word);
    } else if (creates_ && words_ <= max_create_words) {
      creates_routine_ = creates_routine_ || is_any_of(word, {"function", "procedure"});
    }
    if (creates_routine_) follow_body(word);
    // Both are reserved: outside parentheses they stand for nothing else.
    if (copying_ && parens_ == 0 && words_ > 1 && is_any_of(word, {"from", "to"})) {
      copying_ = false;
      at_copy_end_ = true;
      copies_to_ = is_word(word, "to");
    }
    if (is_word(word, "returning")) rowless_ = false;
    if (before_.is_word("read") && is_word(word, "only")) traits_.says_read_only = true;
    look_for_read_only(word);
    // SHARE: FOR SHARE. INTO on its own makes a table.
    changes_ = changes_ || is_any_of(word, {"insert", "update", "delete", "merge", "share"});
    makes_table_ = makes_table_ || (is_word(word, "into") && !after_insert_);
    keeps_ = keeps_ || waits_or_keeps(word) || makes_table_;
    // FOR UPDATE and FOR NO KEY UPDATE only lock.
    modifies_ = modifies_ || is_any_of(word, {"insert", "delete", "merge"}) ||
                (is_word(word, "update") && !before_.is_word("for") && !before_.is_word("key"));
    after_insert_ = is_any_of(word, {"insert", "merge"});
  }

  void take_first_word(std::string_view word) noexcept {
    copying_ = is_word(word, "copy");
    traits_.copies = traits_.copies || copying_;
    rowless_ = is_rowless(word);
    traits_.commits = traits_.commits || is_any_of(word, {"commit", "end"});
    traits_.transacts = traits_.transacts ||
                        is_any_of(word, {"begin", "start", "commit", "end", "rollback", "abort", "prepare"});
    creates_ = is_word(word, "create");
    queries_ = is_any_of(word, {"select", "values", "table", "with"});
    rows_ = queries_ || is_any_of(word, {"insert", "update", "delete", "merge"});
    keeps_ = !rows_;
    modifies_ = makes_table_ = false;
  }

  /// Settings are named in quotes, too: set_config('transaction_read_only', ...).
  void take_quoted(std::string_view quoted) noexcept {
    std::size_t at = 0;
    for (std::string_view word = next_word(quoted, at); !word.empty(); word = next_word(quoted, at))
      look_for_read_only(word);
  }
  void look_for_read_only(std::string_view word) noexcept {
    constexpr std::string_view end = "read_only";
    if (word.size() >= end.size() && is_word(word.substr(word.size() - end.size()), end))
      traits_.says_read_only = true;
  }

  /// BEGIN ATOMIC ... END holds semicolons that end nothing.
  void follow_body(std::string_view word) noexcept {
    const bool label = before_.is_word("as") || before_.is('.');
    if (body_depth_ == 0 ? before_.is_word("begin") && is_word(word, "atomic")
                         : !label && is_word(word, "case"))
      ++body_depth_;
    if (body_depth_ > 0 && !label && is_word(word, "end")) --body_depth_;
  }

  static constexpr int max_create_words = 4;  // CREATE OR REPLACE FUNCTION

  TextTraits& traits_;
  Token before_;
  bool qualified_ = false;  // before_ has a schema in front of it
  bool seen_statement_ = false;
  bool in_statement_ = false;
  bool creates_ = false;
  bool creates_routine_ = false;
  bool queries_ = false;  // its first word asks for rows
  bool rows_ = false;     // it asks for rows, or changes them
  bool changes_ = false;  // a word of it changes rows, or locks them
  bool keeps_ = false;    // it does something else
  bool modifies_ = false;
  bool makes_table_ = false;
  bool after_insert_ = false;
  bool copying_ = false;      // COPY, and its FROM or TO has not come
  bool at_copy_end_ = false;  // it has, just now
  bool copies_to_ = false;
  bool rowless_ = false;
  int words_ = 0;
  int parameters_ = 0;  // the highest number
  int parens_ = 0;
  int body_depth_ = 0;
};

}  // namespace

TextTraits text_traits(std::string_view sql) noexcept {
  TextTraits traits;
  TraitsReader reader(traits);
  EffectReader effect;
  PathReader path;
  Lexer lexer(sql);
  while (const Token token = lexer.next_but_comments()) {
    reader.take(token);
    effect.take(token, lexer);
    path.take(token);
  }
  traits.effect = effect.effect();
  traits.path = path.effect();
  reader.end();
  return traits;
}

}  // namespace copg::sql
