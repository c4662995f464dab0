// From PostgreSQL's text to Python objects, and dates and times in both directions. Needs the GIL.
#pragma once

#include <Python.h>

#include <copg/oid.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace copg::python {

/// Makes a Python object of one value that is not NULL. The text ends with a NUL. Returns a new reference, or
/// nullptr with an exception set: pycopg.DataError for what Python has no value for.
using Decoder = PyObject* (*)(std::string_view text, Oid type);

/// For each column of a result, once.
[[nodiscard]] Decoder decoder_for(Oid type) noexcept;

/// Makes objects of the values of a type that the program has registered (types.hpp).
class Loader {
 public:
  Loader() = default;
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;
  virtual ~Loader() = default;
  /// As a Decoder, whose text need not end with a NUL.
  [[nodiscard]] virtual PyObject* load(std::string_view text) const = 0;
};

/// What makes the objects of one type.
struct CellReader {
  Decoder decode;
  Oid type;
  const Loader* loader = nullptr;  // in place of `decode`

  PyObject* operator()(std::string_view text) const {
    return loader == nullptr ? decode(text, type) : loader->load(text);
  }
};

/// An array as a list. `delimiter`: between two elements.
PyObject* read_array(std::string_view text, const CellReader& element, char delimiter);
/// A pycopg.types.Range.
PyObject* read_range(std::string_view text, const CellReader& bound);
/// A pycopg.types.Multirange.
PyObject* read_multirange(std::string_view text, const CellReader& bound);
/// Takes the next part of a composite value or of a range, from `at` to `end` or, if that is no NUL, to
/// `other_end`, and moves `at` behind it. False: it is absent.
bool take_part(std::string_view text, std::size_t& at, char end, char other_end, std::string& part);

// decode_datetime.cpp
void load_datetime();
PyObject* decode_date(std::string_view text, Oid type);
PyObject* decode_time(std::string_view text, Oid type);
PyObject* decode_timetz(std::string_view text, Oid type);
PyObject* decode_timestamp(std::string_view text, Oid type);
PyObject* decode_timestamptz(std::string_view text, Oid type);
PyObject* decode_interval(std::string_view text, Oid type);
/// Its parts as the server keeps them, in a pycopg.types.Interval.
PyObject* decode_interval_parts(std::string_view text, Oid type);
/// As decode_date, decode_timestamp and decode_timestamptz; infinity is the largest or the smallest that
/// Python has,
PyObject* decode_infinite_as_max(std::string_view text, Oid type);
/// or the text itself.
PyObject* decode_infinite_as_text(std::string_view text, Oid type);
/// Whether it is a date or datetime that decode_infinite_as_max makes, and of which infinity.
bool is_infinite_as_max(PyObject* value, bool& negative);
/// The text of a datetime, date, time or timedelta and its type; inferred, with nothing written, for anything
/// else. Throws what the object's tzinfo raises, DataError where a time has no offset.
Oid write_datetime(PyObject* value, std::string& out);
/// Microseconds from 2000 on, UTC, of an aware datetime, or of a naive one. False for anything else.
bool since_2000(PyObject* value, bool has_zone, std::int64_t& microseconds);
/// Days from 2000 on, of a date. False for anything else.
bool days_since_2000(PyObject* value, std::int32_t& days) noexcept;

/// Sets pycopg.DataError with `what` and the text, shortened. Returns nullptr.
PyObject* set_data_error(const char* what, std::string_view text);

}  // namespace copg::python
