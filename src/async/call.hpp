// One asynchronous call that needs a connection: the waiting of engine::LeaseCall done by an event loop.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <exception>
#include <memory>

#include "async/completion.hpp"
#include "async/pending.hpp"
#include "engine/calls/lease_call.hpp"
#include "engine/driver.hpp"

namespace copg::async {

using engine::Duration;
using engine::Lease;
using engine::TimePoint;

class Call : public Pending, public engine::Driver {
 public:
  void start() noexcept final;

 protected:
  using Progress = engine::LeaseCall::Progress;

  enum class Ends : std::uint8_t {
    with_own_lease,  ///< It takes a lease, runs an operation and gives the lease back.
    inside_lease,    ///< It runs an operation on a lease that was there before.
    with_grant,      ///< It takes a lease for its caller.
  };
  /// Its deadline is `timeout` from now.
  Call(std::shared_ptr<Loop> loop, Duration timeout, Ends ends);

  /// The first step, and the one after a grant.
  virtual Progress begin(TimePoint time, TimePoint deadline) = 0;
  virtual Progress granted(TimePoint time) = 0;
  /// Of a call that waits for the server.
  virtual engine::LeaseCall& lease_call() = 0;
  /// It has come to its end: keeps the result. Throws the error, if it is one.
  virtual void take_result() = 0;
  /// What stands in the queue for it.
  virtual engine::Waiter& waiter() noexcept = 0;
  /// Lets go of everything but the handler.
  virtual void give_back() noexcept = 0;
  /// Calls the handler, once.
  virtual void complete(bool inside, std::exception_ptr error) = 0;

  /// The first thing in the destructor of the class that has all of the above: the event loop may have
  /// dropped the call.
  void clean_up() noexcept;

 private:
  void stop(engine::StopReason why) noexcept final;

  void go_on(bool inside) final;
  void leave_queue() noexcept final;
  bool leave_queue_unsent() noexcept final;
  void interrupt() noexcept final { descriptor_->cancel(); }
  void end_early(bool inside, Word word) final;

  template <class Step>
  void take(bool inside, Step step);
  void wait(bool inside);
  void wait_for(asio::posix::stream_descriptor::wait_type type, pq::Ready ready);
  void ready(std::uint32_t round, pq::Ready ready);
  void end(bool inside, std::exception_ptr error);

  const TimePoint begin_;
  const TimePoint deadline_;
  const Ends ends_;
  bool driven_ = false;  // the engine was asked to tell it of its deadline, and of close
  bool clean_ = false;
  // of waiting for the descriptor: a handler of an earlier one is late; guarded by mutex_
  std::uint32_t round_ = 0;
  asio::posix::stream_descriptor* descriptor_ = nullptr;  // while State::waiting
};

/// A call that stands in the queue itself. `Kind` is engine::Waiter or engine::StatementWaiter.
template <class Kind>
class WaitingCall : public Call, public Kind {
 protected:
  WaitingCall(std::shared_ptr<Loop> loop, Duration timeout, Ends ends)
      : Call(std::move(loop), timeout, ends), Kind(ends == Ends::with_own_lease ? this : nullptr) {}

 private:
  engine::Waiter& waiter() noexcept final { return *this; }
  void settled() noexcept final { loop().wake(*this); }
};

}  // namespace copg::async
