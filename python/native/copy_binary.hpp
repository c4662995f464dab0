// Rows in COPY's binary format, which costs both sides less than text: for columns of known types and values
// of just those. Needs the GIL. See docs/adr/0050-a-copy-is-parked-between-calls.md.
#pragma once

#include <Python.h>

#include <copg/oid.hpp>

#include <string>
#include <vector>

namespace copg::python {

class CopyBinary {
 public:
  /// Appends a value that is not None. False, and nothing is appended: it means something else as text.
  using Append = bool (*)(PyObject*, std::string&);

  /// Whether values of this type can be written.
  [[nodiscard]] static bool knows(Oid type) noexcept;

  /// Of columns whose types it knows.
  explicit CopyBinary(const std::vector<Oid>& types);

  static void append_header(std::string& out);
  static void append_end(std::string& out);
  /// False, and nothing is appended: the row is no tuple or list of one value for each column, or a value
  /// means something else as text. Throws DataError.
  [[nodiscard]] bool append_row(PyObject* row, std::string& out) const;

 private:
  std::vector<Append> columns_;
};

}  // namespace copg::python
