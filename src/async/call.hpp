// How a call waits in Asio: the port of engine::EventCall. The event loop keeps a call alive while it waits
// for the engine, the descriptor's handler while it waits for the server.
#pragma once

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

#include "async/loop.hpp"
#include "engine/calls/event_call.hpp"
#include "engine/calls/jobs.hpp"

namespace copg::async {

using engine::Duration;
using engine::Lease;
using engine::TimePoint;

class Call : public engine::EventCall, public LoopEntry {
 public:
  using Home = std::shared_ptr<Loop>;
  template <class Operation>
  using Room = engine::OnHeap<Operation>;

  /// Makes the call complete soon, with operation_aborted. For any thread.
  void cancel(asio::cancellation_type type) noexcept;

 protected:
  Call(std::shared_ptr<Loop> loop, const engine::TimeLimit& limit, engine::LeaseUse use)
      : EventCall(loop->engine(), limit, use), loop_(std::move(loop)) {}
  /// A call without a pool.
  Call(std::shared_ptr<Loop> loop, const engine::TimeLimit& limit)
      : EventCall(limit), loop_(std::move(loop)) {}

  [[nodiscard]] Loop& loop() const noexcept { return *loop_; }
  [[nodiscard]] const std::shared_ptr<Loop>& shared_loop() const noexcept { return loop_; }

  /// Calls the handler, once.
  virtual void complete(bool inside, std::exception_ptr error) = 0;
  void wake() noexcept final { loop_->wake(*this); }

 private:
  void keep() noexcept final { loop_->keep(*this); }
  void forget() noexcept final { loop_->forget(*this); }
  void hold(const Lease& lease, int fd) final;
  void watch(const pq::Step& step, std::uint32_t wait) final;
  void watch_for(asio::posix::stream_descriptor::wait_type type, pq::Ready ready, std::uint32_t wait);
  void unwatch(bool reported) noexcept final;
  void ended(bool inside, std::exception_ptr error) final;
  [[nodiscard]] std::exception_ptr cancellation() const final;

  void proceed(bool inside) final { EventCall::proceed(inside); }
  void abandon() noexcept final { EventCall::abandon(); }

  const std::shared_ptr<Loop> loop_;
  asio::posix::stream_descriptor* descriptor_ = nullptr;  // while it waits for the server
  bool waits_for_both_ = false;
};

}  // namespace copg::async
