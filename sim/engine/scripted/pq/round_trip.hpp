// What takes a while on the world's server, and then has an effect: resets, checks, cancels, goodbyes.
#pragma once

#include <chrono>
#include <cstdint>

#include "pq/connection.hpp"

namespace copg::pq {
inline namespace scripted {

class RoundTrip : public Operation {
 public:
  Step advance(Ready /*ready*/) final {
    World& world = World::here();
    if (road_ == Road::the_connection && world.seen_gone(connection_.session_of_server())) return end_lost();
    if (fd_ < 0) {
      fd_ = world.new_fd();
      due_ = world.once_in(32) ? pool::never : world.now + std::chrono::microseconds(50 + world.choose(3000));
      world.set_readable(fd_, due_);
      begin();
    }
    if (world.now < due_) return Step::wait(fd_, Ready::read);
    return arrive() ? Step::finished() : end_lost();
  }
  [[nodiscard]] const char* phase() const noexcept override { return "waiting"; }

 protected:
  enum class Road : std::uint8_t {
    the_connection,  ///< It finds out if the server has gone.
    its_own,
  };
  explicit RoundTrip(Connection& connection, Road road = Road::the_connection)
      : connection_(connection), road_(road) {}
  ~RoundTrip() override {
    if (fd_ >= 0) World::here().forget_fd(fd_);
  }

  /// It is on its way to the server.
  virtual void begin() {}
  /// Its time is over. False: there is no answer, since the server has gone.
  virtual bool arrive() { return true; }

  Connection& connection_;

 private:
  Step end_lost() {
    connection_.mark_dead();
    return fail(connection_.gone());
  }

  const Road road_;
  int fd_ = -1;
  pool::TimePoint due_{};
};

}  // namespace scripted
}  // namespace copg::pq
