// Reads SQL text just far enough to know how it must be sent. Never judges it: what makes no sense goes to
// the server as it is, and the server says what is wrong with it.
#pragma once

#include <string_view>

#include "sql/path_effect.hpp"
#include "sql/session_effect.hpp"

namespace copg::sql {

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
  bool copies_in = false;   ///< One of them is COPY ... FROM STDIN: the server asks for data.
  bool copies_out = false;  ///< One of them is COPY ... TO STDOUT: the server sends data.
  bool rowless = false;     ///< It is one statement, and one of a kind that never returns rows.
  bool portal = false;      ///< It is one statement, and one that DECLARE CURSOR takes.
  /// Of one statement that reads or changes rows, how many parameters it takes: the highest $n. -1 for
  /// another, where a $n may be that of a function's body or of a PREPARE.
  int parameters = -1;
  TextEffect effect = TextEffect::none;  ///< What it may do to the session.
  PathEffect path = PathEffect::none;    ///< What it may do to the search path and the role.
  // At most one of them, and then it is one statement that leaves nothing behind in the session, as far as
  // its words tell.
  bool reads = false;   ///< It only reads, and waits for nobody's lock.
  bool writes = false;  ///< It may write or lock rows, and so wait for another transaction.
};

/// One pass over the text. The bodies of SQL-standard functions (BEGIN ATOMIC ... END) are respected.
[[nodiscard]] TextTraits text_traits(std::string_view sql) noexcept;

}  // namespace copg::sql
