// Who may touch a leased connection: its one caller, or the close that cuts it off.
//
// A caller enters before each operation and leaves after it. If a second thread enters at the same time, that
// is a mistake of the program, and the thread is told. Cutting takes the connection if no caller is inside;
// otherwise the caller finds out when it leaves, and the background gets the connection. Another thread that
// reads what the caller runs marks the latch meanwhile, so that the caller can't leave.
#pragma once

#include <atomic>
#include <cstdint>

namespace copg::engine {

class LeaseLatch {
 public:
  enum class Entry : std::uint8_t { entered, busy, cut };
  enum class Exit : std::uint8_t {
    left,
    read,  ///< Another thread reads what the caller runs: try again when it has let go of the mutex.
    cut,   ///< The connection was cut off meanwhile, and the caller must pass it to the background.
  };

  [[nodiscard]] Entry enter() noexcept {
    State expected = State::idle;
    if (state_.compare_exchange_strong(expected, State::busy, std::memory_order_acquire))
      return Entry::entered;
    return expected == State::busy || expected == State::busy_read ? Entry::busy : Entry::cut;
  }
  /// For a caller that does not have the mutex of the pool.
  [[nodiscard]] Exit try_leave() noexcept {
    State expected = State::busy;
    if (state_.compare_exchange_strong(expected, State::idle, std::memory_order_release,
                                       std::memory_order_acquire)) [[likely]]
      return Exit::left;
    return expected == State::cut_while_busy ? Exit::cut : Exit::read;
  }
  /// For a caller that has the mutex of the pool, so that nobody reads. False: the connection was cut off
  /// meanwhile, and the caller must pass it to the background.
  [[nodiscard]] bool leave() noexcept { return try_leave() == Exit::left; }
  /// For the caller inside, while it waits: whether `leave` will return false.
  [[nodiscard]] bool is_cut() const noexcept {
    const State state = state_.load(std::memory_order_relaxed);
    return state == State::cut_while_busy || state == State::cut_while_read;
  }
  /// True: no caller is inside, and none will enter. False: one is inside, and finds out when it leaves.
  [[nodiscard]] bool cut() noexcept {
    for (State found = State::idle;;) {
      State after{};
      switch (found) {
        case State::idle: after = State::cut; break;
        case State::busy: after = State::cut_while_busy; break;
        case State::busy_read: after = State::cut_while_read; break;
        case State::cut:
        case State::cut_while_busy:
        case State::cut_while_read: return false;
      }
      if (state_.compare_exchange_strong(found, after, std::memory_order_acq_rel)) return after == State::cut;
    }
  }

  // For one reader at a time, which holds the mutex of the pool.

  /// True: a caller is inside, and stays there until `end_read`.
  [[nodiscard]] bool begin_read() noexcept {
    State expected = State::busy;
    return state_.compare_exchange_strong(expected, State::busy_read, std::memory_order_acquire);
  }
  void end_read() noexcept {
    State expected = State::busy_read;
    if (state_.compare_exchange_strong(expected, State::busy, std::memory_order_release)) return;
    state_.store(State::cut_while_busy, std::memory_order_release);  // it was cut off meanwhile
  }

  /// For the next connection.
  void renew() noexcept { state_.store(State::idle, std::memory_order_relaxed); }

 private:
  enum class State : std::uint8_t { idle, busy, busy_read, cut, cut_while_busy, cut_while_read };
  std::atomic<State> state_ = State::idle;
};

}  // namespace copg::engine
