// What a task of asyncio waits for: the port of engine::EventCall for asyncio's event loop.
//
// A call is started, and goes on each time that the port names it, until it is over (loop_reader.hpp). One
// that is dropped half-way loses nothing: the place in the queue is freed, the connection goes back to the
// engine, which cancels what runs on it. All members: with the GIL, in the thread of the loop; the engine
// wakes from any thread.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/deadline.hpp>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/calls/event_kinds.hpp"
#include "engine/calls/jobs.hpp"
#include "engine/calls/transaction_stack.hpp"
#include "engine/pool_engine.hpp"
#include "python/native/loop_port.hpp"
#include "python/native/open_block.hpp"
#include "routing/held_host.hpp"
#include "routing/host_kind.hpp"

namespace copg::python {

namespace nb = nanobind;

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
class LoopCall : public engine::EventCall, public PortEntry {
 public:
  using Home = std::shared_ptr<engine::PoolEngine>;
  template <class Operation>
  using Room = engine::InPlace<Operation>;

  /// Once.
  void start(std::shared_ptr<LoopPort> port) noexcept;
  /// The port has named it. `ready`: what the descriptor is ready for, 1 to read and 2 to write; 0: the
  /// engine has news.
  void go_on(int ready) {
    if (ready == 0) {
      proceed(true);
    } else {
      EventCall::ready(wait(), static_cast<pq::Ready>(ready));
    }
  }
  using EventCall::over;
  /// Once over, unless it has failed.
  virtual nb::object result() = 0;
  /// Throws what has failed it, in the words of its caller.
  [[noreturn]] virtual void throw_failure(std::exception_ptr failure) const {
    std::rethrow_exception(std::move(failure));
  }
  /// The objects of Python's that the caller gave, for the garbage collector.
  [[nodiscard]] virtual int traverse(visitproc /*visit*/, void* /*arg*/) const { return 0; }
  /// Lets go of everything. May come at any time, and twice; the destructor of each kind calls it.
  virtual void end() noexcept;

  Awaiting awaiting;
  /// How long its caller has waited for its turn already, which the deadline of a statement counts.
  double waited_s = 0;

 protected:
  LoopCall(std::shared_ptr<engine::PoolEngine> engine, const engine::TimeLimit& limit, engine::LeaseUse use)
      : EventCall(*engine, limit, use), kept_engine_(std::move(engine)) {}
  /// A call without a pool.
  explicit LoopCall(const engine::TimeLimit& limit) : EventCall(limit) {}
  void wake() noexcept final { port_->post(*this); }
  void introduce(engine::Waiter& waiter) const final;
  /// Whether its task may hold the lease when the call has ended.
  [[nodiscard]] virtual bool leases() const noexcept { return false; }

 private:
  void watch(const pq::Step& step, std::uint32_t wait) final;
  void unwatch(bool reported) noexcept final;
  void ended(bool inside, std::exception_ptr error) final;

  const std::shared_ptr<engine::PoolEngine> kept_engine_;
  std::shared_ptr<LoopPort> port_;
  int watched_fd_ = -1;
};

/// A connection in the hands of a task; of one call at a time.
struct LoopLease {
  explicit LoopLease(std::shared_ptr<engine::PoolEngine> on, Seconds limit, bool each_its_own)
      : engine(std::move(on)), timeout(limit), autocommit(each_its_own) {}
  LoopLease(const LoopLease&) = delete;
  LoopLease& operator=(const LoopLease&) = delete;
  ~LoopLease() {
    if (engine) engine->leases().release(lease);
  }

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
  [[nodiscard]] bool closed() const noexcept { return given_back() || engine->leases().lost(lease); }
  /// Throws UsageError.
  void require_usable() const {
    if (!engine) throw UsageError("this connection was not leased: no host was got for it");
    engine->leases().require_usable(ended_ == Ended::no ? lease : engine::Lease());
  }
  [[nodiscard]] engine::TransactionStack transactions() const noexcept {
    return {.autocommit = autocommit,
            .depth = static_cast<int>(blocks.size()),
            .beginning = beginning_ ? &beginning_->beginning() : nullptr};
  }
  /// The outermost block is entered. `options`: null for none, or if it is a savepoint. Throws UsageError.
  void begin_with(const TransactionOptions* options) {
    beginning_ =
        options == nullptr ? nullptr : engine::beginning_with(*options, engine->options().resolve_commits);
  }
  /// Calls the lease, if there is one, by its name.
  void tell_name() const {
    if (lease && ended_ == Ended::no) engine->leases().set_name(lease, name);
  }
  void call_begins(LoopCall& /*call*/) noexcept { in_call_ = true; }
  void call_ends(LoopCall& /*call*/) noexcept {
    in_call_ = false;
    if (ended_ != Ended::no) give_up();
  }

  /// The time that a call may take. `given`: its own deadline, in place of the timeout.
  [[nodiscard]] engine::TimeLimit limit(const std::optional<Deadline>& given) const noexcept {
    if (given) return engine::TimeLimit::until(std::min(given->at(), deadline.at()));
    return {engine::duration_of(timeout), deadline.at()};
  }

