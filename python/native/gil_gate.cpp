#include "python/native/gil_gate.hpp"

#include <memory>

namespace copg::python {

void GilGate::enter() noexcept {
  std::uint32_t inside = inside_.load(std::memory_order_relaxed);
  if (inside < places && inside_.compare_exchange_strong(inside, inside + 1, std::memory_order_acquire))
    return;
  Sleeper here;
  Sleeper* passing = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const engine::TimePoint time = engine::now();
    if (first_ == nullptr) {  // the first that has to sleep: from now on it matters how many pass
      judged_since_ = time;
      passed_ = 0;
    }
    (first_ == nullptr ? first_ : last_->next) = &here;
    last_ = &here;
    inside_.fetch_or(queued, std::memory_order_relaxed);
    passing = let_in(time);  // threads may have left before they could see the queue
  }
  wake(passing);
  while (here.awake.word.load(std::memory_order_acquire) == 0) here.awake.wait(0);
}

void GilGate::leave() noexcept {
  std::uint32_t inside = inside_.load(std::memory_order_relaxed);
  while ((inside & queued) == 0) {
    if (inside_.compare_exchange_weak(inside, inside - 1, std::memory_order_release)) return;
  }
  Sleeper* passing = nullptr;
  {
    const std::lock_guard lock(mutex_);
    inside_.fetch_sub(1, std::memory_order_relaxed);
    const engine::TimePoint time = engine::now();
    if (first_ != nullptr) {
      ++passed_;
      judge(time);
    }
    passing = let_in(time);
  }
  wake(passing);
}

void GilGate::judge(engine::TimePoint time) noexcept {
  if (time - judged_since_ < judged_) return;
  if (passed_ < few) open_until_ = time + stays_open;
  judged_since_ = time;
  passed_ = 0;
}

/// Gives the first sleepers the free places, or all of them if the gate is open.
GilGate::Sleeper* GilGate::let_in(engine::TimePoint time) noexcept {
  const bool open = time < open_until_;
  Sleeper* const first = first_;
  Sleeper* last = nullptr;
  while (first_ != nullptr && (open || (inside_.load(std::memory_order_relaxed) & ~queued) < places)) {
    last = first_;
    first_ = first_->next;
    inside_.fetch_add(1, std::memory_order_relaxed);
  }
  if (first_ == nullptr) inside_.fetch_and(~queued, std::memory_order_relaxed);
  if (last == nullptr) return nullptr;
  last->next = nullptr;
  return first;
}

/// A sleeper may be gone as soon as its word is set. Without the mutex.
void GilGate::wake(Sleeper* sleeper) noexcept {
  while (sleeper != nullptr) {
    Sleeper* const next = sleeper->next;
    const engine::Futex::Address address = sleeper->awake.address();
    sleeper->awake.word.store(1, std::memory_order_release);
    engine::Futex::wake_one(address);
    sleeper = next;
  }
}

int GilGate::sleepers() noexcept {
  const std::lock_guard lock(mutex_);
  int count = 0;
  for (const Sleeper* one = first_; one != nullptr; one = one->next) ++count;
  return count;
}

void GilGate::forget_all() {
  const engine::Duration judged = judged_;
  std::destroy_at(this);
  std::construct_at(this, judged);
}

}  // namespace copg::python
