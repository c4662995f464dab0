// A caller that waits for its listener. The shells derive from it: a blocking waiter, an asynchronous call.
#pragma once

#include <cstdint>

#include "engine/clock.hpp"
#include "engine/listening/listening_core.hpp"
#include "engine/wakes.hpp"

namespace copg::engine {

/// What a caller of a listener waits for.
enum class ListenGoal : std::uint8_t {
  ready,    ///< The server has acknowledged all channels.
  arrival,  ///< There is something to take.
};

class ListenWaiter {
 public:
  ListenWaiter() = default;
  ListenWaiter(const ListenWaiter&) = delete;
  ListenWaiter& operator=(const ListenWaiter&) = delete;

  /// The wait is over: the shell calls OpenListener::collect_ready or take. Called once, with the mutex of
  /// the room held: must only wake the caller, if that is a thread by adding it to `wakes`. The waiter must
  /// stay in place until one of these, or OpenListener::give_up, has returned.
  virtual void settled(Wakes& wakes) noexcept = 0;

 protected:
  virtual ~ListenWaiter() = default;

 private:
  friend class Listening;
  friend class OpenListener;

  ListeningCore::Id listener_ = 0;
  ListenGoal goal_ = ListenGoal::ready;
  TimePoint deadline_ = pool::never;
};

}  // namespace copg::engine
