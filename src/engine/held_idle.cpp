#include "engine/held_idle.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

namespace copg::engine {

namespace {

std::vector<event::HeldIdle> newly_idle(State& state, const Events& events, Duration limit, TimePoint time) {
  std::vector<event::HeldIdle> found;
  for (const auto& slot : state.slots) {
    const Slot::Tenancy& lease = slot->tenancy();
    if (lease.since == TimePoint{}) continue;
    const auto since = slot->activity.idle_since();
    TimePoint& reported = slot->guarded(state).idle_reported;
    if (!since || *since == reported || time - *since < limit) continue;
    reported = *since;
    state.core->count_held_idle();
    found.push_back({events.at(*slot), time - *since, lease.text()});
  }
  return found;
}

}  // namespace

void report_held_idle(const Setup& setup, SharedState& shared, TimePoint time) {
  const PoolOptions& options = setup.options;
  if (!options.held_idle_after) return;
  const std::vector<event::HeldIdle> found =
      newly_idle(*Locked(shared), setup.events, duration_of(*options.held_idle_after), time);
  for (const event::HeldIdle& lease : found) {
    if (setup.events.wants(Hook::held_idle)) {
      setup.events.tell(lease);
    } else {  // held_idle_after asks for a report, and there is nobody else to give it to
      fmt::print(stderr,
                 "copg: pool '{}': a connection has been leased without use for {:.1f} s, taken at {}\n",
                 setup.name, std::chrono::duration<double>(lease.idle).count(), lease.holder);
    }
  }
}

TimePoint next_look(const std::optional<Seconds>& limit, TimePoint time) noexcept {
  constexpr Duration shortest = std::chrono::milliseconds(10);
  return limit ? after(time, std::max(duration_of(*limit) / 2, shortest)) : pool::never;
}

}  // namespace copg::engine
