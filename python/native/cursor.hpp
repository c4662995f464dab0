// pycopg._native.Cursor: the rows of the last statement, and how many of them have been fetched. The cursors
// of both pools derive from it. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "python/native/result_rows.hpp"
#include "python/native/row_maker.hpp"

namespace copg::python {

namespace nb = nanobind;

class Cursor {
 public:
  /// `connection` is kept alive; it executes the statements.
  Cursor(nb::handle connection, RowKind rows) : connection_(nb::borrow(connection)), kind_(std::move(rows)) {}

  /// Before the next statement. InterfaceError if the cursor is closed.
  void forget();
  /// Returns the types of its columns that should be looked up before values are read.
  std::vector<Oid> keep(ResultRows rows);
  /// See ResultRows.
  void set_types(TypesNow types);
  void keep_count(std::int64_t row_count) noexcept { row_count_ = row_count; }
  void close() noexcept;
  /// The rows of the statement, also if it returns none. There must be one.
  [[nodiscard]] const ResultRows& rows() const noexcept { return *rows_; }

  /// The next row, or None after the last. ProgrammingError if there can be none.
  [[nodiscard]] nb::object fetch_one();
  [[nodiscard]] nb::object fetch_many(std::int64_t count);
  [[nodiscard]] nb::object fetch_all();

  [[nodiscard]] nb::handle connection() const noexcept { return connection_; }
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  [[nodiscard]] std::int64_t row_count() const noexcept { return row_count_; }
  /// None: the statement returns no rows.
  [[nodiscard]] nb::object row_number() const;
  [[nodiscard]] nb::object columns() const;
  [[nodiscard]] nb::object notices() const;
  [[nodiscard]] nb::object status() const;

  /// For the garbage collector of Python.
  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(connection_.ptr());
    return kind_.traverse(visit, arg);
  }

  [[nodiscard]] const RowKind& kind() const noexcept { return kind_; }
  void set_kind(RowKind kind) {
    kind_ = std::move(kind);
    maker_.reset();
  }

  std::int64_t array_size = 1;

 private:
  using Rows = std::shared_ptr<ResultRows>;
  struct KeptMaker {
    const Rows rows;
    const RowMaker maker;
  };
  /// A copy: while values are made, code of Python's may execute another statement on this cursor.
  [[nodiscard]] Rows fetchable() const;
  [[nodiscard]] bool returns_rows() const noexcept { return rows_ && rows_->returns_rows(); }
  [[nodiscard]] nb::object make(const Rows& rows, std::size_t index);
  [[nodiscard]] nb::object fetch_until(std::size_t end);

  const nb::object connection_;
  Rows rows_;
  RowKind kind_;
  std::shared_ptr<const KeptMaker> maker_;  // of rows_, for those that are fetched one by one
  std::int64_t row_count_ = -1;
  std::size_t next_ = 0;
  bool closed_ = false;
};

/// A cursor of the class that pycopg has for connections of threads, or for those of asyncio.
enum class CursorClass : std::uint8_t { threads, asyncio };
[[nodiscard]] nb::object make_cursor(CursorClass of, nb::handle connection, RowKind kind);

void bind_cursor(nb::module_& module);

}  // namespace copg::python
