// Encoding happens row by row into one string, so that a row costs a call and no object.
#include "python/native/copy_buffer.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <copg/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "codec/copy_text.hpp"
#include "python/native/adapt.hpp"
#include "python/native/binding.hpp"
#include "python/native/call_errors.hpp"
#include "python/native/raised.hpp"

namespace copg::python {

CopyData::CopyData(nb::handle data) {
  if (PyUnicode_Check(data.ptr())) {
    Py_ssize_t size = 0;
    const char* const text = PyUnicode_AsUTF8AndSize(data.ptr(), &size);
    if (text == nullptr) {
      nb::python_error surrogate;
      throw DataError(std::string("a string can't be sent as UTF-8: ") + surrogate.what());
    }
    bytes_ = {text, static_cast<std::size_t>(size)};
    return;
  }
  if (PyObject_CheckBuffer(data.ptr()) == 0) {
    PyErr_Format(PyExc_TypeError, "COPY takes bytes or str as data, not %s", Py_TYPE(data.ptr())->tp_name);
    throw nb::python_error();
  }
  if (PyObject_GetBuffer(data.ptr(), &view_, PyBUF_CONTIG_RO) != 0) throw nb::python_error();
  bytes_ = {static_cast<const char*>(view_.buf), static_cast<std::size_t>(view_.len)};
}

CopyData::~CopyData() {
  if (view_.obj != nullptr) PyBuffer_Release(&view_);
}

bool CopyBuffer::add_row(nb::handle row) {
  const std::size_t before = data_.size();
  try {
    append_row(row.ptr());
  } catch (const ProgrammingMistake& mistake) {
    data_.resize(before);
    throw ProgrammingMistake(fmt::format("row {}: {}", rows_, mistake.what()));
  } catch (const DataError& error) {
    data_.resize(before);
    ErrorInfo info = error.info();
    info.row_index = rows_;
    throw DataError(std::move(info));
  } catch (Undumped& failed) {
    data_.resize(before);
    failed.what = fmt::format("row {}, {}", rows_, failed.what);
    failed.raise();
  } catch (...) {
    data_.resize(before);
    throw;
  }
  ++rows_;
  return data_.size() >= enough;
}

void CopyBuffer::append_row(PyObject* row) {
  if (PyTuple_Check(row)) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(row); ++i) {
      if (i > 0) data_ += '\t';
      append_value(PyTuple_GET_ITEM(row, i), static_cast<std::size_t>(i));
    }
  } else if (PyDict_Check(row)) {
    append_dict(row);
  } else {
    append_sequence(row);
  }
  data_ += '\n';
}

void CopyBuffer::append_value(PyObject* value, std::size_t column) {
  try {
    append_copy_value(value, data_, types_.get());
  } catch (Undumped& failed) {
    failed.what = fmt::format("column {}: {}", column + 1, failed.what);
    throw;
  }
}

void CopyBuffer::append_dict(PyObject* row) {
  if (!columns_.is_valid())
    throw ProgrammingMistake("a dict is a row only if the columns are named: give columns=[...]");
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(columns_.ptr()); ++i) {
    PyObject* const name = PyTuple_GET_ITEM(columns_.ptr(), i);
    const nb::object value = nb::borrow(PyDict_GetItemWithError(row, name));
    if (!value.is_valid()) {
      if (PyErr_Occurred() != nullptr) throw nb::python_error();
      throw ProgrammingMistake(fmt::format("the dict has no '{}'", nb::cast<std::string>(nb::handle(name))));
    }
    if (i > 0) data_ += '\t';
    append_value(value.ptr(), static_cast<std::size_t>(i));
  }
}

