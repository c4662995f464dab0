// What the background of a pool asks of the place where it runs: a thread, an event loop, a simulator.
//
// It calls everything in that place, one after the other, and never from within the function that asked for
// the call.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "engine/clock.hpp"
#include "pq/operation.hpp"

namespace copg::engine {

class BackgroundPort {
 public:
  using Task = std::function<void()>;

  /// Is called at the end of a wait.
  class Listener {
   public:
    virtual void on_ready(pq::Ready ready) = 0;
    virtual void on_deadline() = 0;

   protected:
    ~Listener() = default;
  };

  /// The wait of one operation for its descriptors, with one deadline.
  class Wait {
   public:
    Wait() = default;
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    virtual ~Wait() = default;

    /// Calls `on_ready` once, when the descriptor is ready for any of `what`; by then the port has let go of
    /// the descriptor. False: it can't wait, because the process is out of resources.
    [[nodiscard]] virtual bool wait(int fd, pq::Ready what) = 0;
    /// Lets go of the descriptor and of the deadline. The listener is not called any more.
    virtual void stop() noexcept = 0;
  };

  BackgroundPort() = default;
  BackgroundPort(const BackgroundPort&) = delete;
  BackgroundPort& operator=(const BackgroundPort&) = delete;
  virtual ~BackgroundPort() = default;

  /// Calls `task` soon. Thread-safe; the engine's mutex may be held.
  virtual void post(Task task) = 0;
  /// Calls `task` at that time, in place of the task of an earlier call_at; pool::never: calls nothing. For
  /// the background.
  virtual void call_at(TimePoint time, Task task) = 0;
  /// Begins to wait: calls `on_deadline` at that time, unless the wait is stopped. For the background.
  [[nodiscard]] virtual std::shared_ptr<Wait> wait_until(TimePoint deadline, Listener& listener) = 0;
  /// Whether this thread is inside something that the port has called.
  [[nodiscard]] virtual bool inside() const noexcept = 0;
  /// Waits until `deadline` for what is being called now, but not if that is its own caller. True: the port
  /// calls nothing any more. False: something has not returned yet; `then` is called when it has, and is the
  /// last.
  virtual bool stop(TimePoint deadline, Task then) = 0;
};

}  // namespace copg::engine
