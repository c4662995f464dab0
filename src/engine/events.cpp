#include "engine/events.hpp"

#include <mutex>
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
  for (const auto& observer : options.observer) ask(all_.emplace_back(Told{observer, {}}));
  sum_up();  // nobody else is there yet
}

void Events::ask(const Told& told) const noexcept {
  constexpr auto hooks = static_cast<unsigned>(Hook::slow_statement) + 1;
  std::uint32_t wanted = 0;
  for (unsigned i = 0; i < hooks; ++i) {
    if (told.observer->wants(static_cast<Hook>(i))) wanted |= bit_of(static_cast<Hook>(i));
  }
  told.wanted.set(wanted & possible_);
}

void Events::sum_up() const noexcept {
  std::uint32_t by_joined = 0;
  for (const auto& told : *joining_->now) by_joined |= told->wanted.bits();
  std::uint32_t by_any = by_joined;
  for (const Told& told : all_) by_any |= told.wanted.bits();
  wanted_by_joined_.set(by_joined);
  wanted_.set(by_any);
}

void Events::ask_again() const noexcept {
  for (const Told& told : all_) ask(told);
  for (const auto& told : *joined()) ask(*told);
  const std::lock_guard lock(joining_->mutex);
  sum_up();
}

std::shared_ptr<const Events::Joined> Events::joined() const noexcept {
  const std::lock_guard lock(joining_->mutex);
  return joining_->now;
}

bool Events::exchange(const std::shared_ptr<const Joined>& before,
                      std::shared_ptr<const Joined> after) const noexcept {
  const std::lock_guard lock(joining_->mutex);
  if (joining_->now != before) return false;
  joining_->now.swap(after);  // what it was is destroyed without the mutex
  sum_up();
  return true;
}

void Events::add(std::shared_ptr<Observer> observer) const {
  const auto added = std::make_shared<const Told>(Told{std::move(observer), {}});
  ask(*added);
  for (;;) {
    const std::shared_ptr<const Joined> before = joined();
    auto after = std::make_shared<Joined>(*before);
    after->push_back(added);
    if (exchange(before, std::move(after))) return;
  }
}

void Events::remove(const Observer& observer) const {
  for (;;) {
    const std::shared_ptr<const Joined> before = joined();
    auto after = std::make_shared<Joined>(*before);
    std::erase_if(*after, [&](const auto& told) { return told->observer.get() == &observer; });
    if (exchange(before, std::move(after))) return;
  }
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
  constexpr std::uint32_t bit = bit_of(Hook::statement_began);
  Begun begun{{}, joined_if(of_statements)};
  begun.returned.resize(all_.size() + (begun.joined ? begun.joined->size() : 0));
  std::size_t i = 0;
  const auto tell_one = [&](const Told& told) {
    if (told.wants(bit)) begun.returned[i] = told.observer->statement_began(event);
    ++i;
  };
  for (const Told& told : all_) tell_one(told);
  if (begun.joined) {
    for (const auto& told : *begun.joined) tell_one(*told);
  }
  return begun;
}

void Events::ended(const event::StatementEnded& event, const Begun& begun) const noexcept {
  constexpr std::uint32_t bit = bit_of(Hook::statement_ended);
  std::size_t i = 0;
  const auto tell_one = [&](const Told& told) {
    if (told.wants(bit)) told.observer->statement_ended(event, begun.returned[i]);
    ++i;
  };
  for (const Told& told : all_) tell_one(told);
  if (begun.joined) {
    for (const auto& told : *begun.joined) tell_one(*told);
  }
}

}  // namespace copg::engine
