// Which server of several a request goes to: drives a cluster (src/cluster), with a pool for each host.
//
// A request asks here for a host, and then the host's pool for a connection. If the pool turns it away
// (engine/turned_away.hpp), because the host is lost or must not be used any more, nothing of it was sent,
// and it asks here again, in its old place of the order. The shells wait, each in its own way. Nothing here
// blocks, except `close`. Thread-safe.
#pragma once

#include <copg/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/cluster.hpp"
#include "routing/host_waiter.hpp"
#include "routing/routing_state.hpp"
#include "routing/setup.hpp"
#include "routing/steering.hpp"

namespace copg::routing {

/// What is known of one host at one moment.
struct HostView {
  pq::Host address;
  std::shared_ptr<engine::PoolEngine> pool;
  cluster::Verdict verdict = cluster::Verdict::unknown;
  bool up = false;       ///< The last probe was answered.
  bool doubted = false;  ///< See cluster::Host.
  std::uint32_t leases = 0;
  Duration latency{};
  cluster::Observation seen{};
  Duration age{};       ///< Since it was asked what `seen` says.
  std::string error{};  ///< Why the last probe failed.
};

class Router : public std::enable_shared_from_this<Router> {
 public:
  /// Throws ConfigurationError, or ConnectionFailed if the process can't start another thread. Does nothing
  /// before `open`.
  static std::shared_ptr<Router> create(RoutingSetup setup);
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;
  ~Router() = default;
  /// Finds the hosts, opens their pools and probes them, in the background. Throws PoolClosed. Idempotent.
  void open();

  // Getting a host. A wait is: acquire or reacquire → queued → (settled) → collect, or give_up.

  enum class Attempt : std::uint8_t { granted, queued };
  /// Takes a host into `lease`, or queues `waiter`. `time` is now. Throws PoolTimeout, PoolClosed (also
  /// before `open`), UsageError (a token of another system).
  Attempt acquire(HostLease& lease, HostWaiter& waiter, TimePoint time, const cluster::Request& request);
  /// Takes a host if one is fit at once; false: none is. Throws as `acquire`, but not PoolTimeout.
  [[nodiscard]] bool try_acquire(HostLease& lease, TimePoint time, const cluster::Request& request);
  /// Gives a host up where nothing was sent, and asks for another, in the lease's place of the order.
  /// Otherwise as `acquire`.
  Attempt reacquire(HostLease& lease, HostWaiter& waiter, TimePoint time, const cluster::Request& request);
  /// After `settled`: takes the granted host. Throws as `acquire` if there is none.
  void collect(HostLease& lease, HostWaiter& waiter, TimePoint time);
  /// Settles the waiter if its time is up; the background does so, too, a little later.
  void expire(HostWaiter& waiter);
  /// Leaves the queue. Returns true, with `lease` filled, if a host had been granted already.
  bool give_up(HostLease& lease, HostWaiter& waiter);
  /// The lease has ended.
  void release(HostLease& lease) noexcept;

  // What has been noticed of a host.

  void doubt(cluster::HostKey host);
  void doubt(const HostLease& lease) { doubt(lease.host->key); }

  // The whole.

  [[nodiscard]] const RoutingSetup& setup() const noexcept { return setup_; }
  /// Those that are listed now.
  [[nodiscard]] std::vector<HostView> hosts();
  /// The pool of the host that is the primary now, as far as is known; null: none is.
  [[nodiscard]] std::shared_ptr<engine::PoolEngine> pool_of_primary();
  /// Throws UsageError: what a pool of one host alone has.
  [[noreturn, gnu::cold]] static void refuse_use();
  /// For a switchover: requests for the primary wait until one on a newer timeline is there, `resume` is
  /// called, or `until`.
  void suspend(TimePoint until);
  void resume();
  /// Fails who waits, and closes all pools, each as PoolEngine::close. With threads of its own it blocks
  /// until that is done, or until `timeout` and a second have passed. Idempotent.
  void close(Duration timeout) noexcept;
  /// The same without blocking, until each pool has reached Milestone::finished. Returns these pools.
  std::vector<std::shared_ptr<engine::PoolEngine>> start_close(Duration timeout) noexcept;

  // With Asio.

  /// What the background runs on, without its strand; empty if it has ended.
  [[nodiscard]] boost::asio::any_io_executor executor();
  /// The context goes away: if the background and the pools run on it, detaches them from it.
  void detach(const boost::asio::execution_context& context) noexcept;

 private:
  explicit Router(RoutingSetup setup) : setup_(std::move(setup)) {}
  [[nodiscard]] LockedRouting lock_here();
  Attempt conclude(LockedRouting state, const cluster::Acquired& acquired, HostLease& lease,
                   HostWaiter& waiter, TimePoint time, cluster::Role role);
  void close_cluster() noexcept;
  [[noreturn, gnu::cold]] void refuse(LockedRouting state, cluster::WaitError error, cluster::Role role,
                                      Duration waited);

  const RoutingSetup setup_;
  SharedRouting shared_{setup_, steering_};
  Steering steering_{setup_, shared_};
};

/// Shared by the objects that stand for the pool in a program; the last one to go closes it, with 5 s for
/// leases.
[[nodiscard]] std::shared_ptr<Router> closing_handle(std::shared_ptr<Router> router);

}  // namespace copg::routing
