// What a call of an event loop may be for: a statement on a lease of its own, a job on a lease, a lease, or
// the pool as a whole. A kind derives from its port (engine/calls/event_call.hpp), which has a type `Home`
// for its constructor's argument. The destructor of the most derived class calls `clean_up` or `drop` first.
#pragma once

#include <copg/result.hpp>
#include <copg/source_location.hpp>

#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/calls/event_call.hpp"
#include "engine/calls/jobs.hpp"
#include "engine/calls/statement_call.hpp"
#include "engine/listening/listening.hpp"
#include "engine/mends.hpp"
#include "engine/pool_waiter.hpp"
#include "engine/waiter.hpp"

namespace copg::engine {

/// A call that is a waiter itself. `Kind`: Waiter or StatementWaiter.
template <class Port, class Kind>
class QueuedCall : public Port, public Kind {
 protected:
  QueuedCall(typename Port::Home home, const TimeLimit& limit, LeaseUse use)
      : Port(std::move(home), limit, use), Kind(use == LeaseUse::own ? this : nullptr) {}

 private:
  void settled(Wakes& /*wakes*/) noexcept final { this->wake(); }
  void dequeue() noexcept final {
    Lease granted;
    if (this->engine().leases().give_up(granted, *this) && stands(Mend::cancelled_after_grant))
      this->engine().leases().release(granted);
  }
  bool dequeue_unsent() noexcept final {
    Lease granted;
    if (!this->engine().leases().give_up_unsent(granted, *this)) return false;
    this->engine().leases().release(granted);
    return true;
  }
};

/// One statement on a lease of its own, which may travel with those of other callers. The derived class keeps
/// the statement.
template <class Port>
class StatementKind : public QueuedCall<Port, StatementWaiter> {
 protected:
  StatementKind(typename Port::Home home, const TimeLimit& limit)
      : QueuedCall<Port, StatementWaiter>(std::move(home), limit, LeaseUse::own),
        steps_(this->engine(), *this) {}

  typename Port::Progress begin_with(std::string_view sql, const KnownText& text,
                                     const pq::ParamsView& params, TimePoint time, TimePoint deadline,
                                     const SourceLocation& where) {
    this->introduce(*this);
    return steps_.acquire(sql, text, params, time, deadline, where);
  }
  [[nodiscard]] std::tuple<Result>& results() noexcept { return results_; }

 private:
  typename Port::Progress granted(TimePoint time) final { return steps_.granted(time); }
  [[nodiscard]] LeaseCall* steps() noexcept final { return &steps_; }
  void take_result() final { std::get<0>(results_) = steps_.take_result(); }
  void give_back() noexcept final { steps_.end(); }

  StatementCallIn<OnHeap> steps_;
  std::tuple<Result> results_;
};

/// A job (engine/calls/jobs.hpp). `Holder` keeps a lease from call to call: it has `lease`, `transactions()`,
/// `call_begins(call)`, which throws if another call is under way, and `call_ends(call)`.
template <class Port, class Holder, class Kept>
class JobKind : public QueuedCall<Port, Waiter> {
 public:
  using Base = QueuedCall<Port, Waiter>;
  using Steps = StepsOf<Kept, Port::template Room>;
  /// A tuple of the job's result, if it has one.
  using Results =
      std::conditional_t<std::is_void_v<decltype(std::declval<Steps&>().take_result())>, std::tuple<>,
                         std::tuple<decltype(std::declval<Steps&>().take_result())>>;

 protected:
  /// Runs on a lease of its own, taken at this place in the program.
  JobKind(typename Port::Home home, const TimeLimit& limit, const SourceLocation& where, Kept kept)
      : Base(std::move(home), limit, LeaseUse::own),
        where_(where),
        steps_(this->engine(), own_lease_, *this, std::move(kept)) {}
  /// Runs on the lease of a holder.
  JobKind(typename Port::Home home, const TimeLimit& limit, std::shared_ptr<Holder> holder, Kept kept)
      : Base(std::move(home), limit, LeaseUse::held),
        holder_(std::move(holder)),
        steps_(this->engine(), holder_->lease, *this, std::move(kept)) {}

  [[nodiscard]] const Kept& kept() const noexcept { return steps_.kept(); }
  /// Of a call that has sent nothing, for another one.
  auto take_request() { return steps_.kept().take_request(); }
  [[nodiscard]] Results& results() noexcept { return results_; }

 private:
  typename Port::Progress begin(TimePoint time, TimePoint deadline) final {
    if (!holder_) {
      this->introduce(*this);
      return steps_.acquire(time, deadline, where_);
    }
    holder_->call_begins(*this);
    begun_ = true;
    steps_.set_transactions(holder_->transactions());
    return steps_.begin(time, deadline);
  }
  typename Port::Progress granted(TimePoint time) final { return steps_.granted(time); }
  [[nodiscard]] LeaseCall* steps() noexcept final { return &steps_; }
  void take_result() final {
    if constexpr (std::tuple_size_v<Results> == 0) {
      steps_.take_result();
    } else {
      std::get<0>(results_) = steps_.take_result();
    }
  }
  void give_back() noexcept final {
    steps_.leave();
    if (begun_) holder_->call_ends(*this);
    holder_.reset();  // before the caller is told, who may be the last to hold the lease
    this->engine().leases().release(own_lease_);
  }

