// The rows of a result as Python objects, made when they are asked for. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/result.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "python/native/decode.hpp"
#include "python/native/key_sharing_dicts.hpp"
#include "python/native/row_kind.hpp"
#include "python/native/types.hpp"

struct pg_result;

namespace copg::python {

namespace nb = nanobind;

/// Keeps the result; holds no connection.
class ResultRows {
 public:
  /// `types`: of the program's own; null: none.
  ResultRows(Result result, TypesNow types);
  /// From now on its values are read so.
  void set_types(TypesNow types);
  /// Of the columns, those that should be looked up before values are read.
  [[nodiscard]] std::vector<Oid> unknown_types() const;

  [[nodiscard]] std::size_t size() const noexcept { return result_.size(); }
  /// By the nature of the statement, be there any now or not.
  [[nodiscard]] bool returns_rows() const noexcept { return result_.returns_rows(); }
  /// It was a LISTEN.
  [[nodiscard]] bool is_listen() const noexcept;
  /// Rows [begin, end) as a list. `end` must be at most size().
  [[nodiscard]] nb::object fetch(std::size_t begin, std::size_t end, const RowKind& kind) const;
  /// One of them. `index` must be below size().
  [[nodiscard]] nb::object row(std::size_t index, const RowKind& kind) const;
  /// The first row, or None: also if the statement returns none by its nature.
  [[nodiscard]] nb::object first(const RowKind& kind) const;
  /// The first column of the first row, or None. Raises ProgrammingError if the row has no column.
  [[nodiscard]] nb::object value() const;
  /// Rows returned or affected; -1 if the statement does neither.
  [[nodiscard]] std::int64_t row_count() const noexcept;
  /// The command tag; None without a statement.
  [[nodiscard]] nb::object status() const;
  /// (severity, SQLSTATE, message, detail, hint, context) of each; None for what is empty.
  [[nodiscard]] nb::object notices() const;
  /// (name, type, size in bytes or -1, modifier or -1) of each column.
  [[nodiscard]] nb::object columns() const;

  // For what makes rows of the cells.

  /// Of the columns, interned.
  [[nodiscard]] std::span<const nb::object> names() const noexcept { return names_; }
  [[nodiscard]] nb::object names_as_tuple() const;
  /// A new reference. Raises DataError that names the column.
  [[nodiscard]] PyObject* cell(int row, std::size_t column) const;
  /// Raises ProgrammingError if there is none.
  void require_a_column() const;
  /// What has become of the statement, to be added to a message; may be empty.
  [[nodiscard]] std::string effect() const;
  /// Raises an error of this class, which says that, too.
  [[noreturn]] void fail(nb::handle type, const nb::object& message, nb::object cause) const;

 private:
  [[nodiscard]] PyObject* dict(int row, const KeySharingDicts& dicts) const;
  [[nodiscard]] PyObject* tuple(int row) const;
  template <class Make>
  [[nodiscard]] static nb::object list_of(std::size_t begin, std::size_t end, const Make& make);
  [[noreturn]] void reject(int row, std::size_t column) const;

  Result result_;
  const pg_result* raw_;
  std::vector<nb::object> names_;
  std::vector<CellReader> columns_;
  TypesNow types_;  // keeps what the columns refer to
};

[[nodiscard]] std::vector<ResultRows> rows_of_results(std::vector<Result> results, const TypesNow& types);
/// As ResultRows::unknown_types, of all.
[[nodiscard]] std::vector<Oid> unknown_types_of(const std::vector<ResultRows>& all);
/// The rows of one after the other, as one list.
[[nodiscard]] nb::object list_of_rows(const std::vector<ResultRows>& all, const RowKind& kind);

/// The same, of what has been returned. `look_up(types)` returns what is known afterwards.
template <class LookUp>
nb::object read_rows(std::vector<Result> results, const TypesNow& types, const RowKind& kind,
                     const LookUp& look_up) {
  std::vector<ResultRows> all = rows_of_results(std::move(results), types);
  if (const auto unknown = unknown_types_of(all); !unknown.empty()) [[unlikely]] {
    const TypesNow known = look_up(unknown);
    for (ResultRows& rows : all) rows.set_types(known);
  }
  return list_of_rows(all, kind);
}

/// What `returning` of execute_many says: nothing if no rows are wanted; `rows`: what they become if it does
/// not say.
[[nodiscard]] std::optional<RowKind> returned_as(nb::handle returning, const RowKind& rows);

}  // namespace copg::python
