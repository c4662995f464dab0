// How a thread waits: for a connection, parked; for an answer, in poll(2). No decision and no counter.
#pragma once

#include <copg/source_location.hpp>

#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include "engine/clock.hpp"
#include "engine/pool_engine.hpp"

namespace copg::sync {

using engine::Duration;
using engine::Lease;
using engine::PoolEngine;
using engine::TimePoint;

/// From when until when a call may take.
struct Span {
  TimePoint begin;
  TimePoint deadline;
  TimePoint looked;  // at the clock, last

  explicit Span(Duration timeout)
      : begin(engine::now()), deadline(engine::after(begin, timeout)), looked(begin) {}
};

/// Waits for a connection.
[[nodiscard]] Lease acquire(PoolEngine& engine, Span& span, const SourceLocation& where);
/// Exchanges a connection found dead for another.
void swap(PoolEngine& engine, Lease& lease, Span& span);

enum class Driven : std::uint8_t {
  done,
  late,  ///< The deadline passed; the operation is to be dropped.
  cut,   ///< The pool was closed and has cut the lease off; the operation is to be dropped.
};
/// Advances the operation until it ends, and waits in between. `slot` is that of the lease.
[[nodiscard]] Driven drive(pq::Operation& operation, Span& span, engine::Slot& slot);

/// What to throw for an operation that did not end.
[[noreturn]] void raise_undone(PoolEngine& engine, const pq::Operation& operation, Driven driven,
                               const Span& span, std::string_view sql);

/// Inside a lease: leaves it at the end.
class Inside {
 public:
  Inside(PoolEngine& engine, Lease& lease) : engine_(engine), lease_(lease) {}
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() { engine_.leave(lease_); }

 private:
  PoolEngine& engine_;
  Lease& lease_;
};

/// One operation on a lease: `make(connection)` makes it, `take(operation)` gives the result once it has
/// ended well.
template <class Make, class Take>
auto call(PoolEngine& engine, Lease& lease, Span span, std::string_view sql, Make make, Take take) {
  for (;;) {
    while (!engine.enter(lease, span.looked)) swap(engine, lease, span);
    {
      const Inside inside(engine, lease);
      const bool fresh = std::exchange(lease.fresh, false);
      auto operation = make(*lease.slot->connection);
      const Driven driven = drive(operation, span, *lease.slot);
      const bool nothing_sent = operation.error() != nullptr && !operation.first_bytes_sent();
      if (nothing_sent) lease.fresh = fresh;
      if (driven != Driven::done || !engine.died_untouched(lease, fresh, nothing_sent)) {
        if (driven != Driven::done) raise_undone(engine, operation, driven, span, sql);
        return take(operation);
      }
    }
    if (!lease) raise(engine.cut_off(sql));  // by `close`, just now
    swap(engine, lease, span);
  }
}

/// Throws what a source or a sink has thrown inside an operation, if it has.
inline void rethrow(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

/// Throws the operation's error, if it has one.
inline void raise_error_of(pq::Operation& operation) {
  if (operation.error() != nullptr) raise(operation.take_error());
}

}  // namespace copg::sync
