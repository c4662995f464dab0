// How a thread sleeps until a blocking waiter is settled.
#pragma once

#include <algorithm>

#include "engine/clock.hpp"
#include "sync/call.hpp"

namespace copg::sync {

/// What `set_interrupt_check` has set; nullptr: nothing.
[[nodiscard]] InterruptCheck present_interrupt_check() noexcept;

/// Sleeps until `waiter` is settled. Condition variables ignore signals, so with an interrupt check the
/// thread sleeps in slices. After the deadline it sleeps in slices as well: `expire` has not thrown, so that
/// the outcome is about to arrive.
template <class Blocking, class Expire>
void sleep(Blocking& waiter, TimePoint deadline, Expire expire) {
  constexpr Duration slice = interrupt_check_interval / 2;
  const InterruptCheck check = present_interrupt_check();
  TimePoint until = check == nullptr ? deadline : std::min(deadline, engine::after(engine::now(), slice));
  while (!waiter.sleep_until(until)) {
    const bool late = engine::now() >= deadline;
    if (late) expire();
    if (check != nullptr) check();
    until = engine::after(engine::now(), slice);
    if (!late) until = std::min(until, deadline);
  }
}

}  // namespace copg::sync
