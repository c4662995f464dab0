// The waiters of a pool: first come, first served, each with a deadline; and the outcomes not told yet.
//
// A waiter is queued, then granted or failed (once), then gone: a granted one when it accepts or cancels, a
// failed one when its outcome has been told. Everything is O(1); only `reserve` allocates.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pool/index_list.hpp"
#include "pool/timer_wheel.hpp"
#include "pool/types.hpp"

namespace copg::pool {

class WaitQueue {
 public:
  /// What has become of a waiter, told once.
  struct Outcome {
    WaiterId waiter;
    ConnectionId connection;  ///< of a grant
    WaitError error;          ///< none: a grant
  };
  /// What a waiter that cancels or accepts was.
  enum class Was : std::uint8_t { waiting, granted, gone };
  struct Left {
    Was was;
    ConnectionId connection;  ///< of a granted one
  };

  explicit WaitQueue(TimePoint start) : deadlines_(start) {}

  [[nodiscard]] std::uint32_t waiting() const { return queue_.size(); }
  [[nodiscard]] std::uint32_t free() const { return free_.size(); }
  void reserve(std::uint32_t count);

  /// Queues a waiter. Tickets order the queue; a new one is larger than all before, a returning one finds its
  /// place.
  WaiterId push(TimePoint now, TimePoint deadline, std::uint64_t ticket);
  /// The waiter that is next. One must be waiting.
  [[nodiscard]] std::uint64_t front_ticket() const { return waiters_[queue_.front()].ticket; }
  /// Grants the connection to the waiter that is next.
  void grant_front(TimePoint now, ConnectionId connection);
  /// Fails the waiter that is next.
  void fail_front(TimePoint now, WaitError error) { fail(now, queue_.front(), error); }
  /// Fails one waiter whose deadline is at or before `now`; false if there is none.
  bool fail_expired(TimePoint now);
  /// Leaves the queue, or hands over its grant.
  Left cancel(TimePoint now, WaiterId waiter);
  /// Takes its grant; a waiter that still waits goes on waiting.
  Left accept(WaiterId waiter);
  [[nodiscard]] bool has_outcome() const { return !untold_.empty(); }
  [[nodiscard]] std::optional<Outcome> poll_outcome();
  [[nodiscard]] TimePoint next_deadline() const { return deadlines_.next(); }
  /// Time spent in the queue by all who have left it.
  [[nodiscard]] Duration waited() const { return waited_; }

 private:
  enum class State : std::uint8_t { free, waiting, granted, failed };
  struct Waiter {
    TimePoint since{};
    std::uint64_t ticket = 0;
    Links links{};  // of free_, queue_ or untold_
    std::uint32_t generation = 1;
    ConnectionId connection{};
    State state = State::free;
    bool told = false;  // its grant has been polled
    WaitError error = WaitError::none;
  };
  using Table = std::vector<Waiter>;
  using List = IndexList<Table, &Waiter::links>;

  [[nodiscard]] bool live(WaiterId waiter) const;
  [[nodiscard]] WaiterId id(std::uint32_t slot) const { return {slot, waiters_[slot].generation}; }
  void fail(TimePoint now, std::uint32_t slot, WaitError error);
  void settle(TimePoint now, std::uint32_t slot, State state);
  void leave_queue(TimePoint now, std::uint32_t slot);
  void forget(std::uint32_t slot);
  Left hand_over(std::uint32_t slot);

  Table waiters_;
  List free_;
  List queue_;
  List untold_;
  TimerWheel deadlines_;
  Duration waited_{};
};

}  // namespace copg::pool
