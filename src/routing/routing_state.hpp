// What the rooms of a router share: the cluster, the hosts' pools, and the callers that wait. One mutex
// guards it; only a `LockedRouting` gives access.
//
// No system call on a socket and no user code runs under the mutex, and no pool's mutex is taken with it: a
// fork takes all of them, in any order.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/cluster.hpp"
#include "engine/adaptive_mutex.hpp"
#include "engine/fork_guard.hpp"
#include "engine/wakes.hpp"
#include "routing/host_waiter.hpp"
#include "routing/setup.hpp"

namespace copg::routing {

class Steering;

struct RoutingState {
  struct Listed {
    std::shared_ptr<const HostPool> pool;
    bool turns_away = false;
    std::optional<std::string> error{};  ///< Why the last probe failed; nothing: it was answered.
  };

  RoutingState(const RoutingSetup& setup, Steering& steering);
  RoutingState(const RoutingState&) = delete;
  RoutingState& operator=(const RoutingState&) = delete;

  /// Makes a new cluster, for this process, which knows no host yet.
  void make_cluster();
  /// Makes room in the cluster's table of waiters and in `waiters`, before a waiter is queued, so that
  /// nothing can fail after that.
  void make_room_for_waiter();
  /// Hands out what the cluster has decided. Follows every call that may leave actions behind.
  void dispatch();
  void add(HostWaiter& waiter, cluster::WaiterId id, TimePoint time, cluster::Role role);
  /// The lease of a host that the cluster has granted.
  [[nodiscard]] HostLease take(cluster::HostId host, std::uint64_t ticket) const;
  [[nodiscard]] bool inherited() const noexcept { return process != engine::ForkGuard::generation(); }
  /// In a forked child: forgets the parent's callers.
  void abandon_inherited();

  std::uint32_t process = engine::ForkGuard::generation();
  bool opened = false;
  bool work_posted = false;
  std::unique_ptr<cluster::Cluster> cluster;
  std::map<cluster::HostKey, Listed> hosts;
  std::vector<HostWaiter*> waiters;     // by the slot of their id
  std::deque<cluster::Action> actions;  // for the background
  TimePoint armed = cluster::never;     // when the background will tick
  std::optional<std::string> names_error;
  engine::Wakes wakes;

 private:
  void settle(const cluster::Action& outcome) noexcept;

  const RoutingSetup& setup_;
  Steering& steering_;
};

/// A state, and its mutex, which is held across a fork.
class SharedRouting {
 public:
  SharedRouting(const RoutingSetup& setup, Steering& steering) : state_(setup, steering) {}

 private:
  friend class LockedRouting;
  engine::AdaptiveMutex mutex_;
  RoutingState state_;
  engine::ForkGuard fork_guard_{mutex_};
};

/// Holds the mutex, and gives access to the state.
class [[nodiscard]] LockedRouting {
 public:
  explicit LockedRouting(SharedRouting& shared) noexcept : shared_(&shared) { shared.mutex_.lock(); }
  LockedRouting(LockedRouting&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  LockedRouting& operator=(LockedRouting&&) = delete;
  ~LockedRouting() { unlock(); }

  void unlock() noexcept {
    if (shared_ == nullptr) return;
    SharedRouting& shared = *std::exchange(shared_, nullptr);
    engine::Wakes wakes = std::exchange(shared.state_.wakes, {});
    shared.mutex_.unlock();
    wakes.wake_all();
  }
  [[nodiscard]] RoutingState& operator*() const noexcept { return shared_->state_; }
  [[nodiscard]] RoutingState* operator->() const noexcept { return &shared_->state_; }

 private:
  SharedRouting* shared_;
};

}  // namespace copg::routing
