// Makes fork(2) safe for pools: the child finds every pool consistent, and knows that it is a child.
//
// fork copies the memory and the thread that calls it, nothing else. While it does, the mutex of every pool
// is held, so that no pool is copied half-way through a change.
#pragma once

#include <cstdint>
#include <mutex>

namespace copg::engine {

class ForkGuard {
 public:
  /// `mutex` is held across every fork from now on.
  explicit ForkGuard(std::mutex& mutex);
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;
  ~ForkGuard();

  /// How many forks lie between this process and the one that loaded the library. One load.
  [[nodiscard]] static std::uint32_t generation() noexcept;

 private:
  friend struct ForkRegistry;
  std::mutex& mutex_;
  ForkGuard* next_ = nullptr;
  ForkGuard* prev_ = nullptr;
};

}  // namespace copg::engine
