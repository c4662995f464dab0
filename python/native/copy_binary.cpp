// One function for each type of column. Each takes values of one class of Python's only, so that both formats
// give the same row; whatever else there is travels as text.
#include "python/native/copy_binary.hpp"

#include <nanobind/nanobind.h>

#include <copg/error.hpp>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "python/native/adapt.hpp"
#include "python/native/decode.hpp"

namespace copg::python {
namespace {

namespace nb = nanobind;

constexpr Oid varchar = 1043;

template <class Int>
void append_big_endian(Int value, std::string& out) {
  auto bits = static_cast<std::make_unsigned_t<Int>>(value);
  std::array<char, sizeof(Int)> bytes;
  for (std::size_t i = sizeof(Int); i-- > 0;
       bits = static_cast<decltype(bits)>(bits >> 8 * (sizeof(Int) > 1)))
    bytes[i] = static_cast<char>(bits & 0xff);
  out.append(bytes.data(), bytes.size());
}

/// A value of fixed size, behind its size.
template <class Int>
void append_field(Int value, std::string& out) {
  append_big_endian(static_cast<std::int32_t>(sizeof(Int)), out);
  append_big_endian(value, out);
}

void append_field(std::string_view bytes, std::string& out) {
  append_big_endian(static_cast<std::int32_t>(bytes.size()), out);
  out += bytes;
}

template <class Int>
bool append_int(PyObject* value, std::string& out) {
  if (!PyLong_CheckExact(value)) return false;
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow != 0 || number != static_cast<Int>(number)) return false;
  append_field(static_cast<Int>(number), out);
  return true;
}

bool append_float(PyObject* value, std::string& out) {
  if (!PyFloat_CheckExact(value)) return false;
  append_field(std::bit_cast<std::int64_t>(PyFloat_AS_DOUBLE(value)), out);
  return true;
}

bool append_text(PyObject* value, std::string& out) {
  if (!PyUnicode_CheckExact(value)) return false;
  append_field(text_without_nul(value), out);
  return true;
}

bool append_bytes(PyObject* value, std::string& out) {
  if (!PyBytes_CheckExact(value)) return false;
  append_field({PyBytes_AS_STRING(value), static_cast<std::size_t>(PyBytes_GET_SIZE(value))}, out);
  return true;
}

bool append_bool(PyObject* value, std::string& out) {
  if (!PyBool_Check(value)) return false;
  append_field(std::string_view(value == Py_True ? "\1" : "\0", 1), out);
  return true;
}

template <bool has_zone>
bool append_time(PyObject* value, std::string& out) {
  std::int64_t microseconds = 0;
  if (!since_2000(value, has_zone, microseconds)) return false;
  append_field(microseconds, out);
  return true;
}

bool append_date(PyObject* value, std::string& out) {
  std::int32_t days = 0;
  if (!days_since_2000(value, days)) return false;
  append_field(days, out);
  return true;
}

/// nullptr for a type whose values travel as text.
CopyBinary::Append append_of(Oid type) noexcept {
  switch (type) {
    case oid::int2: return append_int<std::int16_t>;
    case oid::int4: return append_int<std::int32_t>;
    case oid::int8: return append_int<std::int64_t>;
    case oid::float8: return append_float;
    case oid::text:
    case varchar: return append_text;
    case oid::bytea: return append_bytes;
    case oid::boolean: return append_bool;
    case oid::timestamptz: return append_time<true>;
    case oid::timestamp: return append_time<false>;
    case oid::date: return append_date;
    default: return nullptr;
  }
}

}  // namespace

CopyBinary::CopyBinary(const std::vector<Oid>& types) {
  for (const Oid type : types) columns_.push_back(append_of(type));
}

bool CopyBinary::knows(Oid type) noexcept { return append_of(type) != nullptr; }

void CopyBinary::append_header(std::string& out) {
  static constexpr char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";  // no flags, no extension
  out.append(header, 19);
}

void CopyBinary::append_end(std::string& out) { append_big_endian(std::int16_t{-1}, out); }

bool CopyBinary::append_row(PyObject* row, std::string& out) const {
  const bool tuple = PyTuple_Check(row);
  if (!tuple && !PyList_Check(row)) return false;
  const Py_ssize_t count = tuple ? PyTuple_GET_SIZE(row) : PyList_GET_SIZE(row);
  if (static_cast<std::size_t>(count) != columns_.size()) return false;
  const std::size_t before = out.size();
  append_big_endian(static_cast<std::int16_t>(count), out);
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (!tuple && PyList_GET_SIZE(row) != count) return out.resize(before), false;
    const nb::object value = nb::borrow(tuple ? PyTuple_GET_ITEM(row, i) : PyList_GET_ITEM(row, i));
    const Append append = columns_[static_cast<std::size_t>(i)];
    if (value.is_none()) {
      append_big_endian(std::int32_t{-1}, out);
    } else if (append == nullptr || !append(value.ptr(), out)) {
      return out.resize(before), false;
    }
  }
  return true;
}

}  // namespace copg::python
