// A thread that sleeps until what it waits for is settled.
#pragma once

#include <cstdint>
#include <type_traits>

#include "engine/clock.hpp"
#include "engine/futex.hpp"
#include "engine/waiter.hpp"
#include "engine/wakes.hpp"

namespace copg::engine {

/// `Base` is Waiter, StatementWaiter or PoolWaiter.
template <class Base>
class BlockingWaiter : public Base {
 public:
  BlockingWaiter() {
    if constexpr (std::is_base_of_v<Waiter, Base>) this->set_blocking();
  }
  void settled(Wakes& wakes) noexcept override {
    if (state_.word.exchange(is_settled, std::memory_order_release) == sleeping) wakes.add(state_.address());
  }
  /// False: the deadline came first. After true, the waiter can be used for another wait.
  bool sleep_until(TimePoint deadline) noexcept {
    for (std::uint32_t state = awake;;) {
      if (state_.word.compare_exchange_strong(state, sleeping, std::memory_order_acquire)) state = sleeping;
      if (state == is_settled) break;
      if (now() >= deadline) return false;
      state_.wait(sleeping, deadline);
    }
    state_.word.store(awake, std::memory_order_relaxed);
    return true;
  }

 private:
  enum State : std::uint32_t { awake, sleeping, is_settled };
  Futex state_{awake};
};

}  // namespace copg::engine
