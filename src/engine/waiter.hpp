// A caller that waits for a connection. The shells derive from it: a blocking waiter, an asynchronous call.
#pragma once

#include <copg/detail/request.hpp>
#include <copg/pipeline.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "engine/clock.hpp"
#include "engine/deadline_listener.hpp"
#include "engine/lease.hpp"
#include "engine/run.hpp"
#include "engine/slot.hpp"
#include "engine/wakes.hpp"
#include "pool/types.hpp"

namespace copg::engine {

class Waiter {
 public:
  Waiter() = default;
  /// From the grant until the end of the lease, `listener` is told of the deadline: see
  /// Leases::watch_deadline.
  explicit Waiter(DeadlineListener* listener) noexcept : listener_(listener) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  /// The wait is over: the shell calls Leases::collect. Called once, with the engine's mutex held: must only
  /// wake the caller, if that is a thread by adding it to `wakes`. The waiter must stay in place until
  /// `collect` or `give_up` has returned.
  virtual void settled(Wakes& wakes) noexcept = 0;

  /// Names the task that waits, if the thread does not tell. Called before a connection is asked for.
  void set_task(const HolderName& name, pool::HolderId id) noexcept {
    if (!name.empty()) holder_.who = {name, NumberOf::task, 0, id};
  }

 protected:
  /// The thread that asks does nothing else while it waits.
  void set_blocking() noexcept { blocking_ = true; }
  virtual ~Waiter() = default;

 private:
  friend struct State;
  friend class Leases;
  friend class Runs;
  friend class StatementCall;
  friend class Holdings;
  friend TimePoint expire_passengers(State& state, Slot& slot, TimePoint time) noexcept;

  /// With the mutex held.
  void settle(Wakes& wakes) noexcept {
    settled_ = true;
    settled(wakes);
  }
  /// A thread that goes on with other work meanwhile is no holder.
  [[nodiscard]] Requester requester() const noexcept {
    if (holder_.who.kind == NumberOf::task) return holder_.who;
    Requester thread = this_thread();
    if (!blocking_) thread.id = pool::unknown_holder;
    return thread;
  }

  DeadlineListener* const listener_ = nullptr;
  Lease lease_;  // granted, and not collected yet
  pool::WaiterId id_{};
  std::string_view statement_;  // the text, if it waits with one; it lives as long as it waits
  std::unique_ptr<const HolderName> lease_name_;  // of a lease whose dead connection is exchanged; null: none
  Holder holder_;  // from `set_task` on it names the task, once queued all else
  TimePoint since_{};
  TimePoint deadline_ = pool::never;
  std::uint32_t waiting_ = 0;  // how many waited when its time was up, itself included
  pool::WaitError error_ = pool::WaitError::none;
  bool blocking_ = false;
  bool settled_ = false;
  bool driving_ = false;  // has been granted a run, and finds its answer by itself
};

/// A caller that waits for the answer to one statement. It is settled by the answer, which may come over a
/// connection that another caller drives, or by the grant of a connection to drive.
class StatementWaiter : public Waiter {
 public:
  using Waiter::Waiter;

  /// The text and parameters, while they travel with those of others: the waiter may be gone before they are
  /// answered. Called with the engine's mutex held.
  [[nodiscard]] virtual std::unique_ptr<detail::Request> lend() = 0;
  /// The lent request was not sent. Called with the engine's mutex held.
  virtual void take_back(std::unique_ptr<detail::Request> request) noexcept = 0;

 protected:
  ~StatementWaiter() override = default;

 private:
  friend class Runs;
  friend struct State;
  friend class StatementCall;
  friend TimePoint expire_passengers(State& state, Slot& slot, TimePoint time) noexcept;
  std::optional<PipelineAnswer> answer_;
  std::unique_ptr<Carrier> carrier_;  // of the answer; null: nobody wants to know
};

}  // namespace copg::engine
