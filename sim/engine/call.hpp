// The event loop of the engine's simulation, in virtual time: one file, and nothing in it decides what a call
// does.
#pragma once

#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "engine/calls/event_call.hpp"
#include "engine/calls/event_kinds.hpp"
#include "engine/raise.hpp"
#include "sim/engine/world.hpp"

namespace copg::sim {

/// Calls that were woken, in that order.
class Loop {
 public:
  explicit Loop(engine::PoolEngine& on) : engine(on) {}
  engine::PoolEngine& engine;
  int in_step = 0;  // a call of it is in a step: another thread may do something, but nothing of this loop
};

class Call : public engine::EventCall {
 public:
  struct Home {
    Loop& loop;
  };
  template <class Operation>
  using Room = engine::OnHeap<Operation>;

  /// What is to be done with it.
  [[nodiscard]] bool is_woken() const noexcept { return woken_; }
  [[nodiscard]] TimePoint ready_at() const noexcept {
    return fd_ < 0 ? pool::never : World::here().readable_at(fd_);
  }
  [[nodiscard]] bool has_ended() const noexcept { return ended_; }
  [[nodiscard]] bool is_gone() const noexcept { return gone_; }
  [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }
  [[nodiscard]] Loop& loop() const noexcept { return loop_; }

  /// On any thread, so that the loop may go on with the call before this has returned.
  void begin_at(TimePoint time) { start(time, time); }
  void go_on() {
    const Step step(*this);
    woken_ = false;
    proceed(true);
  }
  /// A report of an earlier wait may still be under way.
  [[nodiscard]] bool has_late_report() const noexcept { return late_wait_ != 0; }
  void descriptor_ready() {
    const Step step(*this);
    if (late_wait_ != 0) return ready(std::exchange(late_wait_, 0), what_);
    // Ready to be read and to be written may be told apart.
    if (what_ == pq::Ready::read_write) late_wait_ = wait();
    ready(wait(), what_);
  }
  void lose_loop() {
    woken_ = false;
    gone_ = true;
    fd_ = -1;
    abandon();
  }
  void let_go() {
    woken_ = false;
    gone_ = true;
    drop();
  }
  using EventCall::cancel;
  using EventCall::cancel_unsent;
  [[nodiscard]] bool in_step() const noexcept { return in_step_; }

  std::uint32_t token = 0;
  TimePoint due = pool::never;       // its deadline
  bool asked_for_no_effect = false;  // when it was given up
  bool was_cancelled = false;

 protected:
  Call(Home home, Duration timeout, engine::LeaseUse use)
      : EventCall(home.loop.engine, timeout, use), loop_(home.loop) {}

  void wake() noexcept override { woken_ = true; }

 private:
  /// The call is in a step, on the thread of its loop.
  class Step {
   public:
    explicit Step(Call& call) : call_(call) {
      ++call.loop_.in_step;
      call.in_step_ = true;
    }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    ~Step() {
      --call_.loop_.in_step;
      call_.in_step_ = false;
    }

   private:
    Call& call_;
  };

  void watch(const pq::Step& step, std::uint32_t /*wait*/) override {
    fd_ = step.fd;
    what_ = step.wait_for;
  }
  void unwatch(bool reported) noexcept override {
    if (!reported && ready_at() <= World::here().now) late_wait_ = wait();
    fd_ = -1;
  }
  void ended(bool /*inside*/, std::exception_ptr error) override {
    if (ended_ || gone_)
      World::here().breaks("end", "a call has ended twice, or after its loop has let it go");
    clean_up();
    ended_ = true;
    error_ = std::move(error);
  }

  Loop& loop_;
  int fd_ = -1;
  pq::Ready what_ = pq::Ready::none;
  std::uint32_t late_wait_ = 0;  // the number of a wait that is over, and whose report has not come
  bool in_step_ = false;
  bool woken_ = false;
  bool ended_ = false;
  bool gone_ = false;
  std::exception_ptr error_;
};

}  // namespace copg::sim
