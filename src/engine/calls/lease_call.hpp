// One operation on a lease, except for the waiting: the look before its first byte, the exchange of a dead
// connection for another, the operation itself. A shell waits for what the progress says, and resumes it.
#pragma once

#include <copg/source_location.hpp>

#include <exception>
#include <memory>
#include <string_view>

#include "engine/calls/statement_watch.hpp"
#include "engine/pool_engine.hpp"
#include "pq/operation.hpp"

namespace copg::engine {

class LeaseCall {
 public:
  /// What to wait for.
  enum class Progress : std::uint8_t {
    queued,   ///< A connection: until the waiter is settled; then `granted`.
    waiting,  ///< The server: until the descriptor of `step` is ready; then `advance`.
    done,     ///< Nothing: the operation has ended, with or without an error.
  };

  LeaseCall(PoolEngine& engine, Lease& lease, Waiter& waiter)
      : engine_(engine), lease_(lease), waiter_(waiter) {}
  LeaseCall(const LeaseCall&) = delete;
  LeaseCall& operator=(const LeaseCall&) = delete;

  // Each throws what Leases throws, and the call is over then. `time` is now.

  /// Begins by taking a lease.
  Progress acquire(TimePoint time, TimePoint deadline, const SourceLocation& where);
  /// Begins on a lease that was taken before.
  Progress begin(TimePoint time, TimePoint deadline);
  /// After `queued`.
  virtual Progress granted(TimePoint time);
  /// After `waiting`.
  virtual Progress advance(pq::Ready ready);

  /// Once the result was taken, or the call has failed with `error`, or was given up: tells the observers, if
  /// they want to know. Later calls do nothing.
  void ended(const std::exception_ptr& error = nullptr) noexcept {
    if (watch_) [[unlikely]]
      watch_->end(error);
  }
  void abandoned() noexcept { watch_.reset(); }

  /// After `queued`, for a caller that can't wait any longer: leaves the queue. If a connection had been
  /// granted, it is in the lease.
  void give_up() { engine_.leases().give_up(lease_, waiter_); }

  /// When `waiting` ends.
  [[nodiscard]] virtual TimePoint wait_until() const noexcept { return deadline_; }
  /// It has ended, or `close` has cut the lease off. True: the call is done all the same.
  virtual bool wait_no_longer() noexcept { return false; }

  /// What `waiting` waits for.
  [[nodiscard]] const pq::Step& step() const noexcept { return step_; }
  /// nullptr unless the call is `waiting` or `done`.
  [[nodiscard]] const pq::StatementOperation* statement() const noexcept { return operation_; }
  [[nodiscard]] const Lease& lease() const noexcept { return lease_; }
  [[nodiscard]] PoolEngine& engine() const noexcept { return engine_; }
  /// When it began to use its present connection.
  [[nodiscard]] TimePoint entered_at() const noexcept { return entered_at_; }
  /// The statement's text, as the caller wrote it.
  [[nodiscard]] virtual std::string_view sql() const noexcept {
    return operation_ != nullptr ? operation_->sql() : std::string_view();
  }

 protected:
  ~LeaseCall() = default;

  /// What observers are told of it when it begins.
  [[nodiscard]] virtual event::StatementBegan shape() = 0;
  /// The call begins.
  void watch(TimePoint time) {
    if (engine_.events().watches_statements()) [[unlikely]]
      start_watch(time);
  }
  /// Of the call's result.
  template <class Taken>
  void note(const Taken& result) noexcept {
    if constexpr (requires(StatementWatch & watch) { watch.note(result); }) {
      if (watch_) [[unlikely]]
        watch_->note(result);
    }
  }

  /// Makes the operation, on the lease's connection, inside the lease.
  virtual pq::StatementOperation& make(pq::Connection& connection) = 0;
  /// Destroys it.
  virtual void drop() noexcept = 0;
  /// Drops the operation, if there is one, and leaves the lease. The destructor of the class with `drop`
  /// calls it first. Unless the operation `is_counted`, its time is, if it has sent anything.
  void leave(bool is_counted = false) noexcept;

  /// Keeps the deadline. Throws if it has passed: what is sent then could only be given up.
  void require_time(TimePoint time, TimePoint deadline, ErrorKind otherwise) {
    deadline_ = deadline;
    if (time >= deadline) [[unlikely]]
      engine_.leases().reject_late(otherwise, time - deadline);
  }
  /// Goes on with a connection.
  Progress enter(TimePoint time);
  /// Exchanges a connection that died before its first byte.
  virtual Progress swap();

  PoolEngine& engine_;
  Lease& lease_;
  Waiter& waiter_;
  TimePoint deadline_ = pool::never;
  TimePoint entered_at_{};
  TimePoint answered_at_{};  // once it is done
  pq::StatementOperation* operation_ = nullptr;
  std::unique_ptr<StatementWatch> watch_;  // null: nobody wants to know
  // Small ones last: what derives from this uses the rest of the word.
  pq::Step step_{};
  bool fresh_ = false;  // nothing had been sent on the lease before
  bool sent_ = false;   // once it is done: whether anything was sent

 private:
  [[gnu::cold]] void start_watch(TimePoint time);
};

}  // namespace copg::engine
