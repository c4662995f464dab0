#include "engine/fork_guard.hpp"

#include <pthread.h>

#include <mutex>

#include "engine/holder.hpp"

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
  void unlock_all_in_child() {
    ForkGuard::forks_.fetch_add(1, std::memory_order_relaxed);
    forget_this_thread();
    unlock_all();
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

/// Never destroyed: a pool may be destroyed, and a process may fork, as late as at exit.
ForkRegistry& registry() {
  static auto* const instance = [] {
    auto* made = new ForkRegistry;
    pthread_atfork([] { registry().lock_all(); }, [] { registry().unlock_all(); },
                   [] { registry().unlock_all_in_child(); });
    return made;
  }();
  return *instance;
}

}  // namespace

ForkGuard::ForkGuard(AdaptiveMutex& mutex) : mutex_(mutex) { registry().add(*this); }
ForkGuard::~ForkGuard() { registry().remove(*this); }

}  // namespace copg::engine
