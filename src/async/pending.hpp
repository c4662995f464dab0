// An asynchronous call that has not completed: how it waits for the engine, is woken, cancelled, and kept
// alive.
//
// What goes on by itself (a grant, an answer) runs on the event loop, one step at a time. What may come from
// any thread (a cancellation, a deadline, the end of the pool) only leaves a word and wakes the call.
#pragma once

#include <boost/asio/cancellation_type.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>

#include "async/loop.hpp"
#include "engine/brief_mutex.hpp"

namespace copg::async {

class Pending : public LoopEntry {
 public:
  /// Does what can be done without waiting, on the thread that calls.
  virtual void start() noexcept = 0;
  /// Its caller has lost interest: it completes soon, with operation_aborted. From any thread.
  void cancel(asio::cancellation_type type) noexcept;

 protected:
  enum class State : std::uint8_t {
    running,  ///< A step is under way, on some thread.
    queued,   ///< It waits for the engine.
    waiting,  ///< It waits for its descriptor.
    over,     ///< It has completed, or will never.
  };
  /// What was left for the next step to find.
  enum class Word : std::uint8_t { none, cancelled, late, cut };

  explicit Pending(std::shared_ptr<Loop> loop) : loop_(std::move(loop)) {}

  [[nodiscard]] Loop& loop() const noexcept { return *loop_; }
  [[nodiscard]] const std::shared_ptr<Loop>& shared_loop() const noexcept { return loop_; }
  [[nodiscard]] engine::PoolEngine& engine() const noexcept { return loop_->engine(); }

  /// The end of a step that has left the call in the engine's queue, where it may have been settled already.
  void queue();
  void set_over() noexcept;

  /// It was settled: takes what it waited for, and goes on. `inside`: on its event loop, where a handler may
  /// be called.
  virtual void go_on(bool inside) = 0;
  /// Leaves the engine's queue, and gives back what it may have been granted.
  virtual void leave_queue() noexcept = 0;
  /// The same, unless something was sent for it: false, and it stays.
  virtual bool leave_queue_unsent() noexcept = 0;
  /// Interrupts the waiting for a descriptor. With the mutex held.
  virtual void interrupt() noexcept {}
  /// Completes with what `word` means. `inside`: likewise.
  virtual void end_early(bool inside, Word word) = 0;

  engine::BriefMutex mutex_;
  State state_ = State::running;  // guarded by mutex_, as the next one
  Word word_ = Word::none;

 private:
  void cancel_unsent() noexcept;
  void proceed(bool inside) final;
  void abandon() noexcept final;

  const std::shared_ptr<Loop> loop_;
  bool woken_early_ = false;  // guarded by mutex_: before it had come to rest in the queue
};

/// The error of a call that was cancelled.
[[nodiscard]] std::exception_ptr aborted();

}  // namespace copg::async
