// What leases() and waiters() show, as tuples in the order of the fields in pycopg/_holdings.py. Needs the
// GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <vector>

#include "engine/pool_engine.hpp"

namespace copg::python {

namespace nb = nanobind;

/// Of all hosts' pools.
[[nodiscard]] nb::list leases_of(const std::vector<std::shared_ptr<engine::PoolEngine>>& engines);
[[nodiscard]] nb::list waiters_of(const std::vector<std::shared_ptr<engine::PoolEngine>>& engines);

}  // namespace copg::python
