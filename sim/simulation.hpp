// One run: a workload, a harness, a recovery and an end. A run is its seed.
#pragma once

#include <cstdint>
#include <optional>

#include "sim/harness.hpp"
#include "sim/input.hpp"
#include "sim/model.hpp"

namespace copg::sim {

struct RunResult {
  std::uint64_t inputs = 0;
  std::uint64_t digest = 0;
  std::optional<Violation> violation;
};

/// Runs a seed, at most `until` inputs of it. `record`, if given, receives the options and every input.
RunResult run(std::uint64_t seed, Sabotage sabotage = Sabotage::none, std::uint64_t until = UINT64_MAX,
              Trace* record = nullptr);

/// Replays a trace to its end or to the first violation; `inputs` counts the one that violates.
RunResult replay(const Trace& trace, Sabotage sabotage = Sabotage::none);

}  // namespace copg::sim
