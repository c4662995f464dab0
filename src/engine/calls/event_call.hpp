// A call that has no thread to wait with: an event loop resumes it. All that such a call does, and all its
// races, are here, once for all event loops. What is particular to an event loop is its port, a class that
// derives from EventCall (async/call.hpp, python/native/loop_call.hpp). What the call is for is its kind
// (engine/calls/event_kinds.hpp).
//
// A step after a grant or an answer runs on the event loop, one at a time. An interruption from any thread (a
// cancellation, a deadline, the end of the pool) only leaves its reason and wakes the call.
#pragma once

#include <cstdint>
#include <exception>

#include "engine/adaptive_mutex.hpp"
#include "engine/calls/lease_call.hpp"
#include "engine/deadline_listener.hpp"
#include "engine/pool_engine.hpp"
#include "engine/waiter.hpp"

namespace copg::engine {

/// How a call uses a lease, which matters to its deadline.
enum class LeaseUse : std::uint8_t {
  own,   ///< It takes a lease and gives it back; meanwhile the engine watches its deadline.
  held,  ///< It runs on a lease that was taken before.
  none,  ///< It runs nothing.
};

class EventCall : protected DeadlineListener {
 public:
  ~EventCall() override = default;

  /// Begins, once: does what can be done without waiting, on the calling thread. `time` is now; the limit
  /// counts from `begun`, which is not later.
  void start(TimePoint time, TimePoint begun) noexcept;
  /// Makes the call end soon. For any thread, if the caller keeps the call alive meanwhile.
  void cancel() noexcept;
  /// As `cancel`, unless something was sent for the call, so that a cancelled call has had no effect.
  void cancel_unsent() noexcept;
  /// Not of a call without a pool.
  [[nodiscard]] PoolEngine& engine() const noexcept { return *engine_; }

 protected:
  using Progress = LeaseCall::Progress;

  /// `engine` must outlive it.
  EventCall(PoolEngine& engine, const TimeLimit& limit, LeaseUse use)
      : engine_(&engine), timeout_(limit.span), deadline_(limit.end), use_(use) {}
  /// A call without a pool: it runs nothing.
  explicit EventCall(const TimeLimit& limit)
      : engine_(nullptr), timeout_(limit.span), deadline_(limit.end), use_(LeaseUse::none) {}

  // What the port does for the call.

  /// Calls `proceed` soon, on the event loop; once, if called again before that. For any thread, also with
  /// the engine's mutex held.
  virtual void wake() noexcept = 0;
  /// Calls `ready` once, with the number of this wait, when the descriptor is ready. May throw.
  virtual void watch(const pq::Step& step, std::uint32_t wait) = 0;
  /// The wait is over, `reported` or not. Not called if the event loop has gone away.
  virtual void unwatch(bool reported) noexcept = 0;
  /// The call is over: calls `clean_up`, then tells its caller. `error`: nullptr if the result is there.
  /// `inside`: see `proceed`.
  virtual void ended(bool inside, std::exception_ptr error) = 0;
  /// Gets hold of the connection's socket, before it is watched. May throw.
  virtual void hold(const Lease& lease, int fd);
  /// Keeps the call alive while it waits for the engine, until it is woken. `forget` undoes that, even if the
  /// call was not kept because it was awake.
  virtual void keep() noexcept {}
  virtual void forget() noexcept {}
  /// Names the task that waits, if the thread does not tell.
  virtual void introduce(Waiter& /*waiter*/) const {}
  /// The error of a call that was cancelled.
  [[nodiscard]] virtual std::exception_ptr cancellation() const;

  // What the port tells the call, on the event loop.

  /// The call was woken. `inside`: no caller on this stack still has a handler to run, so the call's own
  /// handler may run inline.
  void proceed(bool inside);
  /// The descriptor is ready, in the wait of that number.
  void ready(std::uint32_t wait, pq::Ready ready);
  /// The number of the present wait.
  [[nodiscard]] std::uint32_t wait() const noexcept { return wait_; }
  /// The event loop goes away: the call never ends.
  void abandon() noexcept;
  /// Lets go of everything, and tells nobody. On the event loop, outside a step. May be called twice.
  void drop() noexcept;
  /// Whether the call has ended, or never will.
  [[nodiscard]] bool over() const noexcept;
  /// Leaves the engine. The destructor of the most derived class calls it first, since the event loop may
  /// have dropped the call.
  void clean_up() noexcept;

  // What its kind does. Each step throws the error that ends the call.

  virtual Progress begin(TimePoint time, TimePoint deadline) = 0;
  /// The call was settled in the queue.
  virtual Progress granted(TimePoint time) = 0;
  /// The part that waits for the server; nullptr for a kind that never does.
  [[nodiscard]] virtual LeaseCall* steps() noexcept { return nullptr; }
  /// The steps are done: keeps the result.
  virtual void take_result() = 0;
  /// Leaves the engine's queue, if it is there, and gives back what it may have been granted.
  virtual void dequeue() noexcept = 0;
  /// As `dequeue`, unless something was sent for the call: then returns false and changes nothing.
  virtual bool dequeue_unsent() noexcept = 0;
  /// Lets go of the connection.
  virtual void give_back() noexcept = 0;

 private:
  enum class State : std::uint8_t {
    running,  ///< A step is under way, on some thread.
    queued,   ///< It waits for the engine.
    waiting,  ///< It waits for the server.
    over,     ///< It has ended, or never will.
  };

  void stop(StopReason why) noexcept final;
  template <class Step>
  void take(bool inside, Step step);
  void wait_for_engine();
  void wait_for_server(bool inside);
  void conclude(bool inside, std::exception_ptr error);
  void end_early(bool inside, StopReason why);
  void abandon_watch() noexcept;
  [[nodiscard]] bool is_observed() const noexcept;

  PoolEngine* const engine_;
  const Duration timeout_;
  TimePoint begun_{};
  TimePoint deadline_;  // before `start`: at the latest
  const LeaseUse use_;
  // used by the steps only
  bool in_queue_ = false;
  bool clean_ = false;
  // The slot, counted from 1, of the lease for which the engine tells the call of its deadline, and of
  // `close`.
  std::uint32_t watched_ = 0;

  mutable AdaptiveMutex mutex_;
  // guarded by mutex_
  State state_ = State::running;
  StopReason stop_ = StopReason::none;
  bool woken_early_ = false;  // before it had come to rest in the queue
  std::uint32_t wait_ = 0;    // a report for another number is late
};

}  // namespace copg::engine
