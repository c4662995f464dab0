// What takes a while on the world's server, and then has an effect: resets, checks, cancels, goodbyes.
#pragma once

#include <chrono>
#include <memory>
#include <utility>

#include "pq/connection.hpp"

namespace copg::pq {
inline namespace scripted {

class RoundTrip : public Operation {
 public:
  [[nodiscard]] const char* phase() const noexcept override { return "waiting"; }

 protected:
  explicit RoundTrip(Connection& connection) : connection_(connection) {}
  ~RoundTrip() override {
    if (fd_ >= 0) World::here().forget_fd(fd_);
  }

  /// True once its time is over. `step` says what to wait for until then.
  [[nodiscard]] bool over(Step& step) {
    World& world = World::here();
    if (fd_ < 0) {
      fd_ = world.new_fd();
      due_ = world.once_in(32) ? pool::never : world.now + std::chrono::microseconds(50 + world.choose(3000));
      world.set_readable(fd_, due_);
    }
    step = Step::wait(fd_, Ready::read);
    return world.now >= due_;
  }
  [[nodiscard]] bool server_is_gone() const {
    return World::here().seen_gone(connection_.session_of_server());
  }
  Step end_lost() {
    connection_.mark_dead();
    return fail(connection_.gone());
  }

  Connection& connection_;

 private:
  int fd_ = -1;
  pool::TimePoint due_{};
};

}  // namespace scripted
}  // namespace copg::pq