  SourceLocation where_;
  std::shared_ptr<Holder> holder_;  // null: it has a lease of its own
  Lease own_lease_;
  Steps steps_;
  bool begun_ = false;
  Results results_;
};

/// Takes a lease for its caller.
template <class Port>
class LeaseKind : public QueuedCall<Port, Waiter> {
 protected:
  LeaseKind(typename Port::Home home, const TimeLimit& limit, const SourceLocation& where)
      : QueuedCall<Port, Waiter>(std::move(home), limit, LeaseUse::none), where_(where) {}
  /// Where the lease is to be.
  [[nodiscard]] virtual Lease& lease() noexcept = 0;

 private:
  typename Port::Progress begin(TimePoint time, TimePoint deadline) final {
    this->introduce(*this);
    const auto attempt = this->engine().leases().acquire(lease(), *this, time, deadline, where_);
    return attempt == Leases::Attempt::queued ? Port::Progress::queued : Port::Progress::done;
  }
  typename Port::Progress granted(TimePoint time) final {
    this->engine().leases().collect(lease(), *this, time);
    return Port::Progress::done;
  }

  const SourceLocation where_;
};

/// Waits until the pool has reached a milestone.
template <class Port>
class PoolWaitKind : public Port, private PoolWaiter {
 protected:
  PoolWaitKind(typename Port::Home home, const TimeLimit& limit, Milestone milestone)
      : Port(std::move(home), limit, LeaseUse::none), milestone_(milestone) {}
  [[nodiscard]] static std::tuple<> results() noexcept { return {}; }

 private:
  typename Port::Progress begin(TimePoint /*time*/, TimePoint deadline) final {
    return this->engine().wait_for(*this, milestone_, deadline) ? Port::Progress::done
                                                                : Port::Progress::queued;
  }
  typename Port::Progress granted(TimePoint /*time*/) final {
    // `close` is over when its time is up, whatever is left.
    if (milestone_ != Milestone::finished) this->engine().collect(*this);
    return Port::Progress::done;
  }
  void settled(Wakes& /*wakes*/) noexcept final { this->wake(); }
  void take_result() final {}
  void dequeue() noexcept final { this->engine().give_up(*this); }
  bool dequeue_unsent() noexcept final { return dequeue(), true; }
  void give_back() noexcept final {}

  const Milestone milestone_;
};

/// Waits for a listener.
template <class Port>
class ListenerKind : public Port, private ListenWaiter {
 protected:
  ListenerKind(typename Port::Home home, const TimeLimit& limit, std::shared_ptr<OpenListener> listener,
               ListenGoal goal)
      : Port(std::move(home), limit, LeaseUse::none), listener_(std::move(listener)), goal_(goal) {}

  [[nodiscard]] const std::shared_ptr<OpenListener>& listener() const noexcept { return listener_; }
  /// For how long it has waited.
  [[nodiscard]] Duration waited() const noexcept { return now() - begun_; }

 private:
  typename Port::Progress begin(TimePoint time, TimePoint deadline) final {
    begun_ = time;
    return listener_->wait_for(*this, goal_, deadline) ? Port::Progress::done : Port::Progress::queued;
  }
  typename Port::Progress granted(TimePoint /*time*/) final { return Port::Progress::done; }
  void settled(Wakes& /*wakes*/) noexcept final { this->wake(); }
  void dequeue() noexcept final { listener_->give_up(*this); }
  bool dequeue_unsent() noexcept final { return dequeue(), true; }

  const std::shared_ptr<OpenListener> listener_;
  const ListenGoal goal_;
  TimePoint begun_{};
};

/// Waits until the server has acknowledged the channels of a listener. If it does not, those that were
/// `added` are removed.
template <class Port>
class ListenerReadyKind : public ListenerKind<Port> {
 protected:
  ListenerReadyKind(typename Port::Home home, const TimeLimit& limit, std::shared_ptr<OpenListener> listener,
                    std::vector<std::string> added)
      : ListenerKind<Port>(std::move(home), limit, std::move(listener), ListenGoal::ready),
        added_(std::move(added)) {}

  void take_result() override {
    this->listener()->collect_ready(this->waited());
    added_.clear();
  }

 private:
  void give_back() noexcept final {
    if (!added_.empty()) this->listener()->take_back(added_);
    added_.clear();
  }

  std::vector<std::string> added_;
};

/// Waits until something has come for a listener.
template <class Port>
class ArrivalKind : public ListenerKind<Port> {
 protected:
  ArrivalKind(typename Port::Home home, const TimeLimit& limit, std::shared_ptr<OpenListener> listener)
      : ListenerKind<Port>(std::move(home), limit, std::move(listener), ListenGoal::arrival) {}

 private:
  void give_back() noexcept final {}
};

}  // namespace copg::engine
