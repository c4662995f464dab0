// The pool for asyncio, bound.
#pragma once

#include <nanobind/nanobind.h>

namespace copg::python {

void bind_loop_pool(nanobind::module_& module);

}  // namespace copg::python
