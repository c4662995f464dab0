// The threads that are to be woken by who has settled what they wait for.
#pragma once

#include <array>
#include <cstddef>

#include "engine/futex.hpp"

namespace copg::engine {

/// The threads to wake once a mutex is free: one that wakes earlier runs into it.
class Wakes {
 public:
  void add(Futex::Address sleeper) noexcept {
    if (count_ == sleepers_.size()) return Futex::wake_one(sleeper);
    sleepers_[count_++] = sleeper;
  }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  void wake_all() noexcept {
    for (std::size_t i = 0; i < count_; ++i) Futex::wake_one(sleepers_[i]);
    count_ = 0;
  }

 private:
  std::array<Futex::Address, 16> sleepers_;  // a run's, at most
  std::size_t count_ = 0;
};

}  // namespace copg::engine
