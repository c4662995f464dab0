// What leases() and waiters() show, as tuples in the order of the fields in pycopg/_holdings.py. Needs the
// GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>

#include "engine/pool_engine.hpp"

namespace copg::python {

namespace nb = nanobind;

/// nullptr: the pool is not open yet, and there are none.
[[nodiscard]] nb::list leases_of(const std::shared_ptr<engine::PoolEngine>& engine);
[[nodiscard]] nb::list waiters_of(const std::shared_ptr<engine::PoolEngine>& engine);

}  // namespace copg::python
