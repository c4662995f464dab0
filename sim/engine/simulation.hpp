// One run of the real engine, its calls included, on a world of its own: callers come, are answered, give up,
// are cancelled and dropped; connections die; the pool is drained, resized and closed; processes fork. A run
// is its trace: every input has a seed for the decisions that it needs.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/mends.hpp"
#include "sim/engine/trace.hpp"
#include "sim/engine/world.hpp"

namespace copg::sim {

struct EngineResult {
  std::uint64_t inputs = 0;
  std::uint64_t digest = 0;
  std::optional<Broken> broken;
};

/// `removed`: a mend that is taken out of the engine, to show that the simulation finds what it mends.
EngineResult run_engine(const EngineTrace& trace, std::optional<engine::Mend> removed = {});

}  // namespace copg::sim
