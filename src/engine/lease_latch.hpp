// Who may touch a leased connection: its one caller, or the close that cuts it off.
//
// A caller enters before each operation and leaves after it. A second thread that enters at the same time is
// a mistake of the program and is told so. Cutting takes the connection if nobody is inside; otherwise
// the caller that is inside finds out when it leaves, and leaves the connection to the background.
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
  /// False: the connection was cut off meanwhile, and is the caller's to leave to the background.
  [[nodiscard]] bool leave() noexcept {
    State expected = State::busy;
    return state_.compare_exchange_strong(expected, State::idle, std::memory_order_release,
                                          std::memory_order_acquire);
  }
  /// For whoever is inside, while waiting: `leave` will say false.
  [[nodiscard]] bool is_cut() const noexcept {
    return state_.load(std::memory_order_relaxed) == State::cut_while_busy;
  }
  /// True: nobody is inside, and nobody will enter again. False: somebody is, and will find out when leaving.
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
