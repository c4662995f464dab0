// The user's functions in the engine's simulation: configure, on_return, before_close and credentials. They
// do what they should, or throw, or do not return in time, or keep what they were lent.
#pragma once

#include <copg/connection.hpp>
#include <copg/pool_options.hpp>

#include <cstdint>
#include <vector>

#include "sim/engine/judge.hpp"
#include "sim/engine/world.hpp"

namespace copg::sim {

class User {
 public:
  explicit User(Judge& judge) : judge_(judge) {}
  User(const User&) = delete;
  User& operator=(const User&) = delete;

  /// Chooses functions for a pool.
  void give(PoolOptions& options);
  /// From now on the functions do what they should.
  void begin_recovery() noexcept { well_ = true; }
  /// Uses a connection that a function has kept: it can do no harm, and reaches nobody's session.
  void use_what_was_kept();
  /// Gives back what was kept.
  void let_go() { kept_.clear(); }
  /// In a forked child: what was kept is the parent's.
  void leave_behind();

 private:
  void configure(Connection& connection);
  void on_return(Connection& connection);
  void before_close(Connection& connection);
  Credentials credentials();
  /// What goes wrong, or is at least uncommon.
  void misbehave(Connection& connection);
  void execute(Connection& connection, Deed deed);
  void take_long();

  World& world_ = World::here();
  Judge& judge_;
  std::vector<Connection> kept_;
  bool well_ = false;
};

}  // namespace copg::sim
