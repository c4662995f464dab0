// A word that threads sleep on, in the kernel's way: std::atomic::wait spins and yields before it sleeps, and
// has no deadline. A file of its own, so that the simulator can have another in its place.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <ctime>

#include "engine/clock.hpp"

namespace copg::engine {

class Futex {
 public:
  using Address = const void*;

  explicit constexpr Futex(std::uint32_t value) noexcept : word(value) {}

  /// Sleeps while the word is `value`, until it is woken, a signal comes or the deadline has passed. May
  /// return for no reason.
  void wait(std::uint32_t value, TimePoint deadline = pool::never) const noexcept {
    const auto at = deadline.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at);
    const timespec until{.tv_sec = static_cast<time_t>(seconds.count()),
                         .tv_nsec = static_cast<long>((at - seconds).count())};
    syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, value, deadline == pool::never ? nullptr : &until,
            nullptr, FUTEX_BITSET_MATCH_ANY);
  }
  [[nodiscard]] Address address() const noexcept { return &word; }
  /// Wakes one thread that sleeps there. The futex may be gone by then: whatever is at its address now must
  /// bear a wake for no reason, as every user of a futex does.
  static void wake_one(Address sleeper) noexcept { syscall(SYS_futex, sleeper, FUTEX_WAKE_PRIVATE, 1); }

  std::atomic<std::uint32_t> word;
};

}  // namespace copg::engine
