// The table of a plain INSERT: how its rows are joined in one text, and what the server is asked of it.
#pragma once

#include <copg/params.hpp>

#include <cstddef>
#include <string>
#include <string_view>

#include "pq/statement_use.hpp"
#include "sql/plain_insert.hpp"

namespace copg::pq {

/// Asks whether the rows of an INSERT into a table may be joined; docs/adr/0041-rows-are-joined.md says why
/// each of the conditions. The answer is one row with one column: NULL, or, if they may, the session's
/// statement_timeout, "0" for none. Its transaction must have a lock on the table by then, so that nothing
/// can change after the answer.
struct QuestionAboutTable {
  /// `raise`: NULL is an error instead, with SQLSTATE 22P02.
  QuestionAboutTable(const sql::PlainInsert& insert, bool raise);
  QuestionAboutTable(const QuestionAboutTable&) = delete;
  QuestionAboutTable& operator=(const QuestionAboutTable&) = delete;

  const Params parameters;
  StatementUse use;
};

/// The text of the INSERT, with its row repeated. `sql` is that which `insert` refers to.
[[nodiscard]] std::string text_of_rows(std::string_view sql, const sql::PlainInsert& insert,
                                       std::size_t rows);

}  // namespace copg::pq
