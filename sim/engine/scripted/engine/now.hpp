// Time, in the simulation.
#pragma once

#include "pool/types.hpp"
#include "sim/engine/world.hpp"

namespace copg::engine {

inline pool::TimePoint now() noexcept { return sim::World::here().now; }

}  // namespace copg::engine
