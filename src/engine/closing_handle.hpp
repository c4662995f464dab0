// The objects that stand for a pool in a program, PooledDatabase and AsyncPooledDatabase, share one engine.
#pragma once

#include <memory>

#include "engine/pool_engine.hpp"

namespace copg::engine {

/// Shared by these objects; the last one to go closes the pool. Leases, which may outlive them, share the
/// engine itself (shared_from_this).
[[nodiscard]] std::shared_ptr<PoolEngine> closing_handle(std::shared_ptr<PoolEngine> engine);

}  // namespace copg::engine
