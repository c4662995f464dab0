#include "engine/fork_guard.hpp"

#include <pthread.h>

#include <atomic>

namespace copg::engine {

struct ForkRegistry {
  std::mutex mutex;
  ForkGuard* first = nullptr;

  void lock_all() {
    mutex.lock();
    for (ForkGuard* guard = first; guard != nullptr; guard = guard->next_) guard->mutex_.lock();
  }
  void unlock_all() {
    for (ForkGuard* guard = first; guard != nullptr; guard = guard->next_) guard->mutex_.unlock();
    mutex.unlock();
  }
  void add(ForkGuard& guard) {
    const std::lock_guard lock(mutex);
    guard.next_ = first;
    if (first != nullptr) first->prev_ = &guard;
    first = &guard;
  }
  void remove(ForkGuard& guard) {
    const std::lock_guard lock(mutex);
    (guard.prev_ != nullptr ? guard.prev_->next_ : first) = guard.next_;
    if (guard.next_ != nullptr) guard.next_->prev_ = guard.prev_;
  }
};

namespace {

std::atomic<std::uint32_t> forks = 0;

/// Never destroyed: a pool may be destroyed, and a process may fork, as late as at exit.
ForkRegistry& registry() {
  static auto* const instance = [] {
    auto* made = new ForkRegistry;
    pthread_atfork([] { registry().lock_all(); }, [] { registry().unlock_all(); },
                   [] {
                     forks.fetch_add(1, std::memory_order_relaxed);
                     registry().unlock_all();
                   });
    return made;
  }();
  return *instance;
}

}  // namespace

ForkGuard::ForkGuard(std::mutex& mutex) : mutex_(mutex) { registry().add(*this); }
ForkGuard::~ForkGuard() { registry().remove(*this); }
std::uint32_t ForkGuard::generation() noexcept { return forks.load(std::memory_order_relaxed); }

}  // namespace copg::engine
