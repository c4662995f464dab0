// Which Python class an error gets stands in pycopg/_error_tree.py. No Python code is run here, but for the
// first error of a pool: a daemon thread may raise while the interpreter ends, see interpreter_exit.hpp.
#include "python/native/errors.hpp"

#include <nanobind/nanobind.h>

#include <copg/error.hpp>

#include <string>
#include <string_view>

#include "engine/turned_away.hpp"
#include "python/native/call_errors.hpp"
#include "python/native/imported.hpp"

namespace nb = nanobind;

namespace copg::python {
namespace {

/// The server's words may be in any encoding while a connection is being made.
nb::object text_or_none(const std::string& text) {
  if (text.empty()) return nb::none();
  return nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

nb::object position_or_none(int position) {
  return position > 0 ? nb::object(nb::int_(position)) : nb::none();
}

/// The fields of pycopg.Diagnostic.
nb::dict diagnostic_of(const ErrorInfo& info) {
  nb::dict fields;
  fields["severity"] = text_or_none(info.severity);
  fields["sqlstate"] = text_or_none(info.sqlstate.text());
  fields["message_primary"] = text_or_none(info.message);
  fields["message_detail"] = text_or_none(info.detail);
  fields["message_hint"] = text_or_none(info.hint);
  fields["context"] = text_or_none(info.context);
  fields["schema_name"] = text_or_none(info.schema_name);
  fields["table_name"] = text_or_none(info.table_name);
  fields["column_name"] = text_or_none(info.column_name);
  fields["datatype_name"] = text_or_none(info.datatype_name);
  fields["constraint_name"] = text_or_none(info.constraint_name);
  fields["statement_position"] = position_or_none(info.statement_position);
  fields["internal_query"] = text_or_none(info.internal_query);
  fields["internal_position"] = position_or_none(info.internal_position);
  return fields;
}

nb::object known_class(const nb::dict& classes, std::string_view key) {
  const nb::str name(key.data(), key.size());
  return classes.contains(name) ? nb::object(classes[name]) : nb::object();
}

/// By the SQLSTATE, or by its first two characters, or by the first.
nb::object class_by_sqlstate(const nb::dict& classes, const ErrorInfo& info) {
  const std::string sqlstate = info.sqlstate.text();
  for (const std::size_t characters : {std::size_t{5}, std::size_t{2}, std::size_t{1}}) {
    if (sqlstate.size() < characters) break;
    if (nb::object found = known_class(classes, std::string_view(sqlstate).substr(0, characters)))
      return found;
  }
  return {};
}

nb::object class_for(const ErrorInfo& info) {
  const nb::dict classes = nb::borrow<nb::dict>(imported().error_classes);
  // With a text it is the statement that is wrong, without one the use of an object.
  const bool statement = info.kind == ErrorKind::usage && !info.query.empty();
  const std::string_view kind = statement ? "statement" : to_string(info.kind);
  nb::object by_sqlstate;
  if (info.kind == ErrorKind::query_failed || info.kind == ErrorKind::connection_failed)
    by_sqlstate = class_by_sqlstate(classes, info);
  nb::object by_kind = known_class(classes, kind);
  // A lost connection is an OperationalError, whatever the server's last words were.
  if (by_sqlstate.is_valid() &&
      (!by_kind.is_valid() || PyObject_IsSubclass(by_sqlstate.ptr(), by_kind.ptr()) == 1))
    return by_sqlstate;
  if (by_kind.is_valid()) return by_kind;
  return nb::borrow(imported().error_class_for)(nb::str(kind.data(), kind.size()));
}

/// An exception made without a call of its __init__: that of psycopg, which some have for a base, is Python's
/// code.
nb::object make(const nb::object& type, const std::string& message) {
  auto* const cls = reinterpret_cast<PyTypeObject*>(type.ptr());
  const nb::object text =
      nb::steal(PyUnicode_DecodeUTF8(message.data(), static_cast<Py_ssize_t>(message.size()), "replace"));
  const nb::object args = nb::make_tuple(text);
  nb::object error = nb::steal(cls->tp_new(cls, args.ptr(), nullptr));
  if (!error.is_valid()) throw nb::python_error();
  return error;
}

}  // namespace

nb::object exception_of(const Error& error) {
  const ErrorInfo& info = error.info();
  nb::object exception = make(class_for(info), error.what());
  exception.attr("sqlstate") = text_or_none(info.sqlstate.text());
  exception.attr("_fields") = diagnostic_of(info);
  exception.attr("query") = text_or_none(info.query);
  if (info.executed) exception.attr("executed") = true;
  if (info.committed) exception.attr("committed") = true;
  if (dynamic_cast<const engine::TurnedAway*>(&error) != nullptr) exception.attr("_turned_away") = true;
  if (info.row_index >= 0) exception.attr("row_index") = info.row_index;
  if (info.statement_index >= 0) exception.attr("statement_index") = info.statement_index;
  if (!info.cause.empty()) {
    const nb::object cause = make(nb::borrow(imported().operational_error), info.cause);
    PyException_SetCause(exception.ptr(), nb::object(cause).release().ptr());
  }
  return exception;
}

namespace {

void set_error(const Error& error) {
  const nb::object exception = exception_of(error);
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
}

void translate(const std::exception_ptr& thrown, void* /*unused*/) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    try {
      set_error(error);
    } catch (nb::python_error& failed) {
      failed.restore();
    }
  } catch (const ProgrammingMistake& mistake) {
    PyErr_SetString(imported().programming_error, mistake.what());
  }
}

}  // namespace

void translate_exceptions() { nb::register_exception_translator(translate); }

}  // namespace copg::python
