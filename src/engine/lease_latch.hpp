// Who may touch a leased connection: its one caller, or the close that cuts it off.
//
// A caller enters before each operation and leaves after it. If a second thread enters at the same time, that
// is a mistake of the program, and the thread is told. Cutting takes the connection if no caller is inside;
// otherwise the caller finds out when it leaves, and the background gets the connection.
#pragma once

#include <atomic>
#include <cstdint>

namespace copg::engine {

class LeaseLatch {
 public:
  enum class Entry : std::uint8_t { entered, busy, cut };

  [[nodiscard]] Entry enter() noexcept {
    State expected = State::idle;
    if (state_.compare_exchange_strong(expected, State::busy, std::memory_order_acquire))
      return Entry::entered;
    return expected == State::busy ? Entry::busy : Entry::cut;
  }
  /// False: the connection was cut off meanwhile, and the caller must pass it to the background.
  [[nodiscard]] bool leave() noexcept {
    State expected = State::busy;
    return state_.compare_exchange_strong(expected, State::idle, std::memory_order_release,
                                          std::memory_order_acquire);
  }
  /// For the caller inside, while it waits: whether `leave` will return false.
  [[nodiscard]] bool is_cut() const noexcept {
    return state_.load(std::memory_order_relaxed) == State::cut_while_busy;
  }
  /// True: no caller is inside, and none will enter. False: one is inside, and finds out when it leaves.
  [[nodiscard]] bool cut() noexcept {
    State expected = State::idle;
    if (state_.compare_exchange_strong(expected, State::cut, std::memory_order_acq_rel)) return true;
    expected = State::busy;
    if (state_.compare_exchange_strong(expected, State::cut_while_busy, std::memory_order_acq_rel))
      return false;
    return expected == State::idle ? cut() : false;
  }

  /// For the next connection.
  void renew() noexcept { state_.store(State::idle, std::memory_order_relaxed); }

 private:
  enum class State : std::uint8_t { idle, busy, cut, cut_while_busy };
  std::atomic<State> state_ = State::idle;
};

}  // namespace copg::engine
