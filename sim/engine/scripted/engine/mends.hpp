// Which mends stand, in the simulation.
#pragma once

#include "engine/mend.hpp"
#include "sim/engine/world.hpp"

namespace copg::engine {

inline bool stands(Mend mend) noexcept { return sim::World::here().removed != mend; }

}  // namespace copg::engine
