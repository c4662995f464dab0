// One run of the cluster's simulation: a workload, a recovery and an end. A run is its seed.
#pragma once

#include <cstdint>
#include <optional>

#include "sim/cluster/harness.hpp"
#include "sim/cluster/input.hpp"

namespace copg::sim {

struct ClusterResult {
  std::uint64_t inputs = 0;
  std::uint64_t digest = 0;
  std::optional<Violation> violation;
};

/// Runs a seed, at most `until` inputs of it. `record`, if given, receives the options and every input.
ClusterResult run_cluster(std::uint64_t seed, ClusterSabotage sabotage = ClusterSabotage::none,
                          std::uint64_t until = UINT64_MAX, ClusterTrace* record = nullptr);

/// Replays a trace to its end or to the first violation; `inputs` counts the one that violates. What only the
/// world can judge (C15, C16) is not judged.
ClusterResult replay_cluster(const ClusterTrace& trace, ClusterSabotage sabotage = ClusterSabotage::none);

/// `trace` must fail. The result fails with the same invariant, and no single input can be deleted from it.
ClusterTrace shrink_cluster(ClusterTrace trace, ClusterSabotage sabotage = ClusterSabotage::none);

}  // namespace copg::sim
