// pycopg._native.Monitor: the page that shows pools live, for Python. It answers without the GIL.
#pragma once

#include <nanobind/nanobind.h>

namespace copg::python {

void bind_monitor(nanobind::module_& module);

}  // namespace copg::python
