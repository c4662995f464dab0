// What pools have measured, as text that Prometheus reads. It needs no library of Prometheus.
#pragma once

#include <copg/pool_metrics.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

/// The Content-Type of the answer to a scrape.
inline constexpr std::string_view prometheus_content_type = "text/plain; version=0.0.4; charset=utf-8";

/// The text format 0.0.4 of Prometheus, of one snapshot for each pool. Their names are the label `pool`; a
/// name that has come before gets "#2", "#3" and so on behind it. Names must be UTF-8.
[[nodiscard]] std::string prometheus_text(std::vector<PoolMetrics> pools);

/// The same of the pools as they are now, PooledDatabase or AsyncPooledDatabase. Give each pool once: objects
/// that share one count what it does once each. Does not block; takes up to 0.5 ms for a pool.
template <class... Pools>
[[nodiscard]] std::string prometheus(const Pools&... pools) {
  std::vector<PoolMetrics> metrics;
  metrics.reserve(sizeof...(pools));
  (metrics.push_back(pools.metrics()), ...);
  return prometheus_text(std::move(metrics));
}

}  // namespace copg
#pragma GCC visibility pop
