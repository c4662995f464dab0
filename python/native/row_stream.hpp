// pycopg._native.Stream: a statement whose rows are asked for one by one, and come from the server in chunks.
// The streams of threads and of asyncio derive from it. Needs the GIL. For one thread or task at a time.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/result.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <vector>

#include "engine/calls/jobs.hpp"
#include "python/native/result_rows.hpp"
#include "python/native/row_kind.hpp"

namespace copg::python {

namespace nb = nanobind;

class Stream {
 public:
  /// `size`: rows of a chunk. `timeout`: of each wait for a chunk, or a Deadline for all; None: the
  /// connection's. `row`: what a row becomes; None: as the connection says.
  Stream(nb::handle connection, nb::handle sql, nb::handle params, nb::handle size, nb::handle timeout,
         nb::handle row);

  [[nodiscard]] bool has_row() const noexcept { return rows_ && at_ < rows_->size(); }
  /// The next row of the chunk, which there must be; nullptr with an error of Python's.
  [[nodiscard]] PyObject* take_row() noexcept;
  /// What the next chunk is asked of; nullptr: there is none. InterfaceError after `close`.
  [[nodiscard]] std::shared_ptr<engine::OpenStream> to_be_read();
  /// Returns the types of its columns that should be looked up before `make_rows`.
  [[nodiscard]] std::vector<Oid> keep(Result chunk);
  /// Of the chunk that is kept.
  void make_rows();
  void close() noexcept;

  [[nodiscard]] nb::handle connection() const noexcept { return connection_; }
  [[nodiscard]] nb::handle sql() const noexcept { return sql_; }
  [[nodiscard]] nb::handle params() const noexcept { return params_; }
  [[nodiscard]] nb::handle timeout() const noexcept { return timeout_; }

  /// For the garbage collector of Python.
  int traverse(visitproc visit, void* arg) const;

 private:
  nb::object connection_;  // kept alive
  nb::object sql_;
  nb::object params_;
  nb::object timeout_;
  const RowKind kind_;
  const std::size_t size_;
  std::shared_ptr<engine::OpenStream> stream_;  // null: closed, or
  bool unsent_ = false;                         // the types of its parameters are to be looked up first
  std::shared_ptr<ResultRows> rows_;            // code of Python's may run while they are read
  nb::object made_;                             // the rows as a list; invalid: one of them can't be made
  std::size_t at_ = 0;
};

void bind_row_stream(nb::module_& module);

}  // namespace copg::python
