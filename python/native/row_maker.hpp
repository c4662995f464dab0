// Makes Python's objects of the rows of one result, other than dictionaries and tuples. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "python/native/row_kind.hpp"

namespace copg::python {

namespace nb = nanobind;

class ResultRows;

/// Compares the columns with what the rows are to become once, so that a row costs no look at a name.
class RowMaker {
 public:
  /// For a kind that is not plain. `rows` must outlive it. Raises ProgrammingError if no such row can become
  /// a `kind`; it names the columns that are too many, and the fields that none is for.
  RowMaker(const ResultRows& rows, const RowKind& kind);

  /// A new reference. `row` must be one of the result's. Throws what reading a cell or the target raises.
  [[nodiscard]] PyObject* make(int row) const;

  /// The target's, that is: a value of a rare type may be made by Python's own library.
  [[nodiscard]] bool runs_no_python() const noexcept { return runs_no_python_; }

 private:
  /// How a field of the target gets its value.
  struct Source {
    PyObject* name;      // the target's
    std::size_t column;  // none: the fallback
    PyObject* fallback;  // the target's
    bool made;           // the fallback is to be called
  };
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  void aim(const RowTarget& target);
  void take_fields(const RowTarget& target);
  [[noreturn]] void reject(const RowTarget& target, bool twice) const;
  [[nodiscard]] nb::object value_for(const Source& source, int row) const;
  [[nodiscard]] PyObject* object(int row) const;
  [[nodiscard]] PyObject* named_tuple(int row) const;
  [[nodiscard]] PyObject* called(int row) const;

  const ResultRows& rows_;
  RowKind::Form form_;
  RowTarget::How how_{};
  std::shared_ptr<const RowTarget> target_;
  nb::object type_;              // what is made, or called
  nb::object keywords_;          // the names of the columns, a tuple
  std::vector<Source> sources_;  // of the fields, in their order
  bool runs_no_python_ = true;
};

}  // namespace copg::python
