// Forks, in the simulation: the process is the one that the world says it is.
#pragma once

#include <cstdint>

#include "engine/adaptive_mutex.hpp"
#include "sim/engine/world.hpp"

namespace copg::engine {

class ForkGuard {
 public:
  explicit ForkGuard(AdaptiveMutex& /*mutex*/) {}
  [[nodiscard]] static std::uint32_t generation() noexcept { return sim::World::here().process; }
};

}  // namespace copg::engine
