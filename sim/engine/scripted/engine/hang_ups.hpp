// Tells which sessions are gone, in the simulation: of each once, when its client can see it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "sim/engine/world.hpp"

namespace copg::engine {

class HangUps {
 public:
  HangUps() = default;
  HangUps(const HangUps&) = delete;
  HangUps& operator=(const HangUps&) = delete;
  ~HangUps() { leave(); }

  [[nodiscard]] bool add(int socket, pool::ConnectionId connection) {
    sim::World& world = sim::World::here();
    if (!world.tells_of_hang_ups) return false;
    if (set_ < 0) set_ = world.new_fd();
    sim::Session& session = *world.session_of(socket);
    check(session);
    watched_.push_back({socket, connection});
    session.watched_by = set_;
    if (session.gone) world.set_readable(set_, std::min(world.readable_at(set_), session.gone_at));
    return true;
  }
  void remove(int socket) noexcept {
    if (sim::Session* const session = sim::World::here().session_of(socket)) check(*session);
    std::erase_if(watched_, [socket](const Watched& it) { return it.socket == socket; });
  }
  [[nodiscard]] std::size_t take(std::span<pool::ConnectionId> connections) {
    sim::World& world = sim::World::here();
    world.let_others_act();
    std::size_t count = 0;
    sim::TimePoint next = pool::never;
    std::erase_if(watched_, [&](const Watched& it) {
      const sim::Session* const session = world.session_of(it.socket);
      if (session == nullptr) return true;  // closed without a word
      if (!session->gone) return false;
      if (!world.seen_gone(*session) || count == connections.size()) {
        next = std::min(next, session->gone_at);
        return false;
      }
      connections[count++] = it.connection;
      return true;
    });
    world.set_readable(set_, next);
    return count;
  }
  [[nodiscard]] int descriptor() const noexcept { return set_; }
  void leave() noexcept {
    if (set_ >= 0 && sim::World::here().process == process_) sim::World::here().forget_fd(set_);
    set_ = -1;
    process_ = sim::World::here().process;
    watched_.clear();
  }

 private:
  struct Watched {
    int socket;
    pool::ConnectionId connection;
  };
  static void check(const sim::Session& session) noexcept {
    if (session.process != sim::World::here().process)
      sim::World::here().breaks("fork", "a child changes the set of its parent");
  }

  int set_ = -1;
  std::uint32_t process_ = sim::World::here().process;
  std::vector<Watched> watched_;
};

}  // namespace copg::engine
