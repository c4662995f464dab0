// What the background of a pool asks of the place where it runs: a thread, an event loop, a simulator.
//
// Everything that it calls is called in one place, one after the other, never from within the function that
// asks for it.
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

  /// Who waits.
  class Listener {
   public:
    virtual void on_ready(pq::Ready ready) = 0;
    virtual void on_deadline() = 0;

   protected:
    ~Listener() = default;
  };

  /// The waiting of one operation for its descriptors, which has one deadline.
  class Wait {
   public:
    Wait() = default;
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    virtual ~Wait() = default;

    /// Calls `on_ready` once, when the descriptor is ready for any of `what`; by then the port has let go of
    /// the descriptor. False: it can't be waited for, since the process is out of something.
    [[nodiscard]] virtual bool wait(int fd, pq::Ready what) = 0;
    /// Lets go of the descriptor and of the deadline; the listener is not called any more.
    virtual void stop() noexcept = 0;
  };

  BackgroundPort() = default;
  BackgroundPort(const BackgroundPort&) = delete;
  BackgroundPort& operator=(const BackgroundPort&) = delete;
  virtual ~BackgroundPort() = default;

  /// Calls `task` soon. Thread-safe; the engine's mutex may be held.
  virtual void post(Task task) = 0;
  /// Calls `task` at that time, instead of an earlier one that was to be called at another; pool::never:
  /// nothing is called. On the background.
  virtual void call_at(TimePoint time, Task task) = 0;
  /// Begins to wait: calls `on_deadline` at that time, unless the waiting is stopped. On the background.
  [[nodiscard]] virtual std::shared_ptr<Wait> wait_until(TimePoint deadline, Listener& listener) = 0;
  /// This thread is in something that the port has called.
  [[nodiscard]] virtual bool inside() const noexcept = 0;
  /// Calls nothing any more once it has returned true. Waits until `deadline` for what is being called now,
  /// and not at all when that is its own caller. False: that has not returned yet.
  virtual bool stop(TimePoint deadline) = 0;
};

}  // namespace copg::engine
