// The dictionary that shares its keys with its copies is the `__dict__` of an instance.
#include "python/native/key_sharing_dicts.hpp"

#include "python/native/raised.hpp"

namespace copg::python {
namespace {

/// From so many rows on making the instances pays.
constexpr std::size_t worth_sharing = 500;

/// CPython reserves room in the dictionaries of a class for 30 attributes at first, and a little less for
/// each instance that does without.
constexpr int instances = 32;

/// With room for `size` keys: without it each one with more than five is built twice.
PyObject* new_dict(std::size_t size) {
#if PY_VERSION_HEX < 0x030D0000
  return _PyDict_NewPresized(static_cast<Py_ssize_t>(size));
#else
  static_cast<void>(size);
  return PyDict_New();
#endif
}

/// Copies of an untracked one are tracked once they hold what the garbage collector must see. Up to Python
/// 3.13: from then on all are tracked.
void untrack(nb::handle dict) noexcept {
#if PY_VERSION_HEX < 0x030E0000
  PyObject_GC_UnTrack(dict.ptr());
#else
  static_cast<void>(dict);
#endif
}

/// Invalid: not with these names, such as "__class__".
nb::object shared_dict(std::span<const nb::object> names) {
  const nb::object type =
      checked(PyObject_CallFunction(reinterpret_cast<PyObject*>(&PyType_Type), "s(){}", "Row"));
  nb::object last;
  for (int i = 0; i < instances; ++i) {
    last = type();
    for (const nb::object& name : names) {
      if (PyObject_SetAttr(last.ptr(), name.ptr(), Py_None) == 0) continue;
      PyErr_Clear();
      return {};
    }
  }
  nb::object shared = checked(PyDict_Copy(nb::object(last.attr("__dict__")).ptr()));
  untrack(shared);
  return shared;
}

}  // namespace

KeySharingDicts::KeySharingDicts(std::span<const nb::object> names, std::size_t rows) : keys_(names.size()) {
  if (rows >= worth_sharing) shared_ = shared_dict(names);
}

nb::object KeySharingDicts::make() const {
  return checked(shared_.is_valid() ? PyDict_Copy(shared_.ptr()) : new_dict(keys_));
}

}  // namespace copg::python
