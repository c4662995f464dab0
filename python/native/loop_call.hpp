// What a task of asyncio waits for, driven by its own event loop.
//
// A call is started, and goes on each time that the port names it, until it is done (loop_reader.hpp). One
// that is dropped half-way loses nothing: the place in the queue is freed, the connection goes back to the
// engine, which cancels what runs on it. All members: with the GIL, one thread at a time; the engine tells
// from any thread.
#pragma once

#include <nanobind/nanobind.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/calls/jobs.hpp"
#include "engine/calls/lease_call.hpp"
#include "engine/calls/statement_call.hpp"
#include "engine/calls/transaction_stack.hpp"
#include "engine/pool_engine.hpp"
#include "python/native/loop_port.hpp"
#include "python/native/open_block.hpp"

namespace copg::python {

namespace nb = nanobind;

/// What is to be waited for.
enum class LoopProgress : std::uint8_t {
  done = 0,
  port = 1,        ///< Until the port names the token, for news; then `go_on`.
  descriptor = 2,  ///< Until the port names the token, for the descriptor or for news; then `go_on`.
};

/// The task that waits for a call: what loop_reader.cpp knows of it.
struct Awaiting {
  enum class Phase : std::uint8_t {
    unstarted,
    waiting,
    woken,  ///< The call is done, or the task was cancelled; it will go on.
    over,
  };

  Phase phase = Phase::unstarted;
  bool blocking = false;  // asyncio's mark of what a task may wait for
  bool cancelled = false;
  std::exception_ptr failure{};     // of the call
  nb::object message = nb::none();  // of the cancellation
  nb::object loop{};
  nb::object wakeup{};  // the task's function
  nb::object context{};
};

/// pycopg._native.LoopCall.
class LoopCall : public Parcel {
 public:
  LoopCall() = default;
  virtual ~LoopCall() = default;

  /// Once. Throws what the engine throws; the call is over then.
  LoopProgress start(std::shared_ptr<LoopPort> port) {
    port_ = std::move(port);
    return watch(begin());
  }
  /// `ready`: what the descriptor is ready for, 1 to read and 2 to write; 0: the engine has news.
  LoopProgress go_on(int ready) {
    if (ready != 0) {
      watched_fd_ = -1;  // has been ready, once
    } else {
      unwatch();
    }
    return watch(proceed(ready));
  }
  /// Once done.
  virtual nb::object result() = 0;
  /// Throws what has failed it, in the words of its caller.
  [[noreturn]] virtual void throw_failure(std::exception_ptr failure) const {
    std::rethrow_exception(std::move(failure));
  }
  /// The objects of Python's that the caller gave, for the garbage collector.
  [[nodiscard]] virtual int traverse(visitproc /*visit*/, void* /*arg*/) const { return 0; }
  /// Lets go of everything. May come at any time, and twice; the destructor of each kind calls it.
  virtual void end() noexcept = 0;

  Awaiting awaiting;
  /// How long its caller has waited for its turn already, which the deadline of a statement counts.
  double waited_s = 0;

 protected:
  virtual LoopProgress begin() = 0;
  virtual LoopProgress proceed(int ready) = 0;
  [[nodiscard]] virtual int fd() const { return -1; }
  [[nodiscard]] virtual int events() const { return 0; }
  void wake() noexcept { port_->post(*this); }
  /// What it waited for has come to pass. From any thread.
  void end_waiting() noexcept {
    settled_.store(true);
    wake();
  }
  /// True once for each time.
  [[nodiscard]] bool has_waited() noexcept { return settled_.exchange(false); }
  /// Before the connection is anybody else's.
  void unwatch() noexcept {
    if (watched_fd_ >= 0) port_->unwatch(std::exchange(watched_fd_, -1));
  }
  void leave_port() noexcept {
    if (port_) port_->withdraw(*this);
  }

 private:
  LoopProgress watch(LoopProgress progress) {
    // The descriptor may be another one after the next step: it is in the set no longer than for one wait.
    if (progress == LoopProgress::descriptor) {
      port_->watch(fd(), events(), token());
      watched_fd_ = fd();
    }
    return progress;
  }

