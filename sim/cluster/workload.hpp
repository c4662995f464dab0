// What happens to a cluster, in virtual time: requests, probes that are answered late or never, lists of
// hosts, doubts, switchovers; and between them the world goes its way. The same seed gives the same inputs.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/cluster/harness.hpp"
#include "sim/cluster/input.hpp"
#include "sim/cluster/world.hpp"

namespace copg::sim {

class ClusterWorkload {
 public:
  explicit ClusterWorkload(std::uint64_t seed);

  [[nodiscard]] const cluster::ClusterOptions& options() const { return options_; }
  [[nodiscard]] std::uint32_t length() const { return length_; }  ///< Inputs before the recovery.
  [[nodiscard]] cluster::TimePoint now() const { return now_; }
  [[nodiscard]] ClusterWorld& world() { return world_; }
  /// The next input, from what the cluster has shown.
  ClusterInput next(const ClusterHarness& harness);
  /// Looks at what the last input led to: probes, and leases on servers that don't answer.
  void observe(const ClusterHarness& harness);
  /// From now on the world is well, and nothing is doubted without need.
  void begin_recovery();
  /// How long the cluster may then take to find the primary.
  [[nodiscard]] cluster::Duration recovery_time() const;
  ClusterInput at(ClusterInputKind kind) const;

 private:
  struct Probe {
    cluster::HostKey key = 0;
    std::uint32_t number = 0;
    cluster::TimePoint due{};
    bool early = false;  // what it finds is of the time when it was sent
    ClusterWorld::Found found{};
  };
  enum class Source : std::uint8_t { tick, probe, arrival, release, world, lookup, doubt };

  void choose_rates();
  ClusterInput arrive();
  cluster::Request request();
  ClusterInput answer(const ClusterHarness& harness);
  ClusterInput give_back(const ClusterHarness& harness);
  ClusterInput disturb(const ClusterHarness& harness);
  void send(const cluster::Action& action);

  Dice dice_;
  ClusterWorld world_;
  cluster::ClusterOptions options_;
  std::uint32_t length_ = 0;
  cluster::Duration arrival_gap_{}, hold_{}, world_gap_{}, lookup_gap_{}, patience_{};
  std::uint32_t reads_ = 0, tokens_ = 0, noise_ = 0;  // permille
  cluster::TimePoint now_{};
  cluster::TimePoint next_arrival_{}, next_release_{}, next_world_{}, next_lookup_{};
  std::vector<Probe> probes_;
  cluster::TimePoint next_doubt_ = cluster::never;
  cluster::HostKey doubted_ = 0;
  bool recovering_ = false;
};

}  // namespace copg::sim