void CopyBuffer::append_sequence(PyObject* row) {
  if (PyUnicode_Check(row) || PyBytes_Check(row) || PyByteArray_Check(row) || PySequence_Check(row) == 0) {
    throw ProgrammingMistake(
        fmt::format("a row must be a sequence of values, not {}: give data in COPY's own format with format=",
                    Py_TYPE(row)->tp_name));
  }
  const nb::object values = nb::steal(PySequence_Tuple(row));
  if (!values.is_valid()) throw nb::python_error();
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(values.ptr()); ++i) {
    if (i > 0) data_ += '\t';
    append_value(PyTuple_GET_ITEM(values.ptr(), i), static_cast<std::size_t>(i));
  }
}

bool CopyBuffer::add_data(std::string_view data) {
  data_ += data;
  return data_.size() >= enough;
}

bool CopyBuffer::fill_with_rows(nb::handle iterator) {
  while (data_.size() < enough && !misfit_.is_valid()) {
    const nb::object row = nb::steal(PyIter_Next(iterator.ptr()));
    if (!row.is_valid()) {
      if (PyErr_Occurred() != nullptr) throw nb::python_error();
      return false;
    }
    if (!binary_ || row.is_none()) {  // which refuses None
      add_row(row);
    } else if (!add_binary(row)) {
      misfit_ = row;
      return true;
    }
  }
  return true;
}

void CopyBuffer::set_types(const std::vector<Oid>& types) {
  binary_.emplace(types);
  CopyBinary::append_header(data_);
}

bool CopyBuffer::add_binary(nb::handle row) {
  try {
    if (!binary_->append_row(row.ptr(), data_)) return false;
  } catch (const DataError& error) {
    ErrorInfo info = error.info();
    info.row_index = rows_;
    throw DataError(std::move(info));
  }
  ++rows_;
  return true;
}

std::string CopyBuffer::take() {
  std::string data;
  data.reserve(data_.capacity());
  std::swap(data, data_);
  return data;
}

namespace {

/// What stands for the character behind a backslash.
char unescaped(char c) noexcept {
  switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    default: return c;
  }
}

nb::object value_of_copy_text(std::string_view text) {
  if (text == copg::detail::copy_null) return nb::none();
  std::string value;
  if (text.find('\\') != std::string_view::npos) {
    for (std::size_t i = 0; i < text.size(); ++i)
      value += text[i] == '\\' && i + 1 < text.size() ? unescaped(text[++i]) : text[i];
    text = value;
  }
  return checked(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr));
}

nb::object row_of_copy_text(std::string_view line) {
  std::vector<nb::object> values;
  for (std::size_t begin = 0;;) {
    const std::size_t end = line.find('\t', begin);
    values.push_back(
        value_of_copy_text(line.substr(begin, end == std::string_view::npos ? end : end - begin)));
    if (end == std::string_view::npos) break;
    begin = end + 1;
  }
  nb::object row = checked(PyTuple_New(static_cast<Py_ssize_t>(values.size())));
  for (std::size_t i = 0; i < values.size(); ++i)
    PyTuple_SET_ITEM(row.ptr(), static_cast<Py_ssize_t>(i), values[i].release().ptr());
  return row;
}

}  // namespace

nb::object rows_of_copy_text(std::string_view text) {
  nb::list rows;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) throw ProgrammingMistake("rows() reads COPY's text format only");
    rows.append(row_of_copy_text(text.substr(0, end)));
    text.remove_prefix(end + 1);
  }
  return rows;
}

void bind_copy_buffer(nb::module_& module) {
  module.def(
      "copy_in_text",
      [](const std::string& table, const std::optional<std::vector<std::string>>& columns,
         const std::string& options) {
        return copg::detail::copy_in_text(table, columns.value_or(std::vector<std::string>()), options);
      },
      nb::arg(), nb::arg().none(), nb::arg());
  module.def("quoted_table", [](const std::string& table) { return copg::detail::quoted_table(table); });
  module.def("copy_knows", [](const std::vector<std::uint32_t>& types) {
    return std::ranges::all_of(types, CopyBinary::knows);
  });
  module.def("copy_rows", [](nb::handle data) { return rows_of_copy_text(CopyData(data).bytes()); });
}

}  // namespace copg::python
