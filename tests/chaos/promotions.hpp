// Watches the servers of a cluster for promotions, each over a connection of its own that passes no pool.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "chaos/load.hpp"

namespace copg::chaos {

struct Promotion {
  std::size_t node;
  Clock::time_point begun;    ///< It says that it is no standby any more.
  Clock::time_point accepts;  ///< It has acknowledged a write of ours, which went straight to it.
};

class Promotions {
 public:
  /// The table `probed (n int)` must be there.
  explicit Promotions(const std::vector<std::string>& urls);
  Promotions(const Promotions&) = delete;
  Promotions& operator=(const Promotions&) = delete;
  ~Promotions();

  /// The last one that has begun since then.
  [[nodiscard]] std::optional<Promotion> last(Clock::time_point since) const;

 private:
  void watch(std::size_t node, const std::string& url);
  void rest(std::chrono::milliseconds time) const;
  void watch_connection(std::size_t node, const std::string& url, bool& standby);

  std::atomic<bool> over_ = false;
  mutable std::mutex mutex_;
  std::vector<Promotion> promotions_;
  std::vector<std::thread> threads_;
};

}  // namespace copg::chaos
