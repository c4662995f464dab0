// The exception that Python's code has set, as an object.
#pragma once

#include <nanobind/nanobind.h>

namespace copg::python {

/// Takes it off the thread; an empty object if there is none.
inline nanobind::object take_raised() noexcept {
#if PY_VERSION_HEX >= 0x030C0000
  return nanobind::steal(PyErr_GetRaisedException());
#else
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  if (type == nullptr) return {};
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_DECREF(type);
  Py_XDECREF(traceback);
  return nanobind::steal(value);
#endif
}

/// Puts it back.
inline void raise_again(nanobind::object raised) noexcept {
  if (!raised.is_valid()) return;
#if PY_VERSION_HEX >= 0x030C0000
  PyErr_SetRaisedException(raised.release().ptr());
#else
  PyObject* const value = raised.release().ptr();
  PyObject* const type = reinterpret_cast<PyObject*>(Py_TYPE(value));
  Py_INCREF(type);
  PyErr_Restore(type, value, PyException_GetTraceback(value));
#endif
}

/// A new reference, or the exception that is set in its place, thrown.
inline nanobind::object checked(PyObject* owned) {
  if (owned == nullptr) throw nanobind::python_error();
  return nanobind::steal(owned);
}

}  // namespace copg::python
