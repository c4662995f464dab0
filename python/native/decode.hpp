// From PostgreSQL's text to Python objects, and dates and times in both directions. Needs the GIL.
#pragma once

#include <Python.h>

#include <copg/oid.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace copg::python {

/// Makes a Python object of one value that is not NULL. The text ends with a NUL. Returns a new reference, or
/// nullptr with an exception set: pycopg.DataError for what Python has no value for.
using Decoder = PyObject* (*)(std::string_view text, Oid type);

/// For each column of a result, once.
[[nodiscard]] Decoder decoder_for(Oid type) noexcept;

// decode_datetime.cpp
void load_datetime();
PyObject* decode_date(std::string_view text, Oid type);
PyObject* decode_time(std::string_view text, Oid type);
PyObject* decode_timetz(std::string_view text, Oid type);
PyObject* decode_timestamp(std::string_view text, Oid type);
PyObject* decode_timestamptz(std::string_view text, Oid type);
PyObject* decode_interval(std::string_view text, Oid type);
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
