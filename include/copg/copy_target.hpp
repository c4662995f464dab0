// Where the rows of copy_in go: a table, and which of its columns.
#pragma once

#include <copg/source_location.hpp>

#include <string>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

/// A table, and its columns in the order of the rows' values; none: all columns, in the table's order. Any
/// string converts to it where a call takes one: `copy_in("app.jobs", rows)`.
///
/// Names are quoted, so that they stand for themselves, in upper and lower case: `Jobs` is the table "Jobs",
/// not jobs. A dot in the table's name separates it from its schema; a name that has a dot, or another
/// character that is special, is written in double quotes, as in SQL: `app."v1.2"`.
struct CopyTarget {
  CopyTarget(const char* table_name,  // NOLINT(google-explicit-constructor): a string is a table here
             const SourceLocation& taken_at = SourceLocation::current())
      : CopyTarget(std::string(table_name), {}, taken_at) {}
  CopyTarget(std::string table_name, std::vector<std::string> column_names = {},  // NOLINT
             const SourceLocation& taken_at = SourceLocation::current())
      : table(std::move(table_name)), columns(std::move(column_names)), where(taken_at) {}

  std::string table;
  std::vector<std::string> columns;
  SourceLocation where;  ///< A PoolTimeout shows it of those who hold a connection.
};

namespace detail {

/// COPY "app"."jobs" ("id", "name") FROM STDIN. UsageError for a name that is empty or holds a NUL.
[[nodiscard]] std::string copy_in_text(const CopyTarget& target);

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