  std::shared_ptr<LoopPort> port_;
  std::atomic<bool> settled_ = false;
  int watched_fd_ = -1;
};

/// A call whose waiting ends when the engine says so. `Told` is engine::Waiter, StatementWaiter or Watcher.
template <class Call, class Told>
class WaitingCall : public Call, protected Told {
 protected:
  using Call::Call;

 private:
  void settled() noexcept final { this->end_waiting(); }
};

/// A connection in the hands of a task; of one call at a time.
struct LoopLease {
  explicit LoopLease(std::shared_ptr<engine::PoolEngine> on, Seconds limit, bool each_its_own)
      : engine(std::move(on)), timeout(limit), autocommit(each_its_own) {}
  LoopLease(const LoopLease&) = delete;
  LoopLease& operator=(const LoopLease&) = delete;
  ~LoopLease() { engine->release(lease); }

  /// Gives the connection back, or closes it: now, or when the call has ended that another task has under way
  /// on it. Either way no further call begins. Nothing if there is no connection.
  void end(bool keep) noexcept {
    if (given_back()) return;
    ended_ = keep ? Ended::to_go_back : Ended::to_be_closed;
    blocks.clear();
    if (!in_call_) give_up();
  }
  [[nodiscard]] bool given_back() const noexcept { return ended_ != Ended::no || (!lease && !in_call_); }
  /// Given back, or lost.
  [[nodiscard]] bool closed() const noexcept { return given_back() || engine->lost(lease); }
  /// Throws UsageError.
  void require_usable() const { engine->require_usable(ended_ == Ended::no ? lease : engine::Lease()); }
  [[nodiscard]] engine::TransactionStack transactions() const noexcept {
    return {.autocommit = autocommit, .depth = static_cast<int>(blocks.size())};
  }
  void call_begins() noexcept { in_call_ = true; }
  void call_ends() noexcept {
    in_call_ = false;
    if (ended_ != Ended::no) give_up();
  }

  const std::shared_ptr<engine::PoolEngine> engine;
  const Seconds timeout;  // of each call
  engine::Lease lease;    // empty also while a call exchanges a dead connection for another
  bool autocommit;
  std::vector<OpenBlock> blocks{};  // innermost last

 private:
  enum class Ended : std::uint8_t { no, to_go_back, to_be_closed };

  void give_up() noexcept {
    if (ended_ == Ended::to_be_closed) {
      engine->discard(lease);
    } else {
      engine->release(lease);
    }
  }

  Ended ended_ = Ended::no;
  bool in_call_ = false;
};

/// Takes a lease. Its result is None: the lease is where it was wanted.
class LeaseWait final : public WaitingCall<LoopCall, engine::Waiter> {
 public:
  LeaseWait(std::shared_ptr<LoopLease> lease, Seconds timeout, const SourceLocation& where)
      : lease_(std::move(lease)), timeout_(timeout), where_(where) {}
  ~LeaseWait() override { end(); }

  nb::object result() override {
    taken_ = true;
    return nb::none();
  }
  void end() noexcept override;

 private:
  LoopProgress begin() override;
  LoopProgress proceed(int ready) override;

  const std::shared_ptr<LoopLease> lease_;
  const Seconds timeout_;
  const SourceLocation where_;
  bool queued_ = false;
  bool taken_ = false;  // the caller knows that it has the lease
};

/// Waits for the pool as a whole.
class PoolWait final : public WaitingCall<LoopCall, engine::Watcher> {
 public:
  PoolWait(std::shared_ptr<engine::PoolEngine> engine, engine::Until until, Seconds timeout)
      : engine_(std::move(engine)), until_(until), timeout_(timeout) {}
  ~PoolWait() override { end(); }

  nb::object result() override { return nb::none(); }
  void end() noexcept override;

 private:
  LoopProgress begin() override;
  LoopProgress proceed(int ready) override;

