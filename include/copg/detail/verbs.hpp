// The verbs that execute a statement, once for all that have them. Not for users.
#pragma once

#include <copg/copy_stream.hpp>
#include <copg/copy_target.hpp>
#include <copg/detail/copy_rows.hpp>
#include <copg/detail/range_source.hpp>
#include <copg/detail/row_shape.hpp>
#include <copg/detail/rows_of.hpp>
#include <copg/params.hpp>
#include <copg/result.hpp>
#include <copg/row.hpp>
#include <copg/row_stream.hpp>
#include <copg/sql.hpp>

#include <cstdint>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

/// `Self` derives from it, and has execute(sql, params), execute_many(sql, source), copy_in(sql, source),
/// stream(sql, params), fetch(sql, params, shape) and execute_many_returning(sql, source).
template <class Self>
class Verbs {
 public:
  /// Executes one statement, or, without parameters, several, in one round trip. Of several, the rows are
  /// those of the first that returns any. Parameters are sent beside the text, never pasted into it.
  template <Encodable... Args>
  Result execute(const Sql& sql, const Args&... args) {
    return self().execute(sql, copg::params(args...));
  }
  /// Returns all rows, each as a T, which owns its memory: an aggregate or tuple by position, an aggregate by
  /// name (copg::by_name), a map from the columns' names, or one value.
  /// DataError if the columns do not fit a T: a statement that may write is not executed then; to find out,
  /// its first use costs one more round trip. DataError, too, if a value does not fit: the statement was
  /// executed then, as `info().executed` says.
  template <class T, Encodable... Args>
  [[nodiscard]] std::vector<RowType<T>> fetch_all(const Sql& sql, const Args&... args) {
    return to_vector<T>(self().fetch(sql, copg::params(args...), rows_as<T>));
  }
  /// Returns the first row; nothing if there is none, or if the statement can't return rows. Throws as
  /// fetch_all.
  template <class T, Encodable... Args>
  [[nodiscard]] std::optional<RowType<T>> fetch_one(const Sql& sql, const Args&... args) {
    return to_optional<T>(self().fetch(sql, copg::params(args...), rows_as<T>));
  }
  /// Returns the only column of the first row. Throws as fetch_all. Without a row: NULL for an optional T;
  /// else DataError, or UsageError before anything is sent if the text can't return rows.
  template <class T, Encodable... Args>
  [[nodiscard]] T fetch_val(const Sql& sql, const Args&... args) {
    return to_value<T>(self().fetch(sql, copg::params(args...), value_as<T>));
  }
  /// Executes one statement, whose rows are read as they are asked for, in chunks (RowStream):
  /// `for (copg::Row row : conn.stream(sql, args...))`, or, with a T as of fetch_all, each as a T:
  /// `for (User user : conn.stream<User>(sql, args...))`. UsageError for several statements and for COPY. A
  /// statement that returns no rows is executed when the first row is asked for.
  template <class T = Row, Encodable... Args>
  [[nodiscard]] StreamOf<T> stream(const Sql& sql, const Args&... args) {
    return StreamOf<T>(self().stream(sql, copg::params(args...)));
  }
  /// Sends a notification to those who listen to the channel, when the transaction is committed: at once, if
  /// none is open. Within one transaction the server sends equal notifications once. The server refuses a
  /// payload of 8,000 bytes and more, and a channel's name that is empty or longer than 63 bytes
  /// (QueryFailed, 22023).
  void notify(std::string_view channel, std::string_view payload = {}) {
    self().execute("SELECT pg_catalog.pg_notify($1, $2)", copg::params(channel, payload));
  }
  /// Executes one statement for each row of parameters (tuples, aggregates or single values) in one pipeline,
  /// with a constant number of round trips and bounded memory. Returns the number of affected rows; 0 for an
  /// empty range, for which nothing is done. The rows are part of an open transaction, or else one of their
  /// own. An error names its row (ErrorInfo::row_index) and undoes all rows. So does an exception of the
  /// range, which reaches the caller. Rows of a plain INSERT share statements where nobody can tell
  /// (PoolOptions::join_rows).
  template <std::ranges::input_range Range>
  std::int64_t execute_many(const Sql& sql, Range&& rows) {
    RangeSource<std::remove_reference_t<Range>> source(rows);
    return source.empty() ? 0 : self().execute_many(sql, static_cast<RowSource&>(source));
  }
  /// As execute_many, of a statement that returns rows, such as INSERT ... RETURNING: returns them, each as a
  /// T as of fetch_all, in the order of the rows of parameters. Those of one INSERT are not joined, so that
  /// the order is certain. Memory holds all that is returned. DataError if the columns or a value do not fit
  /// a T: the rows were executed then, as `info().executed` says.
  template <class T, std::ranges::input_range Range>
  std::vector<RowType<T>> execute_many_returning(const Sql& sql, Range&& rows) {
    RangeSource<std::remove_reference_t<Range>> source(rows);
    if (source.empty()) return {};
    return all_to_vector<T>(self().execute_many_returning(sql, static_cast<RowSource&>(source)));
  }
  /// Copies rows (tuples, aggregates or single values) into a table by COPY, the fastest way in: one
  /// statement, in bounded memory. Returns the number of rows copied. All or none: an error undoes those of
  /// this call, and fails an open transaction; the server's names the line, from 1, and the column
  /// (ErrorInfo::context). A DataError of a row that can't be sent has its index (ErrorInfo::row_index).
  /// An exception of the range reaches the caller. Values are converted to the columns' types by the server.
  template <std::ranges::input_range Range>
  std::int64_t copy_in(const CopyTarget& target, Range&& rows) {
    CopyRows<std::remove_reference_t<Range>> source(rows);
    const std::string text = copy_in_text(target);
    return self().copy_in(Sql(text, target.where), static_cast<CopySource&>(source));
  }

 protected:
  ~Verbs() = default;

 private:
  friend Self;
  Verbs() = default;
  Verbs(const Verbs&) = default;
  Verbs(Verbs&&) noexcept = default;
  Verbs& operator=(const Verbs&) = default;
  Verbs& operator=(Verbs&&) noexcept = default;
  [[nodiscard]] Self& self() noexcept { return static_cast<Self&>(*this); }
};

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
