// One statement on a lease of its own. If it has to wait for a connection, it may travel with others, over a
// connection that its own caller drives, or another caller.
#pragma once

#include <copg/result.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/calls/lease_call.hpp"
#include "engine/calls/room.hpp"
#include "engine/statement_kind.hpp"
#include "pq/execute_operation.hpp"
#include "pq/params_view.hpp"

namespace copg::engine {

/// How long a thread that drives a run goes on for the others once it has its own answer. Waking another
/// driver takes longer than reading a few more answers, and much longer if more threads want to run than
/// there are processors. A statement that is known to be slow travels alone.
inline constexpr Duration thread_patience = std::chrono::milliseconds(1);

class StatementCall : public LeaseCall {
 public:
  /// Begins. `sql` and `params` must outlive the call, unless they are lent.
  Progress acquire(std::string_view sql, const KnownText& text, const pq::ParamsView& params, TimePoint time,
                   TimePoint deadline, const SourceLocation& where);
  Progress granted(TimePoint time) final;
  Progress advance(pq::Ready ready) final;
  [[nodiscard]] TimePoint wait_until() const noexcept final;
  bool wait_no_longer() noexcept final;
  [[nodiscard]] std::string_view sql() const noexcept final { return waiter().statement_; }
  /// Once done: the result; throws the statement's error.
  [[nodiscard]] Result take_result();
  /// Ends the call and its lease, at any time. May be called twice; the destructor of the class with `drop`
  /// calls it.
  void end() noexcept;

 protected:
  /// `patience`: how long the driver of a run goes on once it has its own answer, for the others, before it
  /// hands the run over.
  StatementCall(PoolEngine& engine, StatementWaiter& waiter, Duration patience)
      : LeaseCall(engine, lease_, waiter), patience_(patience) {}
  ~StatementCall() = default;

  /// Makes the operation of a statement that travels alone.
  virtual pq::ExecuteOperation& make_alone(pq::Connection& connection) = 0;
  [[nodiscard]] const pq::ParamsView& params() const noexcept { return params_; }

 private:
  enum class Phase : std::uint8_t {
    none,      ///< It has no operation: it has not begun, waits, or is over.
    alone,     ///< Its own operation is under way.
    answered,  ///< Its own operation has ended.
    leading,   ///< It drives a run, which has its own statement.
  };

  pq::StatementOperation& make(pq::Connection& connection) final;
  [[nodiscard]] event::StatementBegan shape() final;
  Progress swap() final;
  Progress advance_run(pq::Ready ready);
  void stop() noexcept;

  /// With its text and its answer.
  [[nodiscard]] StatementWaiter& waiter() const noexcept { return static_cast<StatementWaiter&>(waiter_); }

  Phase phase_ = Phase::none;
  const Duration patience_;
  Lease lease_;
  pq::ParamsView params_;
  pool::Statement statement_;
};

/// `Room`: InPlace or OnHeap.
template <template <class> class Room>
class StatementCallIn final : public StatementCall {
 public:
  StatementCallIn(PoolEngine& engine, StatementWaiter& waiter, Duration patience = Duration::zero())
      : StatementCall(engine, waiter, patience) {}
  ~StatementCallIn() { end(); }

 private:
  pq::ExecuteOperation& make_alone(pq::Connection& connection) override {
    return operation_.emplace(connection, sql(), params());
  }
  void drop() noexcept override { operation_.reset(); }

  Room<pq::ExecuteOperation> operation_;
};

}  // namespace copg::engine
