// The threads of the engine's simulation. One at a time goes on, for as long as it wants; where it waits, or
// where another thread could get in between, it leaves the rest to the simulation, which says who goes on.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "engine/holder.hpp"
#include "sim/engine/fiber.hpp"
#include "sim/engine/world.hpp"

namespace copg::async {
class WakeBatch;
}

namespace copg::sim {

class Thread {
 public:
  Thread();
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  /// What it was doing stays where it is: others may refer to what is on its stack.
  ~Thread() = default;

  /// The one that goes on now; nullptr: it is the simulation itself.
  static Thread* here() noexcept { return here_; }

  // For the simulation.

  /// Gives it something to do, which it begins in `go_on`. Only when it is not busy.
  void give(std::function<void()> body);
  [[nodiscard]] bool busy() const noexcept { return fiber_ != nullptr; }
  /// When it can go on; pool::never: not by itself. It must be busy.
  [[nodiscard]] TimePoint next() const noexcept;
  [[nodiscard]] bool can_go_on() const noexcept { return busy() && next() <= World::here().now; }
  /// Goes on until it has done what it was given, or waits, or lets another go first.
  void go_on();
  /// `give` and `go_on`.
  void run(std::function<void()> body);
  /// Where a thread polls, it may be told of a signal instead.
  void send_signal() noexcept { signalled_ = true; }

  // For what runs on it.

  /// Another thread goes first, or some.
  static void pause();
  /// Until the flag is set, or until that time.
  static void wait(const bool& flag, TimePoint until);
  /// Until it is woken, while the word has that value, or until that time, or now and then for no reason.
  static void sleep(const std::atomic<std::uint32_t>& word, std::uint32_t value, TimePoint until);
  /// Until the descriptor can be read, or until that time, or until a signal comes: true.
  static bool wait_readable(int fd, TimePoint until);

  /// It carries out what a pool decides.
  void be_background() noexcept { background_ = true; }
  [[nodiscard]] bool is_background() const noexcept { return background_; }

  bool interrupted = false;  // somebody has pressed Ctrl-C

 private:
  static void leave();

  static thread_local Thread* here_;

  const engine::Requester who_;
  Fiber* fiber_ = nullptr;
  std::function<void()> body_;  // until it has begun
  // What it waits for; nothing at all: to be chosen.
  const bool* flag_ = nullptr;
  int fd_ = -1;
  TimePoint until_{};
  bool signalled_ = false;
  bool background_ = false;
  async::WakeBatch* batch_ = nullptr;  // what is private to a thread, in src/async
};

}  // namespace copg::sim
