// Recognises INSERT INTO table (columns) VALUES (row), whose row could be repeated in the same statement
// without a caller being able to tell: each value is a parameter, a constant or DEFAULT, maybe with a cast to
// a type of PostgreSQL's own. Anything else in the text, such as RETURNING, ON CONFLICT, WITH, or an
// expression, makes it none. Doubt counts as none. What the table must be like is asked of the server
// (pq/insert_target.hpp).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace copg::sql {

struct PlainInsert {
  std::string_view schema;  ///< As written, maybe in quotes; empty if the table has none in front of it.
  std::string_view table;   ///< As written, maybe in quotes.
  std::string_view row;     ///< The row of values, with its parentheses.
  int parameters = 0;       ///< The highest $n, which is at least 1.
};

/// The parts refer to the text. Does not allocate.
[[nodiscard]] std::optional<PlainInsert> plain_insert(std::string_view sql) noexcept;

}  // namespace copg::sql
