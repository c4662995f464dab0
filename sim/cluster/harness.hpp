// One cluster and the model that watches it: applies an input to both, takes the actions, and judges.
#pragma once

#include <cstdint>
#include <vector>

#include "cluster/cluster.hpp"
#include "sim/cluster/input.hpp"
#include "sim/cluster/model.hpp"

namespace copg::sim {

/// Faults built in on purpose between the cluster and the model, to prove that the simulator finds and
/// shrinks them.
enum class ClusterSabotage : std::uint8_t {
  none,
  drop_grants,     ///< Every grant action is lost.
  swap_grants,     ///< Grants that come in twos come in the wrong order.
  skip_timeouts,   ///< Fail actions for timeouts never arrive.
  deaf_cancels,    ///< The cluster is not told of cancels, which are said to have succeeded.
  deaf_doubts,     ///< The cluster is not told of doubts.
  forget_tokens,   ///< Requests have no token.
  forget_lags,     ///< Requests have no bound of lag.
  flat_timelines,  ///< All servers are said to be on timeline 1.
  one_instance,    ///< All servers are said to be one.
  one_system,      ///< All servers are said to be of one system.
  double_probes,   ///< A probe action arrives twice.
  mute_ends,       ///< The ends of epochs are not told.
  oversleep,       ///< next_deadline says a second later.
  no_limit,        ///< The cluster is told of no max_leases.
  eager_probes,    ///< The cluster is told a shorter probe_period.
  lost_leases,     ///< The cluster is not told that a lease has ended.
  allocate,        ///< Each release allocates.
};

class ClusterHarness {
 public:
  explicit ClusterHarness(const cluster::ClusterOptions& options,
                          ClusterSabotage sabotage = ClusterSabotage::none);
  ClusterHarness(const ClusterHarness&) = delete;
  ClusterHarness& operator=(const ClusterHarness&) = delete;
  ~ClusterHarness() = default;

  /// False if an invariant is broken: see `model().violation()`.
  bool apply(const ClusterInput& input);
  /// A violation that only the caller can see.
  void report(const char* invariant, const char* text) { model_.violate(invariant, text); }

  [[nodiscard]] const ClusterModel& model() const { return model_; }
  [[nodiscard]] const cluster::Cluster& core() const { return core_; }
  /// What the last input led to.
  [[nodiscard]] const std::vector<cluster::Action>& actions() const { return actions_; }
  /// The leases that the last input has begun: the last ones of the model's.
  [[nodiscard]] std::size_t new_leases() const { return new_leases_; }
  [[nodiscard]] cluster::TimePoint next_deadline() const { return next_deadline_; }
  /// A digest of every answer and action so far.
  [[nodiscard]] std::uint64_t digest() const { return digest_; }

 private:
  void call(const ClusterInput& input);
  void set_hosts(const ClusterInput& input);
  void acquire(const ClusterInput& input);
  void cancel(const ClusterInput& input);
  void release(const ClusterInput& input);
  void probed(const ClusterInput& input);
  void doubt(const ClusterInput& input);
  void take_actions();
  void spoil_actions();
  void mix(std::uint64_t value) { digest_ = (digest_ ^ value) * 0x100000001b3U; }

  cluster::Cluster core_;
  ClusterModel model_;
  std::vector<cluster::Action> actions_;
  cluster::TimePoint next_deadline_{};
  std::size_t new_leases_ = 0;
  std::uint64_t digest_ = 0xcbf29ce484222325U;
  ClusterSabotage sabotage_;
};

}  // namespace copg::sim
