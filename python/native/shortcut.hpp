// pycopg._native.Shortcut: a function of Python's that is called without its frame.
#pragma once

#include <nanobind/nanobind.h>

namespace copg::python {

namespace nb = nanobind;

void bind_shortcut(nb::module_& module);

}  // namespace copg::python
