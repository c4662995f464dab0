// A call that has no thread to wait with: an event loop lets it go on. All that a call does and all its races
// stand here, once for all event loops; what is particular to one is its port, a class that derives from
// EventCall (async/call.hpp, python/native/loop_call.hpp). What the call is for is said by its kind
// (engine/calls/event_kinds.hpp).
//
// What goes on by itself (a grant, an answer) runs on the event loop, one step at a time. What may come from
// any thread (a cancellation, a deadline, the end of the pool) only leaves its reason and wakes the call.
#pragma once

#include <cstdint>
#include <exception>

#include "engine/adaptive_mutex.hpp"
#include "engine/calls/lease_call.hpp"
#include "engine/deadline_listener.hpp"
#include "engine/pool_engine.hpp"
#include "engine/waiter.hpp"

namespace copg::engine {

/// What a call does with a lease, as far as its deadline is concerned.
enum class LeaseUse : std::uint8_t {
  own,   ///< It takes one and gives it back; the engine watches its deadline for as long as it has it.
  held,  ///< It runs on one that was there before.
  none,  ///< It runs nothing.
};

class EventCall : protected DeadlineListener {
 public:
  ~EventCall() override = default;

  /// Begins: does what can be done without waiting, on the thread that calls. Once. `time` is now; the
  /// deadline counts from `begun`, which is not later.
  void start(TimePoint time, TimePoint begun) noexcept;
  /// Its caller has lost interest: it ends soon. From any thread, for a caller who keeps the call alive
  /// meanwhile.
  void cancel() noexcept;
  /// As `cancel`, unless something was sent for it: then it stays. For a caller who asks for no effect.
  void cancel_unsent() noexcept;
  [[nodiscard]] PoolEngine& engine() const noexcept { return engine_; }

 protected:
  using Progress = LeaseCall::Progress;

  /// `engine` must outlive it.
  EventCall(PoolEngine& engine, Duration timeout, LeaseUse use)
      : engine_(engine), timeout_(timeout), use_(use) {}

  // What the port does for the call.

  /// Lets `proceed` be called soon, on the event loop; once, if called again before that. From any thread,
  /// also with the engine's mutex held.
  virtual void wake() noexcept = 0;
  /// Lets `ready` be called once, with the number of this wait, when the descriptor is. May throw.
  virtual void watch(const pq::Step& step, std::uint32_t wait) = 0;
  /// That wait is over, `reported` or not. Not called where the event loop has gone away.
  virtual void unwatch(bool reported) noexcept = 0;
  /// The call is over: calls `clean_up`, then tells its caller. `error`: nullptr if the result is there.
  /// `inside`: see `proceed`.
  virtual void ended(bool inside, std::exception_ptr error) = 0;
  /// Gets hold of the connection's socket, before it is watched. May throw.
  virtual void hold(const Lease& lease, int fd);
  /// Keeps the call alive while it waits for the engine, until it is woken; `forget` undoes that, also where
  /// it was not kept because it was awake.
  virtual void keep() noexcept {}
  virtual void forget() noexcept {}
  /// Names who waits, where the thread does not tell.
  virtual void introduce(Waiter& /*waiter*/) const {}
  /// The error of a call that was cancelled.
  [[nodiscard]] virtual std::exception_ptr cancellation() const;

  // What the port tells the call, on the event loop.

  /// It was woken. `inside`: nobody who calls this has a handler left to call, so that the call's own may be
  /// called at once.
  void proceed(bool inside);
  /// Its descriptor is ready, in the wait of that number.
  void ready(std::uint32_t wait, pq::Ready ready);
  /// The number of the wait that is going on.
  [[nodiscard]] std::uint32_t wait() const noexcept { return wait_; }
  /// The event loop goes away: the call never ends.
  void abandon() noexcept;
  /// Lets go of everything, without telling anybody. On the event loop, and not inside a step. May come
  /// twice.
  void drop() noexcept;
  /// It has ended, or never will.
  [[nodiscard]] bool over() const noexcept;
  /// Leaves the engine. Also the first thing in the destructor of the most derived class: the event loop may
  /// have dropped the call.
  void clean_up() noexcept;

  // What its kind does. Each step throws the error that ends the call.

  virtual Progress begin(TimePoint time, TimePoint deadline) = 0;
  /// What it was queued for has come.
  virtual Progress granted(TimePoint time) = 0;
  /// What waits for the server; of a kind that never does, nullptr.
  [[nodiscard]] virtual LeaseCall* steps() noexcept { return nullptr; }
  /// The steps are done: keeps the result.
  virtual void take_result() = 0;
  /// Leaves the engine's queue, and gives back what it may have been granted. Nothing if it has left.
  virtual void dequeue() noexcept = 0;
  /// As `dequeue`, unless something was sent for it: false, and it stays.
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
  void end_early(bool inside, StopReason why);

  PoolEngine& engine_;
  const Duration timeout_;
  TimePoint begun_{};
  TimePoint deadline_ = pool::never;
  const LeaseUse use_;
  // of the steps alone
  bool in_queue_ = false;
  bool deadline_watched_ = false;  // the engine was asked to tell it of its deadline, and of `close`
  bool clean_ = false;

  mutable AdaptiveMutex mutex_;
  // guarded by mutex_
  State state_ = State::running;
  StopReason stop_ = StopReason::none;
  bool woken_early_ = false;  // before it had come to rest in the queue
  std::uint32_t wait_ = 0;    // a report of an earlier wait is late
};

}  // namespace copg::engine
