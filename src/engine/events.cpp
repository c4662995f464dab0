#include "engine/events.hpp"

#include <utility>

#include "engine/slot.hpp"

namespace copg::engine {

Events::Events(std::string pool, const PoolOptions& options) : pool_(std::move(pool)) {
  if (options.slow_acquire) {
    slow_acquire_ = duration_of(*options.slow_acquire);
  } else {
    possible_ &= ~bit_of(Hook::slow_acquire);
  }
  if (options.slow_statement) {
    slow_statement_ = duration_of(*options.slow_statement);
  } else {
    possible_ &= ~bit_of(Hook::slow_statement);
  }
  for (const auto& observer : options.observer) all_.push_back({observer, WantedHooks()});
  ask_again();
}

void Events::ask_again() const noexcept {
  constexpr auto hooks = static_cast<unsigned>(Hook::slow_statement) + 1;
  std::uint32_t by_any = 0;
  for (const Told& told : all_) {
    std::uint32_t wanted = 0;
    for (unsigned i = 0; i < hooks; ++i) {
      if (told.observer->wants(static_cast<Hook>(i))) wanted |= bit_of(static_cast<Hook>(i));
    }
    told.wanted.set(wanted & possible_);
    by_any |= wanted & possible_;
  }
  wanted_.set(by_any);
}

event::Event Events::at(const Slot& slot) const noexcept {
  return {.pool = pool_, .connection = slot.opening.number, .backend_pid = slot.opening.backend_pid};
}

void Events::tell_acquired(Slot& slot, Duration wait) const noexcept {
  slot.lease_told = true;
  const event::Event where = at(slot);
  tell(event::Acquired{where, wait});
  if (wait > slow_acquire_) tell(event::SlowAcquire{where, wait, slot.tenancy().holder.text()});
}

Events::Begun Events::began(const event::StatementBegan& event) const {
  Begun begun(all_.size());
  for (std::size_t i = 0; i < all_.size(); ++i) {
    if ((all_[i].wanted.bits() & bit_of(Hook::statement_began)) != 0)
      begun[i] = all_[i].observer->statement_began(event);
  }
  return begun;
}

void Events::ended(const event::StatementEnded& event, const Begun& begun) const noexcept {
  for (std::size_t i = 0; i < all_.size(); ++i) {
    if ((all_[i].wanted.bits() & bit_of(Hook::statement_ended)) != 0)
      all_[i].observer->statement_ended(event, begun[i]);
  }
}

}  // namespace copg::engine
