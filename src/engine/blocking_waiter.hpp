// A thread that sleeps until what it waits for is settled.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "engine/clock.hpp"

namespace copg::engine {

/// `Base` is Waiter or PoolWaiter.
template <class Base>
class BlockingWaiter : public Base {
 public:
  void settled() noexcept override {
    const std::lock_guard lock(mutex_);
    settled_ = true;
    if (wake_) wake_->notify_one();
  }
  /// False: the deadline came first. After true, the waiter can be used for another wait.
  bool sleep_until(TimePoint deadline) {
    std::unique_lock lock(mutex_);
    if (!wake_) wake_.emplace();
    wake_->wait_until(lock, deadline, [this] { return settled_; });
    return std::exchange(settled_, false);
  }

 private:
  std::mutex mutex_;
  std::optional<std::condition_variable> wake_;  // made on demand, since few callers wait
  bool settled_ = false;
};

}  // namespace copg::engine
