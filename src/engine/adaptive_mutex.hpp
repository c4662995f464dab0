// A mutex for critical sections much shorter than going to sleep: a thread that finds it taken tries again
// for a moment before it sleeps.
//
// The pauses between two tries grow, because each try takes the cache line away from the holder. The tries
// are bounded, so that threads don't burn a processor while the holder waits for one or wakes somebody. The
// states are those of Drepper's "Futexes Are Tricky", section "Mutex, Take 2".
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/futex.hpp"

namespace copg::engine {

class AdaptiveMutex {
 public:
  void lock() noexcept {
    if (!try_lock()) lock_late();
  }
  void unlock() noexcept {
    if (state_.word.exchange(free, std::memory_order_release) == awaited) Futex::wake_one(state_.address());
  }

 private:
  enum State : std::uint32_t { free, taken, awaited };

  static constexpr int first_pause = 64;
  static constexpr int last_pause = 256;

  static void pause(int times) noexcept {
    for (int i = 0; i < times; ++i) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  }

  bool try_lock() noexcept {
    std::uint32_t expected = free;
    return state_.word.compare_exchange_strong(expected, taken, std::memory_order_acquire,
                                               std::memory_order_relaxed);
  }
  [[gnu::noinline]] void lock_late() noexcept {
    for (int times = first_pause; times <= last_pause; times *= 2) {
      pause(times);
      if (state_.word.load(std::memory_order_relaxed) == free && try_lock()) return;
    }
    while (state_.word.exchange(awaited, std::memory_order_acquire) != free) state_.wait(awaited);
  }

  Futex state_{free};
};

}  // namespace copg::engine
