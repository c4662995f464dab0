// pycopg._native.Attempts: engine::Attempts for `run` in Python, which waits by itself.
#pragma once

#include <nanobind/nanobind.h>

namespace copg::python {

void bind_attempts(nanobind::module_& module);

}  // namespace copg::python
