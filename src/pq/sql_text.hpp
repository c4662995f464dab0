// Reads SQL text just far enough to know how it must be sent. Never judges it: what the scanner can't make
// sense of goes to the server as it is, and the server says what is wrong with it.
#pragma once

#include <cstddef>
#include <string_view>

#include "pq/session_state.hpp"
#include "sql/path_effect.hpp"

namespace copg::pq {

/// What must be known of a text before it is sent. Found once per text and kept beside the prepared
/// statement.
struct TextTraits {
  bool several = false;  ///< More than one statement: only the simple protocol takes it.
  bool copies = false;   ///< One of them starts with COPY: the server may ask for data, or send it.
  bool commits = false;  ///< One of them is COMMIT or END: a lost answer leaves its outcome unknown.
  /// One of them may begin or end a transaction, by its first word (PREPARE TRANSACTION, too).
  bool transacts = false;
  /// "read only" or "read_only" stands in it: a refused write is the user's own choice.
  bool says_read_only = false;
  /// It calls a function that is not known to leave the server's reported parameters alone.
  bool calls = false;
  bool copies_in = false;                ///< One of them is COPY ... FROM STDIN: the server asks for data.
  bool copies_out = false;               ///< One of them is COPY ... TO STDOUT: the server sends data.
  bool rowless = false;                  ///< It is one statement, and one of a kind that never returns rows.
  TextEffect effect = TextEffect::none;  ///< What it may do to the session.
  sql::PathEffect path = sql::PathEffect::none;  ///< What it may do to the search path and the role.
  // At most one of them, and then it is one statement that leaves nothing behind in the session, as far as
  // its words tell.
  bool reads = false;   ///< It only reads, and waits for nobody's lock.
  bool writes = false;  ///< It may write or lock rows, and so wait for another transaction.
};

/// One pass over the text; quotes, E'' strings, dollar quotes, quoted identifiers and nested comments are
/// respected, as are the bodies of SQL-standard functions (BEGIN ATOMIC ... END). standard_conforming_strings
/// is taken to be on.
[[nodiscard]] TextTraits text_traits(std::string_view sql) noexcept;

/// Of the line with `at` in it, and so of a line comment: before either character that ends one.
[[nodiscard]] std::size_t end_of_line(std::string_view sql, std::size_t at) noexcept;

/// Behind the closing quote of a string constant: the quote that opens its next part, npos if it has none.
/// Parts stand on different lines, with white space and line comments alone between them, and follow the
/// rules of the first.
[[nodiscard]] std::size_t next_part_of_string(std::string_view sql, std::size_t at) noexcept;

}  // namespace copg::pq
