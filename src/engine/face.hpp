// The objects that stand for a pool in a program: PooledDatabase, AsyncPooledDatabase, several for one
// engine.
#pragma once

#include <memory>

#include "engine/pool_engine.hpp"

namespace copg::engine {

/// Shared by the faces of a pool; the last one to go closes it. Leases, which may outlive the faces, share
/// the engine itself (shared_from_this).
[[nodiscard]] std::shared_ptr<PoolEngine> face_of(std::shared_ptr<PoolEngine> engine);

}  // namespace copg::engine
