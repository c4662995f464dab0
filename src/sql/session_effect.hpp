// What a text may do to the session that its command tag does not tell.
//
// A false alarm costs a reset; a miss leaks one caller's session into the next, so doubt counts as a change:
// words in strings count as if they were executed, because a function may do so. Words in comments don't.
#pragma once

#include <cstdint>
#include <string_view>

#include "sql/lexer.hpp"

namespace copg::sql {

/// Ordered: the worse, the greater.
enum class TextEffect : std::uint8_t {
  none,       ///< Nothing.
  touches,    ///< It may leave a setting, a session lock, a temporary table, a held cursor: wipe.
  permanent,  ///< It may leave what no wipe undoes (a loaded library, a seed, a dblink connection): close.
};

/// Finds it out from the tokens of a statement, or of several.
class EffectReader {
 public:
  /// Any but a comment; `behind`: a lexer that has just read it.
  void take(const Token& token, const Lexer& behind) noexcept;
  [[nodiscard]] TextEffect effect() const noexcept { return effect_; }

 private:
  void raise(TextEffect effect) noexcept {
    if (effect > effect_) effect_ = effect;
  }
  void take_word(std::string_view word, const Lexer* behind) noexcept;
  void take_words_inside(std::string_view quoted, const Lexer* behind) noexcept;
  void take_scope(std::string_view word) noexcept;

  TextEffect effect_ = TextEffect::none;
  bool begins_ = true;  // a statement begins with the next token
  bool sets_ = false;   // behind SET: what comes next says for how long
  bool inserts_ = false;
  bool creates_ = false;
  bool cursor_ = false;
  bool into_ = false;
  bool after_into_ = false;
};

}  // namespace copg::sql
