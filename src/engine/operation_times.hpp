// How long the operations on a lease took, which end without the mutex: kept in the slot, a few at a time.
//
// The owner of the slot adds them; the owner empties it with the mutex held; and everybody else reads it with
// the mutex held. So each time is seen once: here, or where it was moved.
#pragma once

#include <copg/histogram.hpp>

#include <array>
#include <atomic>
#include <cstdint>

#include "engine/clock.hpp"

namespace copg::engine {

class OperationTimes {
 public:
  static constexpr std::uint32_t capacity = 16;

  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] bool full() const noexcept { return size() == capacity; }
  /// Must not be full. Called by the owner.
  void add(Duration took) noexcept {
    const std::uint32_t place = size();
    times_[place].store(took.count(), std::memory_order_relaxed);
    size_.store(place + 1, std::memory_order_release);
  }
  /// Calls `each(time)`, with the mutex held.
  template <class Each>
  void for_each(Each&& each) const {
    const std::uint32_t end = size_.load(std::memory_order_acquire);
    for (std::uint32_t place = 0; place < end; ++place)
      each(Duration(times_[place].load(std::memory_order_relaxed)));
  }
  /// Called by the owner with the mutex held, once they have been taken elsewhere.
  void clear() noexcept { size_.store(0, std::memory_order_relaxed); }

 private:
  [[nodiscard]] std::uint32_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

  std::array<std::atomic<Duration::rep>, capacity> times_{};
  std::atomic<std::uint32_t> size_ = 0;
};

}  // namespace copg::engine
