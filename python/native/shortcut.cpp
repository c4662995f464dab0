// A method that is called often has a definition in Python, for its signature, its annotations and its text,
// and a native function that does the same. A frame of Python's would cost a point select 3 % of its
// instructions.
//
// A Shortcut shows every attribute of its function, its class included, as a proxy does: `inspect`, `help`
// and `unittest.mock` see the function. A call whose arguments fit the parameters goes to the native
// function, with all of them in their order, those for the keyword only last; any other goes to the
// definition, which raises what Python raises. See docs/adr/0035-methods-that-inspect-can-read.md.
#include "python/native/shortcut.hpp"

#include <structmember.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace copg::python {
namespace {

constexpr Py_ssize_t most_parameters = 7;

struct Shortcut {
  PyObject base;
  vectorcallfunc call;
  PyObject* function;
  PyObject* native;
  vectorcallfunc call_native;
  PyObject* names;      // of all parameters, a tuple
  PyObject* defaults;   // of the last parameters, a tuple
  Py_ssize_t count;     // of parameters
  Py_ssize_t in_order;  // those that may be given without a name
};

Shortcut* as_shortcut(PyObject* self) noexcept { return reinterpret_cast<Shortcut*>(self); }

/// Puts the named arguments in the places of their parameters. False: one has no place, or a second time.
bool place_named(const Shortcut& self, PyObject* const* named, Py_ssize_t positional, PyObject* keywords,
                 std::span<PyObject*> all) noexcept {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keywords); ++i) {
    Py_ssize_t place = positional;
    // Names are interned: those of a call and those of a definition.
    while (place < self.count && PyTuple_GET_ITEM(keywords, i) != PyTuple_GET_ITEM(self.names, place))
      ++place;
    if (place == self.count) return false;
    all[static_cast<std::size_t>(place)] = named[i];
  }
  return true;
}

PyObject* call_shortcut(PyObject* object, PyObject* const* args, std::size_t flagged, PyObject* keywords) {
  const Shortcut& self = *as_shortcut(object);
  const Py_ssize_t positional = PyVectorcall_NARGS(flagged);
  if (keywords == nullptr && positional == self.count && positional == self.in_order)
    return self.call_native(self.native, args, static_cast<std::size_t>(positional), nullptr);
  const Py_ssize_t optional = PyTuple_GET_SIZE(self.defaults);
  std::array<PyObject*, most_parameters> all{};
  bool fits = positional <= self.in_order;
  if (fits) std::copy_n(args, positional, all.begin());
  if (fits && keywords != nullptr) fits = place_named(self, args + positional, positional, keywords, all);
  for (Py_ssize_t i = positional; fits && i < self.count; ++i) {
    PyObject*& argument = all[static_cast<std::size_t>(i)];
    if (argument != nullptr) continue;
    const Py_ssize_t which = i - (self.count - optional);
    fits = which >= 0;
    if (fits) argument = PyTuple_GET_ITEM(self.defaults, which);
  }
  if (!fits) return PyObject_Vectorcall(self.function, args, flagged, keywords);
  return self.call_native(self.native, all.data(), static_cast<std::size_t>(self.count), nullptr);
}

PyObject* new_reference(PyObject* object) noexcept {
  Py_INCREF(object);
  return object;
}

