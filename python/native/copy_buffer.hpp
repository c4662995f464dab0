// The data of a COPY, gathered until there are enough to be sent, and rows encoded
// in text format. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/detail/copy_rows.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "python/native/copy_binary.hpp"
#include "python/native/types.hpp"

namespace copg::python {

namespace nb = nanobind;

/// The bytes of a bytes-like object, or the UTF-8 of a str. Throws TypeError, DataError.
class CopyData {
 public:
  /// `data` must outlive it.
  explicit CopyData(nb::handle data);
  CopyData(const CopyData&) = delete;
  CopyData& operator=(const CopyData&) = delete;
  ~CopyData();
  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }

 private:
  Py_buffer view_{};
  std::string_view bytes_;
};

class CopyBuffer {
 public:
  /// Data of this size are enough to be sent.
  static constexpr std::size_t enough = copg::detail::copy_piece_bytes;

  /// Each returns whether there are enough. An error appends nothing.

  /// A row: a sequence of values, other than str and bytes, or, if `columns` were given, a dict that has
  /// them. Throws ProgrammingMistake, DataError, and what values raise; both say which row.
  bool add_row(nb::handle row);
  /// Data in the format of the statement (CopyData).
  bool add_data(std::string_view data);
  /// Rows of an iterator until there are enough. False: it has ended.
  bool fill_with_rows(nb::handle iterator);

  /// From now on rows are gathered in binary format, of columns of these types. Of a row that does not fit
  /// `fill_with_rows` returns true, as often as it is called, and `misfit` is that row.
  void set_types(const std::vector<Oid>& types);
  /// Ends the rows in binary format.
  void end_binary() {
    if (binary_) CopyBinary::append_end(data_);
  }
  [[nodiscard]] const nb::object& misfit() const noexcept { return misfit_; }

  /// How many rows of the same call were sent before, by others.
  void set_rows_before(std::int64_t rows) noexcept { rows_ = rows; }
  /// A tuple of names, in whose order dicts are read; null: there are none.
  void set_columns(nb::object columns) { columns_ = std::move(columns); }
  /// Of the program's own, for values.
  void set_own_types(TypesNow types) { types_ = std::move(types); }
  [[nodiscard]] bool empty() const noexcept { return data_.empty(); }
  [[nodiscard]] std::string_view data() const noexcept { return data_; }
  /// Moves the data out.
  [[nodiscard]] std::string take();
  void clear() noexcept { data_.clear(); }

 private:
  [[nodiscard]] bool add_binary(nb::handle row);
  void append_row(PyObject* row);
  void append_dict(PyObject* row);
  void append_sequence(PyObject* row);
  void append_value(PyObject* value, std::size_t column);

  std::string data_;
  nb::object columns_;
  nb::object misfit_;
  std::optional<CopyBinary> binary_;
  TypesNow types_;
  std::int64_t rows_ = 0;
};

/// The rows of COPY ... TO STDOUT in text format, of whole lines: a list of tuples of str and None.
[[nodiscard]] nb::object rows_of_copy_text(std::string_view text);

void bind_copy_buffer(nb::module_& module);

}  // namespace copg::python
