// The leases of the pool for asyncio, bound.
#pragma once

#include <nanobind/nanobind.h>

namespace copg::python {

void bind_loop_connection(nanobind::module_& module);

}  // namespace copg::python
