#include "python/native/gil_gate.hpp"

#include <limits>
#include <memory>

namespace copg::python {

namespace {
constexpr int everybody = std::numeric_limits<int>::max();
}

void GilGate::enter() noexcept {
  Sleeper here;
  {
    const std::lock_guard lock(mutex_);
    if (first_ == nullptr && inside_ < places) {
      ++inside_;
      return;
    }
    const engine::TimePoint time = engine::now();
    if (time < open_until_) {
      ++inside_;
      return;
    }
    if (first_ == nullptr) {  // the first that has to sleep: from now on it matters how many pass
      judged_since_ = time;
      passed_ = 0;
    }
    (first_ == nullptr ? first_ : last_->next) = &here;
    last_ = &here;
    ++sleepers_;
  }
  while (here.awake.word.load(std::memory_order_acquire) == 0) here.awake.wait(0);
}

void GilGate::leave() noexcept {
  Sleeper* passing = nullptr;
  {
    const std::lock_guard lock(mutex_);
    --inside_;
    if (first_ == nullptr) return;
    ++passed_;
    const engine::TimePoint time = engine::now();
    judge(time);
    passing = take(time < open_until_ ? everybody : places - inside_);
  }
  wake(passing);
}

void GilGate::judge(engine::TimePoint time) noexcept {
  if (time - judged_since_ < judged_after) return;
  if (passed_ < few) open_until_ = time + stays_open;
  judged_since_ = time;
  passed_ = 0;
}

/// Gives the first sleepers a place.
GilGate::Sleeper* GilGate::take(int most) noexcept {
  Sleeper* const taken = most > 0 ? first_ : nullptr;
  Sleeper* last = nullptr;
  for (int count = 0; count < most && first_ != nullptr; ++count) {
    last = first_;
    first_ = first_->next;
    ++inside_;
    --sleepers_;
  }
  if (last != nullptr) last->next = nullptr;
  return taken;
}

/// A sleeper may be gone as soon as its word is set.
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
  return sleepers_;
}

void GilGate::forget_all() {
  std::destroy_at(this);
  std::construct_at(this);
}

}  // namespace copg::python