PyObject* make_shortcut(PyTypeObject* type, PyObject* args, PyObject* keywords) {
  PyObject* function = nullptr;
  PyObject* native = nullptr;
  if (keywords != nullptr || PyArg_ParseTuple(args, "OO", &function, &native) == 0) {
    if (PyErr_Occurred() == nullptr) PyErr_SetString(PyExc_TypeError, "Shortcut(function, native)");
    return nullptr;
  }
  try {
    const nb::object code = nb::borrow(function).attr("__code__");
    const auto in_order = nb::cast<Py_ssize_t>(code.attr("co_argcount"));
    const auto named = nb::cast<Py_ssize_t>(code.attr("co_kwonlyargcount"));
    const Py_ssize_t count = in_order + named;
    const vectorcallfunc call_native = PyVectorcall_Function(native);
    constexpr int surplus = CO_VARARGS | CO_VARKEYWORDS;
    if (count > most_parameters || call_native == nullptr ||
        (nb::cast<int>(code.attr("co_flags")) & surplus) != 0)
      throw nb::type_error("a shortcut needs a function of few plain parameters, and a native one");
    nb::object defaults = nb::borrow(function).attr("__defaults__");
    if (defaults.is_none()) defaults = nb::make_tuple();
    nb::object names = code.attr("co_varnames");
    for (Py_ssize_t i = in_order; i < count; ++i)
      defaults = defaults + nb::make_tuple(nb::borrow(function).attr("__kwdefaults__")[names[i]]);
    nb::object object = nb::steal(type->tp_alloc(type, 0));
    if (!object.is_valid()) return nullptr;
    Shortcut& self = *as_shortcut(object.ptr());
    self.call = call_shortcut;
    self.function = new_reference(function);
    self.native = new_reference(native);
    self.call_native = call_native;
    self.names = names.release().ptr();
    self.defaults = defaults.release().ptr();
    self.count = count;
    self.in_order = in_order;
    return object.release().ptr();
  } catch (nb::python_error& error) {
    error.restore();
  } catch (const nb::builtin_exception& error) {
    PyErr_SetString(PyExc_TypeError, error.what());
  }
  return nullptr;
}

PyObject* attribute_of_function(PyObject* self, PyObject* name) {
  return PyObject_GetAttr(as_shortcut(self)->function, name);
}

/// For what asks `object` for it, past the type's own way.
PyObject* doc_of_function(PyObject* self, void* /*closure*/) {
  return PyObject_GetAttrString(as_shortcut(self)->function, "__doc__");
}

PyObject* repr_of_function(PyObject* self) { return PyObject_Repr(as_shortcut(self)->function); }

PyObject* bind_method(PyObject* self, PyObject* instance, PyObject* /*owner*/) {
  return instance == nullptr || instance == Py_None ? new_reference(self) : PyMethod_New(self, instance);
}

int traverse_shortcut(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(as_shortcut(self)->function);
  Py_VISIT(as_shortcut(self)->native);
  Py_VISIT(as_shortcut(self)->names);
  Py_VISIT(as_shortcut(self)->defaults);
  return 0;
}

void destroy_shortcut(PyObject* self) {
  PyObject_GC_UnTrack(self);
  PyTypeObject* const type = Py_TYPE(self);
  Py_XDECREF(as_shortcut(self)->function);
  Py_XDECREF(as_shortcut(self)->native);
  Py_XDECREF(as_shortcut(self)->names);
  Py_XDECREF(as_shortcut(self)->defaults);
  type->tp_free(self);
  Py_DECREF(type);
}

PyMemberDef shortcut_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Shortcut, call), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyGetSetDef shortcut_attributes[] = {
    {"__doc__", doc_of_function, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

template <class Function>
void* slot_for(Function function) {
  return reinterpret_cast<void*>(function);
}

}  // namespace

void bind_shortcut(nb::module_& module) {
  PyType_Slot slots[] = {
      {Py_tp_new, slot_for(make_shortcut)},
      {Py_tp_call, slot_for(PyVectorcall_Call)},
      {Py_tp_getattro, slot_for(attribute_of_function)},
      {Py_tp_descr_get, slot_for(bind_method)},
      {Py_tp_repr, slot_for(repr_of_function)},
      {Py_tp_traverse, slot_for(traverse_shortcut)},
      {Py_tp_dealloc, slot_for(destroy_shortcut)},
      {Py_tp_members, shortcut_members},
      {Py_tp_getset, shortcut_attributes},
      {0, nullptr},
  };
  // A method descriptor: calls of bound methods make no object for the binding.
  PyType_Spec spec = {
      "pycopg._native.Shortcut", sizeof(Shortcut), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
      slots};
  module.attr("Shortcut") = nb::steal(PyType_FromSpec(&spec));
}

}  // namespace copg::python
