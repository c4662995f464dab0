// The hosts among which an AsyncPooledDatabase chooses, and the event loop on which its calls wait for them
// and for their connections (docs/adr/0075-a-call-of-an-event-loop-waits-for-a-host.md).
#pragma once

#include <copg/async_connection.hpp>
#include <copg/source_location.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "async/loop.hpp"
#include "engine/adaptive_mutex.hpp"
#include "engine/fork_guard.hpp"
#include "routing/router.hpp"

namespace copg::faces {

/// Does not keep the pool open. Thread-safe.
class Hosts {
 public:
  /// `executor`: if it is empty, that of the router's background.
  Hosts(std::shared_ptr<routing::Router> router, boost::asio::any_io_executor executor);
  Hosts(const Hosts&) = delete;
  Hosts& operator=(const Hosts&) = delete;

  [[nodiscard]] const std::shared_ptr<routing::Router>& router() const noexcept { return router_; }
  /// Where calls wait for a host.
  [[nodiscard]] std::shared_ptr<async::Loop> loop();
  /// Where calls wait for this host's pool, on the same executor.
  [[nodiscard]] std::shared_ptr<async::Loop> loop_of(const std::shared_ptr<engine::PoolEngine>& pool);

  /// Leases a connection to the primary if there is one at once.
  [[nodiscard]] std::optional<AsyncConnection> try_connection(const SourceLocation& where);
  /// Begins to test the idle connections to each host that answers. Returns these hosts' pools.
  [[nodiscard]] std::vector<std::shared_ptr<engine::PoolEngine>> start_check();

 private:
  using Loops = std::map<engine::PoolEngine*, std::shared_ptr<async::Loop>>;  // by their pools

  const std::shared_ptr<routing::Router> router_;
  const boost::asio::any_io_executor given_;
  // Held across a fork, hence not together with that of the router or of a pool.
  engine::AdaptiveMutex mutex_;
  engine::ForkGuard fork_guard_{mutex_};
  // Made with the first call, and anew in a forked child, whose background has another thread.
  std::uint32_t process_ = 0;
  std::shared_ptr<async::Loop> loop_;
  Loops loops_;
};

}  // namespace copg::faces
