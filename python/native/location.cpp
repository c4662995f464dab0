// copg keeps file names as pointers that live as long as the program: each name is kept once, for ever. There
// are as many as the program has source files.
#include "python/native/location.hpp"

#include <nanobind/nanobind.h>

#include <string_view>
#include <unordered_set>

namespace nb = nanobind;

namespace copg::python {
namespace {

std::string package_folder;

const char* kept_for_ever(std::string_view name) {
  static auto* const names = new std::unordered_set<std::string>;
  static auto* const mutex = new nb::ft_mutex;
  const nb::ft_lock_guard lock(*mutex);
  return names->emplace(name).first->c_str();
}

std::string_view file_of(PyCodeObject* code) {
  Py_ssize_t size = 0;
  const char* const name = PyUnicode_AsUTF8AndSize(code->co_filename, &size);
  if (name == nullptr) {
    PyErr_Clear();
    return "?";
  }
  return {name, static_cast<std::size_t>(size)};
}

}  // namespace

void set_package_folder(std::string folder) { package_folder = std::move(folder); }

SourceLocation caller() {
  nb::object frame = nb::borrow(reinterpret_cast<PyObject*>(PyEval_GetFrame()));
  while (frame.is_valid()) {
    auto* const at = reinterpret_cast<PyFrameObject*>(frame.ptr());
    const nb::object code = nb::steal(reinterpret_cast<PyObject*>(PyFrame_GetCode(at)));
    const std::string_view file = file_of(reinterpret_cast<PyCodeObject*>(code.ptr()));
    if (package_folder.empty() || !file.starts_with(package_folder)) {
      const int line = PyFrame_GetLineNumber(at);
      return SourceLocation::current(kept_for_ever(file), "",
                                     line > 0 ? static_cast<std::uint32_t>(line) : 0);
    }
    frame = nb::steal(reinterpret_cast<PyObject*>(PyFrame_GetBack(at)));
  }
  return SourceLocation::current("?", "", 0);
}

}  // namespace copg::python
