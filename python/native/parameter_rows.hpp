// A Python iterable of parameters as a copg::RowSource: the GIL is taken once for many rows.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/row_source.hpp>

#include <memory>
#include <vector>

#include "python/native/statement.hpp"
#include "python/native/types.hpp"

namespace copg::python {

/// Throws what Python raises; of an asynchronous iterable it says where that can be read.
[[nodiscard]] nb::object iterator_of(nb::handle iterable);

class ParameterRows final : public RowSource {
 public:
  /// Rows taken from the iterable at a time, and the bytes of their values above which no more are taken.
  static constexpr std::size_t batch_rows = 256;
  static constexpr std::size_t batch_bytes = 65536;

  /// With the GIL. Takes the first rows. Throws what iterating raises, ProgrammingMistake, DataError, and
  /// what is raised for an object that can't be sent.
  ParameterRows(std::shared_ptr<const KnownText> text, nb::handle iterable, TypesNow types);

  /// Of rows that are added one by one.
  ParameterRows(std::shared_ptr<const KnownText> text, TypesNow types)
      : text_(std::move(text)), types_(std::move(types)), ended_(true) {}

  /// With the GIL, while no operation takes rows. True: there are enough to be sent. Throws as the
  /// constructor.
  bool add(PyObject* params);
  /// Not sent yet.
  [[nodiscard]] std::size_t left() const noexcept { return batch_.size() - next_; }
  /// So far.
  [[nodiscard]] std::size_t taken() const noexcept { return taken_; }

  [[nodiscard]] bool empty() const noexcept { return batch_.empty(); }
  /// Without the GIL. Throws as the constructor.
  bool next(Params& row) override;
  /// For the garbage collector of Python.
  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(iterator_.ptr());
    return 0;
  }

 private:
  void fetch();
  [[nodiscard]] bool is_full() const noexcept { return batch_.size() >= batch_rows || bytes_ >= batch_bytes; }
  void clear() noexcept;
  void take(PyObject* params);
  void add_row(PyObject* params, Params& row);
  void widen(const Params& row);

  std::shared_ptr<const KnownText> text_;
  TypesNow types_;
  nb::object iterator_;
  std::vector<Params> batch_;
  std::vector<Oid> floors_;  // the widest whole number so far, for each parameter
  std::size_t next_ = 0;
  std::size_t bytes_ = 0;  // of the batch's values
  std::size_t taken_ = 0;  // from the iterable
  bool ended_ = false;
};

}  // namespace copg::python
