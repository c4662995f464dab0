// What an AsyncConnection and its calls share: the lease, which is given back when none of them is left.
#pragma once

#include <copg/deadline.hpp>
#include <copg/pool_options.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "async/call.hpp"
#include "engine/calls/transaction_stack.hpp"

namespace copg::async {

struct LeaseState {
  LeaseState(std::shared_ptr<Loop> on, const engine::Lease& leased, Seconds limit, TimePoint end)
      : loop(std::move(on)), lease(leased), timeout(limit), deadline(end) {}
  LeaseState(const LeaseState&) = delete;
  LeaseState& operator=(const LeaseState&) = delete;
  ~LeaseState() {
    if (discard_at_end) {
      loop->engine().leases().discard(lease);
    } else {
      loop->engine().leases().release(lease);
    }
  }

  std::shared_ptr<const void> host{};  // of several: its lease, which ends after that of the connection
  const std::shared_ptr<Loop> loop;
  engine::Lease lease;
  Seconds timeout;
  TimePoint deadline;                                    // of the whole lease, or of a block
  engine::TransactionStack open{};                       // transaction() calls under way
  std::shared_ptr<const pq::OwnBeginning> beginning{};   // what `open` refers to
  std::map<int, engine::SavepointOptions> savepoints{};  // those of them that have options
  bool discard_at_end = false;
  std::shared_ptr<engine::PoolEngine> closes{};  // of a detached connection: its engine's closing handle

  /// The time that a call may take that begins now. `given`: its own deadline, in place of the timeout.
  [[nodiscard]] engine::TimeLimit limit(const std::optional<Deadline>& given) const noexcept {
    if (given) return engine::TimeLimit::until(std::min(given->at(), deadline));
    return {engine::duration_of(timeout), deadline};
  }
  /// The outermost transaction begins now. `options`: null for none, or if it is a savepoint.
  void begin_with(const TransactionOptions* options) {
    beginning = options == nullptr
                    ? nullptr
                    : engine::beginning_with(*options, loop->engine().options().resolve_commits);
    open.beginning = beginning ? &beginning->beginning() : nullptr;
  }
  [[nodiscard]] const engine::TransactionStack& transactions() const noexcept { return open; }
  /// Throws UsageError if another call is under way.
  void call_begins(Call& call) {
    const std::lock_guard lock(mutex_);
    if (call_ != nullptr) loop->engine().leases().reject_second_call();
    call_ = &call;
  }
  void call_ends(Call& /*call*/) noexcept {
    const std::lock_guard lock(mutex_);
    call_ = nullptr;
  }
  /// The AsyncConnection was given back: a call that is under way completes with operation_aborted.
  void abort() noexcept {
    boost::intrusive_ptr<Call> call;
    {
      const std::lock_guard lock(mutex_);
      call = call_;
    }
    if (call) call->cancel(asio::cancellation_type::terminal);
  }

 private:
  std::mutex mutex_;
  Call* call_ = nullptr;
};

}  // namespace copg::async
