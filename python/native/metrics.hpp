// pycopg._native.PoolMetrics and Histogram: what pools have measured, for python/pycopg/metrics.py.
#pragma once

#include <nanobind/nanobind.h>

namespace copg::python {

namespace nb = nanobind;

void bind_metrics(nb::module_& module);

}  // namespace copg::python
