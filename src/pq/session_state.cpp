// What a statement may do to the session, by its words and its command tag.
#include "pq/session_state.hpp"

#include <algorithm>
#include <cctype>

#include "pq/sql_text.hpp"

namespace copg::pq {
namespace {

constexpr std::array<bool, 256> make_word_bytes() {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c) {
    table[static_cast<std::size_t>(c)] =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c >= 128;
  }
  return table;
}
constexpr std::array<bool, 256> word_bytes = make_word_bytes();

bool is_word_byte(char c) noexcept { return word_bytes[static_cast<unsigned char>(c)]; }

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// `word` is in lower case. SQL's keywords and the functions looked for are ASCII.
bool starts_with(std::string_view text, std::string_view word) noexcept {
  if (text.size() < word.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (lower(text[i]) != word[i]) return false;
  }
  return true;
}
bool equals(std::string_view text, std::string_view word) noexcept {
  return text.size() == word.size() && starts_with(text, word);
}

std::string_view next_word(std::string_view sql, std::size_t& at) noexcept {
  while (at < sql.size() && !is_word_byte(sql[at])) ++at;
  const std::size_t begin = at;
  while (at < sql.size() && is_word_byte(sql[at])) ++at;
  return sql.substr(begin, at - begin);
}

// set_config(name, value, true) lasts to the end of the transaction: how row-level security is told who asks,
// in every request. `at` is behind the function's name. True only when the last argument is plainly the word
// `true`.
bool ends_with_transaction(std::string_view sql, std::size_t at) noexcept {
  while (at < sql.size() && sql[at] != '(') ++at;
  int depth = 0;
  char quote = 0;
  std::size_t argument = at;
  for (; at < sql.size(); ++at) {
    const char c = sql[at];
    if (quote != 0) {
      if (c == '\\') return false;  // an E'' literal: where it ends takes more than this
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '(') {
      if (++depth == 1) argument = at + 1;
    } else if (c == ')' && --depth == 0) {
      std::string_view last = sql.substr(argument, at - argument);
      while (!last.empty() && std::isspace(static_cast<unsigned char>(last.front())) != 0)
        last.remove_prefix(1);
      while (!last.empty() && std::isspace(static_cast<unsigned char>(last.back())) != 0)
        last.remove_suffix(1);
      return equals(last, "true");
    } else if (c == ',' && depth == 1) {
      argument = at + 1;
    } else if (c == '$' || (c == '-' && at + 1 < sql.size() && sql[at + 1] == '-') || c == '/') {
      // A parameter is harmless; a dollar quote or a comment may hide a parenthesis.
      const bool parameter = c == '$' && at + 1 < sql.size() && sql[at + 1] >= '0' && sql[at + 1] <= '9';
      if (!parameter) return false;
    }
  }
  return false;
}

struct Finding {
  std::string_view name;
  TextEffect effect;
  bool prefix;  // a family of functions
};

// Names begin with the same letter where they stand together: the scan looks at the first letter before
// anything else.
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
    if (finding.prefix ? starts_with(word, finding.name) : equals(word, finding.name)) return finding.effect;
  }
  return TextEffect::none;
}

// Walks the words of a text, with what must be remembered from one to the next.
class TextScan {
 public:
  TextEffect run(std::string_view sql) noexcept {
    // SET that does not open a statement assigns columns (UPDATE) or another role's settings (ALTER).
    std::size_t at = skip_comments(sql);
    const std::string_view rest = sql.substr(at);
    const bool several = rest.find(';') < rest.find_last_not_of(spaces);
    for (std::string_view word = next_word(sql, at); !word.empty(); word = next_word(sql, at)) {
      set_counts_ = several || word.data() == rest.data();
      look_at(word, sql, at);
      after_into_ = equals(word, "into");
    }
    return effect_;
  }

 private:
  static constexpr std::string_view spaces = " \t\r\n\f\v";

  // Where the first statement begins.
  static std::size_t skip_comments(std::string_view sql) noexcept {
    std::size_t at = 0;
    while (true) {
      at = std::min(sql.find_first_not_of(spaces, at), sql.size());
      const std::string_view rest = sql.substr(at);
      if (rest.starts_with("--")) {
        at = end_of_line(sql, at);
      } else if (rest.starts_with("/*")) {
        at = end_of_comment(sql, at);
      } else {
        return at;
      }
    }
  }
  static std::size_t end_of_comment(std::string_view sql, std::size_t at) noexcept {
    for (int depth = 0; at < sql.size();) {
      const std::string_view rest = sql.substr(at);
      if (rest.starts_with("/*")) {
        ++depth;
        at += 2;
      } else if (rest.starts_with("*/")) {
        at += 2;
        if (--depth == 0) return at;
      } else {
        ++at;
      }
    }
    return sql.size();
  }

