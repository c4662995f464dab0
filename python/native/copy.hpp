// pycopg._native.Copy: a COPY of a connection of threads, from entering its block to leaving it. pycopg.Copy
// derives from it.
#pragma once

#include <nanobind/nanobind.h>

namespace copg::python {

void bind_copy(nanobind::module_& module);

}  // namespace copg::python
