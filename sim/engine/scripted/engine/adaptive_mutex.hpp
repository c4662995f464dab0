// The mutex of the engine, in the simulation: before it is locked and after it was unlocked another thread
// may go first; while it is locked, none does.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "sim/engine/world.hpp"

namespace copg::engine {

class AdaptiveMutex {
 public:
  void lock() noexcept {
    sim::World& world = sim::World::here();
    world.let_others_act();
    if (taken_) {
      std::fputs("copg: a thread locks a mutex that it has locked\n", stderr);
      std::abort();
    }
    taken_ = true;
    ++world.locks;
  }
  void unlock() noexcept {
    sim::World& world = sim::World::here();
    taken_ = false;
    --world.locks;
    world.let_others_act();
  }

 private:
  bool taken_ = false;
};

}  // namespace copg::engine
