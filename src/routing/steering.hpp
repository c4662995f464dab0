// What a router does beside its callers: it asks for the names' addresses, makes and closes the hosts' pools,
// probes the hosts, and ticks the cluster.
//
// It carries out what the cluster has decided, in order, over a port. Members that are not for any thread run
// in what the port calls. It keeps the router alive as long as the port has something to call.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>

#include <list>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "engine/background_port.hpp"
#include "engine/background_task.hpp"
#include "pq/workers.hpp"
#include "routing/host_probe.hpp"
#include "routing/routing_state.hpp"
#include "routing/setup.hpp"
#include "routing/written_log.hpp"

namespace copg::routing {

class Router;

class Steering {
 public:
  Steering(const RoutingSetup& setup, SharedRouting& shared);
  Steering(const Steering&) = delete;
  Steering& operator=(const Steering&) = delete;
  ~Steering();

  // For any thread.

  /// Begins, for this router. Throws ConnectionFailed if the thread can't be started.
  void start(std::weak_ptr<Router> router);
  /// In a forked child: begins anew. Throws as `start`.
  void start_over(RoutingState& state);
  /// Asks for the names' addresses, and carries out soon what the cluster has decided.
  void open();
  void post_work(RoutingState& state);
  /// Closes all pools. With threads of its own it waits for them, up to a second longer than `timeout`; else
  /// they close by themselves.
  void close(Duration timeout) noexcept;
  /// The same without waiting. Returns the pools.
  std::vector<std::shared_ptr<engine::PoolEngine>> start_close(Duration timeout) noexcept;
  /// See Router::executor.
  [[nodiscard]] boost::asio::any_io_executor executor(const RoutingState& state) const;
  /// See Router::detach.
  void detach(const boost::asio::execution_context& context) noexcept;

 private:
  class LeavingPool;
  class DoubtingObserver;

  [[nodiscard]] std::shared_ptr<engine::BackgroundPort> port() const;
  void drop() noexcept;
  void work();
  void carry_out(const cluster::Action& action);
  void steer();
  void arm();
  void tick();
  [[nodiscard]] std::shared_ptr<engine::PoolEngine> pool_of(cluster::HostKey key) const;

  // The hosts (steering_hosts.cpp).
  void resolve();
  void resolved(engine::BackgroundTask::End end);
  void list(std::vector<pq::Host> hosts);
  [[nodiscard]] cluster::HostKey key_of(const pq::Host& host);
  [[nodiscard]] std::shared_ptr<const HostPool> make_pool(cluster::HostKey key, const pq::Host& host) const;
  void let_go(cluster::HostKey key);
  void probe(const cluster::Action& action);
  void probed(const cluster::Action& action, TimePoint asked_at, HostProbe::Outcome outcome);

  const RoutingSetup& setup_;
  SharedRouting& shared_;
  std::weak_ptr<Router> router_;
  std::unique_ptr<pq::Workers::Hold> workers_;
  std::vector<std::pair<pq::Host, cluster::HostKey>> keys_;  // of all addresses so far
  std::vector<pq::Host> listed_;
  std::map<cluster::HostKey, std::unique_ptr<HostProbe>> probes_;
  std::list<std::unique_ptr<LeavingPool>> leaving_;
  std::unique_ptr<engine::BackgroundTask> resolving_;
  WrittenLog written_;
  TimePoint asked_at_{};  // for the names' addresses
  TimePoint names_due_ = pool::never;
  // Changed with the mutex held.
  std::shared_ptr<engine::BackgroundPort> port_;
};

}  // namespace copg::routing
