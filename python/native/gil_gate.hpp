// The gate in front of Python's global lock: a few threads at a time ask for the lock, the others sleep at
// the gate, in the order in which they came.
//
// CPython has no queue for its lock. A thread that waits for it wakes every 5 ms to see whether it was free
// meanwhile, and a thread that comes late may get it first. When the answers of hundreds of threads have
// come, their waking alone keeps a processor busy, and some of them wait for a second. ADR 44 has the
// figures.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "engine/clock.hpp"
#include "engine/futex.hpp"

namespace copg::python {

/// Safe from any thread. Without a destructor: threads may come until the process is gone.
class GilGate {
 public:
  /// As many threads ask for the lock at a time: while one is about to get it, the next one wakes up.
  static constexpr std::uint32_t places = 4;

  // A thread that computes in Python keeps the lock for 5 ms each time, in which everybody would get it once,
  // and through the gate only `places`. So the gate is opened if few pass while others sleep there.

  static constexpr engine::Duration judged_after = std::chrono::milliseconds(20);
  static constexpr std::int64_t few = 20;  ///< In that time.
  static constexpr std::chrono::milliseconds stays_open{200};

  /// `judged`: how long it is counted how many pass.
  explicit constexpr GilGate(engine::Duration judged = judged_after) noexcept : judged_(judged) {}
  GilGate(const GilGate&) = delete;
  GilGate& operator=(const GilGate&) = delete;

  /// Before the calling thread asks for the lock. Sleeps until there is a place.
  void enter() noexcept;
  /// When it has the lock, or will never get it.
  void leave() noexcept;
  /// In the child of a fork, where no other thread is.
  void forget_all();
  /// How many sleep there. For tests: it counts them.
  [[nodiscard]] int sleepers() noexcept;

 private:
  struct Sleeper {
    engine::Futex awake{0};
    Sleeper* next = nullptr;
  };

  static void wake(Sleeper* sleeper) noexcept;
  void judge(engine::TimePoint time) noexcept;
  [[nodiscard]] Sleeper* let_in(engine::TimePoint time) noexcept;

  /// In `inside_`, while a thread sleeps at the gate: to pass or to leave takes the mutex then.
  static constexpr std::uint32_t queued = std::uint32_t{1} << 31;
  std::atomic<std::uint32_t> inside_ = 0;

  engine::Duration judged_;
  std::mutex mutex_;  // for all below
  Sleeper* first_ = nullptr;
  Sleeper* last_ = nullptr;
  engine::TimePoint open_until_;
  engine::TimePoint judged_since_;
  std::int64_t passed_ = 0;  // since then
};

}  // namespace copg::python
