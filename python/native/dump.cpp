// The texts of objects of the program's own classes.
#include <fmt/format.h>

#include <string>

#include "python/native/adapt.hpp"
#include "python/native/call_errors.hpp"
#include "python/native/raised.hpp"
#include "python/native/types.hpp"

namespace copg::python {
namespace {

/// Of what the program's function gave.
[[noreturn]] void throw_undumped(const Dumper& dumper, PyObject* value, nb::object cause) {
  if (cause.is_valid() && PyErr_GivenExceptionMatches(cause.ptr(), PyExc_Exception) == 0) {
    raise_again(std::move(cause));  // KeyboardInterrupt, say
    throw nb::python_error();
  }
  const auto why = cause.is_valid() ? nb::cast<std::string>(nb::str(cause)) : "it gave no text";
  throw Undumped{fmt::format("a value of class {} can't be sent as type '{}': {}", Py_TYPE(value)->tp_name,
                             dumper.name, why),
                 std::move(cause), false};
}

nb::object called(const Dumper& dumper, PyObject* value) {
  nb::object result = nb::steal(PyObject_CallOneArg(dumper.given, value));
  if (!result.is_valid()) throw_undumped(dumper, value, take_raised());
  return result;
}

/// `text`: a str, or the bytes of its UTF-8.
void append_given(const Dumper& dumper, PyObject* value, PyObject* text, std::string& out) {
  if (PyUnicode_Check(text)) {
    out += text_without_nul(text);
  } else if (PyBytes_Check(text)) {
    out.append(PyBytes_AS_STRING(text), static_cast<std::size_t>(PyBytes_GET_SIZE(text)));
  } else {
    throw_undumped(dumper, value, {});
  }
}

void dump_label(const Dumper& dumper, PyObject* value, std::string& out) {
  PyObject* const label = PyDict_GetItemWithError(dumper.given, value);
  if (label == nullptr)  // a combination of flags, say
    throw_undumped(dumper, value, PyErr_Occurred() != nullptr ? take_raised() : nb::object());
  append_given(dumper, value, label, out);
}

void dump_composite(const Dumper& dumper, PyObject* value, std::string& out, const TypeMap& types) {
  nb::object values;
  if (!PyTuple_Check(dumper.given)) {
    values = called(dumper, value);
  } else if (PyTuple_Check(value)) {
    values = nb::borrow(value);
  } else {
    const nb::list attributes;
    for (const nb::handle name : nb::borrow<nb::tuple>(dumper.given)) {
      nb::object attribute = nb::steal(PyObject_GetAttr(value, name.ptr()));
      if (!attribute.is_valid()) throw_undumped(dumper, value, take_raised());
      if (PyList_Append(attributes.ptr(), attribute.ptr()) != 0) throw nb::python_error();
    }
    values = attributes;
  }
  const nb::object items =
      nb::steal(PySequence_Fast(values.ptr(), "dumps must give the values of the fields"));
  if (!items.is_valid()) throw_undumped(dumper, value, take_raised());
  std::string text;
  out += '(';
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.ptr()); ++i) {
    if (i > 0) out += ',';
    const nb::object item = nb::borrow(PySequence_Fast_GET_ITEM(items.ptr(), i));
    if (item.is_none()) continue;
    text.clear();
    write_value(item.ptr(), text, &types);
    append_quoted(text, out);
  }
  out += ')';
}

void dump_hstore(const Dumper& dumper, PyObject* value, std::string& out) {
  PyObject *key = nullptr, *item = nullptr;
  Py_ssize_t at = 0;
  const std::size_t begin = out.size();
  while (PyDict_Next(value, &at, &key, &item) != 0) {
    if (!PyUnicode_Check(key) || (item != Py_None && !PyUnicode_Check(item)))
      throw Undumped{fmt::format("a value of class {} can't be sent as type '{}': its keys must be str, its "
                                 "values str or None",
                                 Py_TYPE(value)->tp_name, dumper.name),
                     {},
                     false};
    if (out.size() > begin) out += ',';
    append_quoted(text_without_nul(key), out);
    out += "=>";
    if (item == Py_None) {
      out += "NULL";
    } else {
      append_quoted(text_without_nul(item), out);
    }
  }
}

}  // namespace

Oid dump(const Dumper& dumper, PyObject* value, std::string& out, const TypeMap& types) {
  if (dumper.type == oid::inferred) {
    types.outdate();
    throw Undumped{fmt::format("the database has no type '{}', which class {} is registered for", dumper.name,
                               Py_TYPE(value)->tp_name),
                   {},
                   true};
  }
  // An object inside itself would go on for ever.
  if (Py_EnterRecursiveCall(" while an object is sent") != 0) throw nb::python_error();
  struct Leave {
    ~Leave() { Py_LeaveRecursiveCall(); }
  } const leave;
  switch (dumper.how) {
    case Dumper::How::label: dump_label(dumper, value, out); break;
    case Dumper::How::composite: dump_composite(dumper, value, out, types); break;
    case Dumper::How::call: append_given(dumper, value, called(dumper, value).ptr(), out); break;
    case Dumper::How::hstore: dump_hstore(dumper, value, out); break;
  }
  return dumper.type;
}

}  // namespace copg::python
