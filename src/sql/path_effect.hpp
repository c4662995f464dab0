// What a statement may do to the meaning of names: to the search path; to the role, on which the path depends
// ("$user", and the schemas that a role may not use); to what the names stand for.
//
// Doubt counts as a change: a miss is an error in the middle of a transaction, where nothing can be repeated.
// What is not looked for: docs/adr/0027-generations-of-names.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sql/lexer.hpp"

namespace copg::sql {

/// Ordered: where a text has several, the greatest counts.
enum class PathEffect : std::uint8_t {
  none,
  calls,    ///< A function that is not known is called, and may change it for the transaction.
  undoes,   ///< ROLLBACK TO a savepoint.
  defines,  ///< DDL: names may stand for something else, for the rest of the transaction.
  changes,  ///< It is changed, or may be, in a way that pq::PathChange may know.
};

/// Follows the statements of a text, token by token.
class PathReader {
 public:
  /// Any but a comment.
  void take(const Token& token) noexcept;
  [[nodiscard]] PathEffect effect() const noexcept { return effect_; }

 private:
  enum class Verb : std::uint8_t { other, set, reset, discard, create, define, rollback };
  /// A name with a list of columns behind it is no call: behind INTO, WITH, AS, or a parenthesis.
  enum class Relation : std::uint8_t { none, awaited, named };
  /// The first argument of set_config.
  enum class Setting : std::uint8_t { none, awaited, other };

  void raise(PathEffect effect) noexcept {
    if (effect > effect_) effect_ = effect;
  }
  void start_statement() noexcept;
  void take_word(std::string_view word) noexcept;
  void take_first_word(std::string_view word) noexcept;
  void take_quoted() noexcept;
  void take_open() noexcept;
  void follow_setting(const Token& token) noexcept;
  void follow_relation(const Token& token) noexcept;

  PathEffect effect_ = PathEffect::none;
  Verb verb_ = Verb::other;
  Relation relation_ = Relation::none;
  Setting setting_ = Setting::none;
  Token last_;
  bool after_into_ = false;     // that of a SELECT
  bool after_insert_ = false;   // INSERT INTO, MERGE INTO
  bool lists_queries_ = false;  // between WITH and its statement
  bool qualified_ = false;      // the name just taken has a schema in front
  bool in_catalog_ = false;     // which is pg_catalog
  int words_ = 0;               // of the statement
  int parens_ = 0;
};

/// What a setting is to the meaning of names.
enum class PathSetting : std::uint8_t {
  other,        ///< Nothing.
  search_path,  ///< The path.
  role,         ///< The role.
  session,      ///< session_authorization, whose RESET depends on how the session began.
};
[[nodiscard]] PathSetting path_setting(std::string_view name) noexcept;

/// The contents of a plain string constant. None where a quote or a backslash might stand for something else.
[[nodiscard]] std::optional<std::string_view> plain_contents(std::string_view constant) noexcept;

}  // namespace copg::sql
