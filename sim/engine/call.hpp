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
#include "sim/engine/thread.hpp"

namespace copg::sim {

/// One thread, on which its calls take their steps, one after the other.
class Loop {
 public:
  explicit Loop(engine::PoolEngine& on) : engine(on) {}
  engine::PoolEngine& engine;
  Thread thread;
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
  void begin_at(TimePoint time) {
    const Use use(*this);
    start(time, time);
  }
  void go_on() {
    const Use use(*this);
    woken_ = false;
    proceed(true);
  }
  /// A report of an earlier wait may still be under way.
  [[nodiscard]] bool has_late_report() const noexcept { return late_wait_ != 0; }
  void descriptor_ready() {
    const Use use(*this);
    if (late_wait_ != 0) return ready(std::exchange(late_wait_, 0), what_);
    // Ready to be read and to be written may be told apart.
    if (what_ == pq::Ready::read_write) late_wait_ = wait();
    ready(wait(), what_);
  }
  void lose_loop() {
    const Use use(*this);
    woken_ = false;
    gone_ = true;
    fd_ = -1;
    abandon();
  }
  void let_go() {
    const Use use(*this);
    woken_ = false;
    gone_ = true;
    drop();
  }
  void give_up() {
    const Use use(*this);
    cancel();
  }
  void give_up_unsent() {
    const Use use(*this);
    cancel_unsent();
  }
  /// A thread is inside one of its functions.
  [[nodiscard]] bool in_use() const noexcept { return users_ > 0; }

  std::uint32_t token = 0;
  TimePoint due = pool::never;       // its deadline
  bool asked_for_no_effect = false;  // when it was given up
  bool was_cancelled = false;

 protected:
  Call(Home home, const engine::TimeLimit& limit, engine::LeaseUse use)
      : EventCall(home.loop.engine, limit, use), loop_(home.loop) {}

  void wake() noexcept override { woken_ = true; }

 private:
  class Use {
   public:
    explicit Use(Call& call) : call_(call) { ++call_.users_; }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { --call_.users_; }

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
  int users_ = 0;
  bool woken_ = false;
  bool ended_ = false;
  bool gone_ = false;
  std::exception_ptr error_;
};

}  // namespace copg::sim
