// copg's exceptions as pycopg's.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/error.hpp>

namespace copg::python {

/// For every function of the module.
void translate_exceptions();

/// The exception of Python's for it. Needs the GIL.
[[nodiscard]] nanobind::object exception_of(const Error& error);

}  // namespace copg::python