  const std::shared_ptr<engine::PoolEngine> engine_;
  const engine::Until until_;
  const Seconds timeout_;
  bool watching_ = false;
};

/// A statement on a lease, which is taken first and given back at the end if `where` is given.
class StatementWait : public LoopCall, private engine::Driver {
 public:
  void end() noexcept final;

 protected:
  using Progress = engine::LeaseCall::Progress;

  StatementWait(std::shared_ptr<LoopLease> lease, const SourceLocation* where);
  [[nodiscard]] LoopLease& lease() const noexcept { return *lease_; }
  /// What is open on the lease, if it is not the call's own.
  [[nodiscard]] engine::TransactionStack transactions() const {
    return own_lease_ ? engine::TransactionStack{.autocommit = true} : lease_->transactions();
  }
  /// Before the first step.
  virtual void prepare() {}

  [[nodiscard]] virtual engine::LeaseCall& steps() const noexcept = 0;
  /// The first of them, on a lease that is to be taken.
  virtual Progress acquire(engine::TimePoint time, engine::TimePoint deadline, const SourceLocation& where) {
    return steps().acquire(time, deadline, where);
  }
  /// Drops the operation and leaves the lease; then there are no steps any more.
  virtual void drop_steps() noexcept = 0;
  /// What stands in the queue for it.
  [[nodiscard]] virtual engine::Waiter& waiter() noexcept = 0;

 private:
  LoopProgress begin() final;
  LoopProgress proceed(int ready) final;
  [[nodiscard]] int fd() const final { return steps().step().fd; }
  [[nodiscard]] int events() const final { return static_cast<int>(steps().step().wait_for); }
  LoopProgress wait_for(Progress progress);
  void stop(engine::StopReason why) noexcept final {
    stop_.store(why == engine::StopReason::cut ? Stopped::cut : Stopped::late);
    wake();
  }

  enum class Stopped : std::uint8_t { no, late, cut };

  const std::shared_ptr<LoopLease> lease_;
  const bool own_lease_;  // taken and given back by this call
  SourceLocation where_;
  engine::TimePoint begin_{};
  engine::TimePoint deadline_ = pool_never();
  std::atomic<Stopped> stop_ = Stopped::no;
  bool queued_ = false;
  bool driven_ = false;  // the engine tells of the deadline, and of close
  bool begun_ = false;
  bool over_ = false;

  static engine::TimePoint pool_never() { return engine::TimePoint::max(); }
};

/// `Kept`: what the caller gave, with `job()` (engine/calls/jobs.hpp), and `give(result)`, which makes what
/// Python gets of it.
template <class Kept>
class JobWait final : public WaitingCall<StatementWait, engine::Waiter> {
 public:
  JobWait(std::shared_ptr<LoopLease> lease, const SourceLocation* where, Kept kept)
      : WaitingCall(std::move(lease), where) {
    steps_.emplace(*this->lease().engine, this->lease().lease, waiter(), std::move(kept));
  }
  ~JobWait() override { end(); }
  nb::object result() override {
    if constexpr (std::is_void_v<decltype(steps_->take_result())>) {
      steps_->take_result();
      return nb::none();
    } else {
      return kept().give(steps_->take_result());
    }
  }
  [[noreturn]] void throw_failure(std::exception_ptr failure) const override {
    if constexpr (requires { kept().throw_failure(failure); }) kept().throw_failure(failure);
    std::rethrow_exception(std::move(failure));
  }
  [[nodiscard]] int traverse(visitproc visit, void* arg) const override {
    if constexpr (requires { kept().traverse(visit, arg); }) return kept().traverse(visit, arg);
    return 0;
  }

 private:
  [[nodiscard]] engine::LeaseCall& steps() const noexcept override { return *steps_; }
  [[nodiscard]] const Kept& kept() const noexcept { return steps_->kept(); }
  void drop_steps() noexcept override { steps_->leave(); }
  [[nodiscard]] engine::Waiter& waiter() noexcept override { return *this; }
  void prepare() override { steps_->set_transactions(transactions()); }

  mutable std::optional<engine::JobCall<Kept, engine::InPlace>> steps_;
};

}  // namespace copg::python
