// The rows of a result as Python objects, made when they are asked for. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/result.hpp>

#include <cstddef>
#include <vector>

#include "python/native/decode.hpp"
#include "python/native/key_sharing_dicts.hpp"

struct pg_result;

namespace copg::python {

namespace nb = nanobind;

/// What a row becomes.
enum class RowKind : bool { tuple, dict };

/// Keeps the result; holds no connection.
class ResultRows {
 public:
  explicit ResultRows(Result result);

  [[nodiscard]] std::size_t size() const noexcept { return result_.size(); }
  /// By the nature of the statement, be there any now or not.
  [[nodiscard]] bool returns_rows() const noexcept { return result_.returns_rows(); }
  /// It was a LISTEN.
  [[nodiscard]] bool is_listen() const noexcept;
  /// Rows [begin, end) as a list. `end` must be at most size().
  [[nodiscard]] nb::object fetch(std::size_t begin, std::size_t end, RowKind kind) const;
  /// One of them. `index` must be below size().
  [[nodiscard]] nb::object row(std::size_t index, RowKind kind) const;
  /// The first row, or None: also if the statement returns none by its nature.
  [[nodiscard]] nb::object first(RowKind kind) const;
  /// The first column of the first row, or None. Raises ProgrammingError if the row has no column.
  [[nodiscard]] nb::object value() const;
  /// Rows returned or affected; -1 if the statement does neither.
  [[nodiscard]] std::int64_t row_count() const noexcept;
  /// The command tag; None without a statement.
  [[nodiscard]] nb::object status() const;
  /// (name, type, size in bytes or -1, modifier or -1) of each column.
  [[nodiscard]] nb::object columns() const;

 private:
  struct Column {
    Decoder decode;
    Oid type;
  };
  [[nodiscard]] PyObject* cell(int row, std::size_t column) const;
  [[nodiscard]] PyObject* dict(int row, const KeySharingDicts& dicts) const;
  [[nodiscard]] PyObject* tuple(int row) const;
  [[noreturn]] void reject(std::size_t column) const;
  [[noreturn]] void fail(nb::handle type, const nb::object& message, nb::object cause) const;

  Result result_;
  const pg_result* raw_;
  std::vector<nb::object> names_;
  std::vector<Column> columns_;
};

}  // namespace copg::python
