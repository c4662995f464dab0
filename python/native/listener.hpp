// pycopg._native.Listener and LoopListener: what listens for a thread, and for a task of asyncio.
#pragma once

#include <nanobind/nanobind.h>

namespace copg::python {

void bind_listener(nanobind::module_& module);

}  // namespace copg::python