  void raise(TextEffect effect) noexcept { effect_ = std::max(effect_, effect); }

  void look_at(std::string_view word, std::string_view sql, std::size_t behind) noexcept {
    switch (lower(word[0])) {
      case 's': return look_at_set(word, sql, behind);
      case 't':
        // INSERT INTO readings (temp) is no temporary table; SELECT ... INTO TEMP is.
        if (equals(word, "temp") || equals(word, "temporary")) {
          if (create_ || after_into_ || (into_ && !inserts_)) raise(TextEffect::touches);
        }
        return;
      case 'c':
        create_ = create_ || equals(word, "create");
        cursor_ = cursor_ || equals(word, "cursor");
        return;
      case 'h':
        if (cursor_ && equals(word, "hold")) raise(TextEffect::touches);
        return;
      case 'i':
        into_ = into_ || equals(word, "into");
        inserts_ = inserts_ || equals(word, "insert");
        return;
      case 'm': inserts_ = inserts_ || equals(word, "merge"); return;
      case 'p':
      case 'd': raise(function_effect(word)); return;
      default: return;
    }
  }

  void look_at_set(std::string_view word, std::string_view sql, std::size_t behind) noexcept {
    if (equals(word, "set")) {
      const std::string_view next = next_word(sql, behind);
      const bool in_transaction =
          equals(next, "local") || equals(next, "transaction") || equals(next, "constraints");
      if (set_counts_ && !in_transaction) raise(TextEffect::touches);
    } else if (equals(word, "set_config")) {
      if (!ends_with_transaction(sql, behind)) raise(TextEffect::touches);
    } else {
      raise(function_effect(word));
    }
  }

  TextEffect effect_ = TextEffect::none;
  bool set_counts_ = false;
  bool inserts_ = false;
  bool create_ = false;
  bool cursor_ = false;
  bool into_ = false;
  bool after_into_ = false;
};

}  // namespace

TextEffect SessionState::text_effect(std::string_view sql) noexcept { return TextScan{}.run(sql); }

void SessionState::note_command(std::string_view tag, TextEffect effect) noexcept {
  // SET, CREATE and DECLARE are told by the text: their tags don't tell SET LOCAL, a permanent table, a
  // cursor that ends with its transaction.
  const auto raise = [this](TextEffect to) { effect_ = std::max(effect_, to); };
  raise(effect);
  if (tag == "PREPARE") {
    prepared_in_sql_ = true;
    raise(TextEffect::touches);
  } else if (tag == "DISCARD ALL" || tag == "DEALLOCATE ALL") {
    // Gone is also what was set up after connecting.
    if (tag == "DISCARD ALL" || prepared_in_sql_) raise(TextEffect::touches);
    prepared_gone_ = true;
    prepared_in_sql_ = false;
  } else if (tag == "LOAD") {
    raise(TextEffect::permanent);
  } else if (tag == "LISTEN" || tag == "RESET" || tag == "DO" || tag == "CALL" || tag == "DEALLOCATE" ||
             tag == "DISCARD TEMP" || tag == "UNLISTEN") {
    raise(TextEffect::touches);
  }
}

bool SessionState::parameters_changed(const PGconn* conn) const noexcept {
  for (std::size_t i = 0; i < reported_parameters.size(); ++i) {
    // A server reports at connect all that it will ever report; libpq walks its whole list for one it does
    // not know.
    if (!reported_[i]) continue;
    const char* now = PQparameterStatus(conn, reported_parameters[i]);
    if (baseline_[i] != std::string_view(now == nullptr ? "" : now)) return true;
  }
  return false;
}

void SessionState::set_baseline(const PGconn* conn) {
  effect_ = TextEffect::none;
  prepared_in_sql_ = false;
  for (std::size_t i = 0; i < reported_parameters.size(); ++i) {
    const char* now = PQparameterStatus(conn, reported_parameters[i]);
    reported_[i] = now != nullptr;
    baseline_[i] = now == nullptr ? "" : now;
  }
}

}  // namespace copg::pq