  std::shared_ptr<engine::PoolEngine> engine;  // of several hosts: null until one is got
  std::shared_ptr<routing::HeldHost> host{};   // that one; its lease ends after that of the connection
  Seconds timeout;                             // of each call
  std::string name{};                          // what leases() and messages call the lease
  Deadline deadline{};                         // of the whole lease, or of a block
  engine::Lease lease;  // empty also while a call exchanges a dead connection for another
  bool autocommit;
  struct Block : OpenBlock {
    Seconds timeout_before{};
    Deadline deadline_before{};
  };
  std::vector<Block> blocks{};  // innermost last

 private:
  enum class Ended : std::uint8_t { no, to_go_back, to_be_closed };

  void give_up() noexcept {
    if (ended_ == Ended::to_be_closed) {
      engine->leases().discard(lease);
    } else {
      engine->leases().release(lease);
    }
    host.reset();
  }

  Ended ended_ = Ended::no;
  bool in_call_ = false;
  std::shared_ptr<const pq::OwnBeginning> beginning_;  // not cleared with `blocks`: a call may send it yet
};

/// Takes a lease. Its result is None: the lease is where it was wanted.
class LeaseWait final : public engine::LeaseKind<LoopCall> {
 public:
  LeaseWait(std::shared_ptr<LoopLease> lease, const engine::TimeLimit& limit, const SourceLocation& where)
      : LeaseKind(lease->engine, limit, where), lease_(std::move(lease)) {}
  ~LeaseWait() override { end(); }

  /// Takes a lease if one is free at once. False: none is. Throws PoolClosed.
  [[nodiscard]] static bool attempt(LoopLease& lease, const SourceLocation& where);

  nb::object result() override {
    taken_ = true;
    return nb::none();
  }
  /// A task that is cancelled after the grant and before it was told never enters its block, so nobody else
  /// would give the connection back.
  void end() noexcept override {
    LoopCall::end();
    if (!std::exchange(taken_, true)) engine().leases().release(lease_->lease);
  }

 private:
  [[nodiscard]] bool leases() const noexcept override { return true; }
  [[nodiscard]] engine::Lease& lease() noexcept override { return lease_->lease; }
  void take_result() override {
    if (!lease_->name.empty()) lease_->tell_name();
  }
  void give_back() noexcept override {}

  const std::shared_ptr<LoopLease> lease_;
  bool taken_ = false;  // the caller knows that it has the lease
};

/// Waits for a host of several, for a lease that is to be taken there. One that was got before, and where
/// nothing was sent, is given up for it.
class HostWait final : public routing::HostKind<LoopCall> {
 public:
  HostWait(std::shared_ptr<routing::Router> router, std::shared_ptr<LoopLease> lease,
           const engine::TimeLimit& limit, const cluster::Request& request);
  ~HostWait() override { end(); }

  nb::object result() override;
  /// As that of LeaseWait.
  void end() noexcept override {
    LoopCall::end();
    if (!std::exchange(taken_, true)) lease_->host.reset();
  }

 private:
  [[nodiscard]] routing::HostLease& lease() noexcept override { return **lease_->host; }

  const std::shared_ptr<routing::Router> router_;
  const std::shared_ptr<LoopLease> lease_;
  bool taken_ = false;  // the caller knows that it has the host
};

/// Waits for the pool as a whole.
class PoolWait final : public engine::PoolWaitKind<LoopCall> {
 public:
  PoolWait(std::shared_ptr<engine::PoolEngine> engine, engine::Duration timeout, engine::Milestone milestone)
      : PoolWaitKind(std::move(engine), timeout, milestone) {}
  ~PoolWait() override { end(); }

  nb::object result() override { return nb::none(); }
};

/// `Kept`: what the caller gave, with `job()` (engine/calls/jobs.hpp), and `give(result)`, which makes what
/// Python gets of it.
template <class Kept>
class JobWait final : public engine::JobKind<LoopCall, LoopLease, Kept> {
 public:
  template <class... Args>
  explicit JobWait(Args&&... args) : JobWait::JobKind(std::forward<Args>(args)...) {}
  ~JobWait() override { this->end(); }
  void end() noexcept override {
    LoopCall::end();
    if constexpr (requires { this->kept().let_go(); }) this->kept().let_go();
  }
  nb::object result() override {
    if constexpr (std::tuple_size_v<typename JobWait::Results> == 0) {
      return nb::none();
    } else {
      return this->kept().give(std::get<0>(std::move(this->results())));
    }
  }
  [[noreturn]] void throw_failure(std::exception_ptr failure) const override {
    if constexpr (requires { this->kept().throw_failure(failure); }) this->kept().throw_failure(failure);
    std::rethrow_exception(std::move(failure));
  }
  [[nodiscard]] int traverse(visitproc visit, void* arg) const override {
    if constexpr (requires { this->kept().traverse(visit, arg); }) return this->kept().traverse(visit, arg);
    return 0;
  }
};

}  // namespace copg::python
