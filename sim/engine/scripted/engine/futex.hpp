// A word that threads sleep on, in the simulation: any other thread may act between each two of its steps,
// and a sleeper may be woken for no reason.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/clock.hpp"
#include "sim/engine/thread.hpp"

namespace copg::engine {

class Futex {
 public:
  using Address = const void*;

  explicit constexpr Futex(std::uint32_t value) noexcept : word(value) {}

  void wait(std::uint32_t value, TimePoint deadline = pool::never) const noexcept {
    sim::World::here().let_others_act();
    if (word == value) sim::Thread::sleep(word, value, deadline);
  }
  [[nodiscard]] Address address() const noexcept { return &word; }
  static void wake_one(Address sleeper) noexcept {
    sim::World::here().let_others_act();
    sim::World::here().wake(sleeper);
  }

  std::atomic<std::uint32_t> word;
};

}  // namespace copg::engine
