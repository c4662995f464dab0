// A caller that waits for a host, and its use of one. The shells derive from the waiter: a blocking waiter,
// an asynchronous call.
#pragma once

#include <cstdint>
#include <memory>

#include "cluster/types.hpp"
#include "engine/clock.hpp"
#include "engine/pool_engine.hpp"
#include "engine/wakes.hpp"
#include "pq/resolve_operation.hpp"

namespace copg::routing {

/// One host, and its pool.
struct HostPool {
  const cluster::HostKey key;
  const pq::Host address;
  const std::shared_ptr<engine::PoolEngine> pool;
};

/// The use of one host by one caller, who gives it back to the router exactly once.
struct HostLease {
  std::shared_ptr<const HostPool> host{};  ///< Null: no lease.
  cluster::HostId id{};
  std::uint64_t ticket = 0;   ///< Its place in the order.
  std::uint32_t process = 0;  ///< ForkGuard::generation() of the process that made it.
  std::uint64_t system = 0;   ///< The host's system identifier.

  explicit operator bool() const noexcept { return host != nullptr; }
  [[nodiscard]] engine::PoolEngine& pool() const noexcept { return *host->pool; }
};

class HostWaiter {
 public:
  HostWaiter() = default;
  HostWaiter(const HostWaiter&) = delete;
  HostWaiter& operator=(const HostWaiter&) = delete;

  /// The wait is over: the shell calls Router::collect. Called once, with the router's mutex held: must only
  /// wake the caller, if that is a thread by adding it to `wakes`. The waiter must stay in place until
  /// `collect` or `give_up` has returned.
  virtual void settled(engine::Wakes& wakes) noexcept = 0;

 protected:
  virtual ~HostWaiter() = default;

 private:
  friend struct RoutingState;
  friend class Router;

  HostLease lease_;  // granted, and not collected yet
  cluster::WaiterId id_{};
  cluster::Role role_ = cluster::Role::primary;
  engine::TimePoint since_{};
  cluster::WaitError error_ = cluster::WaitError::none;
  bool settled_ = false;
};

}  // namespace copg::routing
