// The configuration of a cluster's hosts and pools, which never changes.
#pragma once

#include <copg/config.hpp>
#include <copg/detail/configure.hpp>
#include <copg/pool_options.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <string>

#include "cluster/types.hpp"
#include "engine/clock.hpp"
#include "pq/resolve_operation.hpp"

namespace copg::routing {

using engine::Duration;
using engine::TimePoint;

struct RoutingSetup {
  const Config config;        ///< Of all hosts: their names and ports are lists.
  const PoolOptions options;  ///< Of each host's pool.
  const cluster::ClusterOptions cluster{};
  detail::Configure* const call_configure = nullptr;  ///< See engine::Setup.
  /// What the background and all pools run on; empty: each has a thread of its own.
  const boost::asio::any_io_executor executor{};
  /// Told on the background, without a lock. `host` is nullptr where the report names none.
  const std::function<void(cluster::Report, const pq::Host* host)> report{};
  const std::string name = options.name.empty() ? config.database : options.name;
  /// Between two questions for the names' addresses, ...
  const Duration names_period = std::chrono::seconds(30);
  const Duration names_gap = std::chrono::seconds(1);  ///< ... and while a host is down.

  [[nodiscard]] bool own_thread() const noexcept { return !executor; }
};

/// Whether a router is wanted: there are several names, addresses or sockets, and libpq is not asked to
/// choose.
[[nodiscard]] bool chooses_host(const Config& config);
/// The lists that name the hosts.
[[nodiscard]] pq::HostLists host_lists(const Config& config);
/// The configuration of one host. What makes libpq choose among hosts is taken out.
[[nodiscard]] Config config_of(const Config& config, const pq::Host& host);
/// 127.0.0.1:5432, for messages, and to tell pools apart.
[[nodiscard]] std::string to_string(const pq::Host& host);

}  // namespace copg::routing
