// What a monitor shows: its pools, and the texts that it answers with. Knows nothing of HTTP.
#pragma once

#include <copg/monitor.hpp>
#include <copg/pool_view.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "monitor/watched_pool.hpp"

namespace copg::monitor {

/// Thread-safe.
class Board {
 public:
  explicit Board(const MonitorOptions& options);

  void add(const PoolView& view);
  /// Every WatchedPool::step: takes a sample of each pool.
  void look();
  /// Lets go of the pools, and takes no more.
  void close();

  /// The document, in JSON. `with_history`: with all points of the last ten minutes.
  [[nodiscard]] std::string document(bool with_history);
  /// What Prometheus reads.
  [[nodiscard]] std::string metrics();
  /// Of all pools together: each that is not well has a line.
  [[nodiscard]] Health health();

 private:
  void drop_expired();

  const MonitorOptions options_;
  const WallTime started_ = std::chrono::system_clock::now();
  std::mutex mutex_;
  std::vector<std::unique_ptr<WatchedPool>> pools_;
  std::uint64_t added_ = 0;
  bool closed_ = false;
};

}  // namespace copg::monitor
