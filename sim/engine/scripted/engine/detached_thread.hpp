// A thread that nobody waits for, in the simulation.
#pragma once

#include <functional>
#include <utility>

#include "sim/engine/world.hpp"

namespace copg::engine {

class Signal {
 public:
  Signal() = default;
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  ~Signal() {
    if (fd_ >= 0) sim::World::here().forget_fd(fd_);
  }

  void open() { fd_ = sim::World::here().new_fd(); }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  void set() noexcept {
    sim::World& world = sim::World::here();
    world.let_others_act();
    world.set_readable(fd_, world.now);
  }

 private:
  int fd_ = -1;
};

inline void start_detached(std::function<void()> body) { sim::World::here().start_thread(std::move(body)); }

}  // namespace copg::engine
