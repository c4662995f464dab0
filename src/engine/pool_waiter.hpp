// A caller that waits for the pool as a whole: for its first connections, the end of a check, the end of the
// pool.
#pragma once

#include <cstdint>

#include "engine/clock.hpp"
#include "engine/wakes.hpp"
#include "pool/types.hpp"

namespace copg::engine {

/// How far the pool has to get.
enum class Milestone : std::uint8_t {
  full,      ///< min_size connections are open.
  checked,   ///< No connection has to be checked, or is being checked, any more.
  finished,  ///< Closed, and no connection is left.
};

/// The shells derive from it: a blocking waiter, an asynchronous call.
class PoolWaiter {
 public:
  PoolWaiter() = default;
  PoolWaiter(const PoolWaiter&) = delete;
  PoolWaiter& operator=(const PoolWaiter&) = delete;

  /// The wait is over: the shell calls PoolEngine::collect. Called once, with the engine's mutex held: must
  /// only wake the caller, if that is a thread by adding it to `wakes`. The waiter must stay in place until
  /// `collect` or `give_up` has returned.
  virtual void settled(Wakes& wakes) noexcept = 0;

 protected:
  virtual ~PoolWaiter() = default;

 private:
  friend struct State;
  friend class Background;
  friend class PoolEngine;

  /// With the engine's mutex held.
  void settle(Wakes& wakes) noexcept {
    settled_ = true;
    settled(wakes);
  }

  Milestone milestone_ = Milestone::full;
  TimePoint since_{};
  TimePoint deadline_ = pool::never;
  bool reached_ = false;                           // once settled: the pool has reached the milestone
  pool::WaitError error_ = pool::WaitError::none;  // why it has not
  bool settled_ = false;
};

}  // namespace copg::engine
