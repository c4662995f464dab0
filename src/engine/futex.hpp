// A word that threads sleep on, as on a futex of Linux: std::atomic::wait spins and yields before it sleeps,
// and has no deadline. A file of its own, so that the simulator can have another in its place.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/clock.hpp"
#include "os/sleep.hpp"

namespace copg::engine {

class Futex {
 public:
  using Address = const void*;

  explicit constexpr Futex(std::uint32_t value) noexcept : word(value) {}

  /// Sleeps while the word is `value`, until it is woken, a signal comes or the deadline has passed. May
  /// return for no reason.
  void wait(std::uint32_t value, TimePoint deadline = pool::never) const noexcept {
    os::sleep_on(word, value, deadline);
  }
  [[nodiscard]] Address address() const noexcept { return &word; }
  /// Wakes one thread that sleeps there. The futex may be gone by then: whatever is at its address now must
  /// bear a wake for no reason, as every user of a futex does.
  static void wake_one(Address sleeper) noexcept { os::wake_one_on(sleeper); }

  std::atomic<std::uint32_t> word;
};

}  // namespace copg::engine
