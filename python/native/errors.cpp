// Which Python class an error gets is decided in pycopg/errors.py; here its parts are handed over.
#include "python/native/errors.hpp"

#include <nanobind/nanobind.h>

#include <copg/error.hpp>

#include <string>

#include "python/native/mistakes.hpp"
#include "python/native/python_types.hpp"

namespace nb = nanobind;

namespace copg::python {
namespace {

const char* name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::configuration: return "configuration";
    case ErrorKind::usage: return "usage";
    case ErrorKind::data: return "data";
    case ErrorKind::pool_timeout: return "pool_timeout";
    case ErrorKind::pool_closed: return "pool_closed";
    case ErrorKind::too_many_requests: return "too_many_requests";
    case ErrorKind::connection_failed: return "connection_failed";
    case ErrorKind::query_failed: return "query_failed";
    case ErrorKind::commit_unknown: return "commit_unknown";
  }
  return "unknown";
}

/// The server's words may be in any encoding while a connection is being made.
nb::object text_or_none(const std::string& text) {
  if (text.empty()) return nb::none();
  return nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

nb::dict parts_of(const ErrorInfo& info) {
  nb::dict parts;
  parts["kind"] = name_of(info.kind);
  parts["sqlstate"] = text_or_none(info.sqlstate.text());
  parts["message_primary"] = text_or_none(info.message);
  parts["message_detail"] = text_or_none(info.detail);
  parts["message_hint"] = text_or_none(info.hint);
  parts["context"] = text_or_none(info.context);
  parts["severity"] = text_or_none(info.severity);
  parts["schema_name"] = text_or_none(info.schema_name);
  parts["table_name"] = text_or_none(info.table_name);
  parts["column_name"] = text_or_none(info.column_name);
  parts["datatype_name"] = text_or_none(info.datatype_name);
  parts["constraint_name"] = text_or_none(info.constraint_name);
  parts["query"] = text_or_none(info.query);
  parts["cause"] = text_or_none(info.cause);
  parts["statement_position"] =
      info.statement_position > 0 ? nb::object(nb::int_(info.statement_position)) : nb::none();
  parts["row_index"] = info.row_index >= 0 ? nb::object(nb::int_(info.row_index)) : nb::none();
  return parts;
}

void set_error(const ErrorInfo& info) {
  const nb::dict parts = parts_of(info);
  const nb::object error =
      nb::steal(PyObject_CallFunctionObjArgs(python_types().error_from_native, parts.ptr(), nullptr));
  if (error.is_valid()) PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
}

void translate(const std::exception_ptr& thrown, void* /*unused*/) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    set_error(error.info());
  } catch (const ProgrammingMistake& mistake) {
    PyErr_SetString(python_types().programming_error, mistake.what());
  }
}

}  // namespace

void translate_exceptions() { nb::register_exception_translator(translate); }

}  // namespace copg::python
