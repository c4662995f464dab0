// Rows of several PGresults, gathered in one, as if they had come together: those that libpq hands out one by
// one or a few at a time (PQsetSingleRowMode, PQsetChunkedRowsMode), and those of many statements.
#pragma once

#include <libpq-fe.h>

#include <cstddef>
#include <utility>

#include "pq/errors.hpp"

namespace copg::pq {

class GatheredRows {
 public:
  [[nodiscard]] bool any() const noexcept { return rows_ != nullptr; }
  /// nullptr: there are neither rows nor columns.
  [[nodiscard]] const PGresult* raw() const noexcept { return rows_.get(); }
  /// How many there are.
  [[nodiscard]] int size() const noexcept { return rows_ ? PQntuples(rows_.get()) : 0; }
  /// The memory that they take.
  [[nodiscard]] std::size_t bytes() const noexcept { return rows_ ? PQresultMemorySize(rows_.get()) : 0; }

  /// Has the columns of `like` from now on, and no rows yet. Throws std::bad_alloc.
  void begin(const PGresult* like);
  /// Adds a row of `from`, whose columns are those of the rows before. There must be columns: a copy of a
  /// PGresult holds no rows without them. Throws std::bad_alloc.
  void add(const PGresult* from, int row = 0);
  /// Adds all rows of `from`, and copies none of them if they are the first.
  void add_all(ResultPtr from);
  /// Takes them out, as the rows of a result without a command tag. Null: there are none.
  [[nodiscard]] ResultPtr take() noexcept { return std::move(rows_); }
  /// Takes them out as the rows of `end`, the result without rows that came behind them.
  [[nodiscard]] ResultPtr take_with(const PGresult* end) noexcept;

 private:
  ResultPtr rows_;
};

}  // namespace copg::pq
