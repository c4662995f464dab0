// Makes fork(2) safe for pools: the child finds every pool consistent, and knows that it is a child.
//
// fork copies the memory and the calling thread, and nothing else. The mutex of every pool is held meanwhile,
// so that no pool is copied half-way through a change.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/adaptive_mutex.hpp"

namespace copg::engine {

class ForkGuard {
 public:
  /// `mutex` is held across every fork from now on.
  explicit ForkGuard(AdaptiveMutex& mutex);
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;
  ~ForkGuard();

  /// How many forks lie between this process and the one that loaded the library. Costs one load.
  [[nodiscard]] static std::uint32_t generation() noexcept { return forks_.load(std::memory_order_relaxed); }

 private:
  friend struct ForkRegistry;
  inline static std::atomic<std::uint32_t> forks_ = 0;
  AdaptiveMutex& mutex_;
  ForkGuard* next_ = nullptr;
  ForkGuard* prev_ = nullptr;
};

}  // namespace copg::engine
