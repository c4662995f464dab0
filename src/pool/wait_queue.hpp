// The waiters of a pool, first come, first served, each with a deadline; their outcomes that were not polled
// yet; and the runs, which are the statements that travel together on a connection until they are answered.
//
// A waiter is queued, then granted or failed, once, and then gone: a granted lease when it accepts or
// cancels, a statement when it has been answered, a failed waiter when its outcome has been polled. Only the
// driver of a run is granted; the others are aboard. Everything is O(1), or O(length of a run); only
// `reserve` and `reserve_runs` allocate.
#pragma once

#include <copg/histogram.hpp>

#include <cstdint>
#include <optional>
#include <vector>

#include "pool/holders.hpp"
#include "pool/index_list.hpp"
#include "pool/timer_wheel.hpp"
#include "pool/types.hpp"

namespace copg::pool {

class WaitQueue {
 public:
  /// A request that waits.
  struct Entry {
    TimePoint deadline{};
    std::uint64_t ticket = 0;  ///< Orders the queue.
    HolderId holder = unknown_holder;
    [[no_unique_address]] Statement statement{};
    bool is_statement = false;
  };
  /// The grant or the failure of a waiter, polled once.
  struct Outcome {
    WaiterId waiter;
    ConnectionId connection;  ///< of a grant
    WaitError error;          ///< none: a grant
  };
  /// The state of a waiter when it cancelled or accepted.
  enum class Was : std::uint8_t {
    waiting,  ///< In the queue, in a run and not sent, or a driver whose run has another driver now.
    granted,
    sent,
    gone,
  };
  struct Left {
    Was was;
    ConnectionId connection;  ///< of a granted or sent one
    bool alone = false;       ///< of a sent one: nobody waits for the other answers of its run
  };
  /// A statement that has been answered.
  struct Answered {
    std::uint64_t key;
    bool first;   ///< of its run
    bool wanted;  ///< its caller still waits
  };

  explicit WaitQueue(TimePoint start) : deadlines_(start) {}

  [[nodiscard]] std::uint32_t waiting() const { return waiting_; }
  /// Statements that wait and are not held back.
  [[nodiscard]] std::uint32_t statements() const { return statements_; }
  [[nodiscard]] bool has_statements() const { return statements_ + held_.size() > 0; }
  [[nodiscard]] std::uint32_t free() const { return free_.size(); }
  /// Of one that waits, held back or not; nothing for any other.
  [[nodiscard]] std::optional<std::uint64_t> ticket(WaiterId waiter) const {
    if (!live(waiter) || waiters_[waiter.slot].state != State::waiting) return std::nullopt;
    return waiters_[waiter.slot].entry.ticket;
  }
  void reserve(std::uint32_t count);
  /// Makes room for the runs and the holders of connections 0..count-1.
  void reserve_connections(std::uint32_t count) {
    runs_.resize(count);
    holders_.reserve(count);
  }

  // The queue.
  /// Queues a waiter. A new ticket is larger than all before; a returning one takes its old place.
  WaiterId push(TimePoint now, const Entry& entry);
  /// The first waiter that is not held back; nullptr if there is none.
  [[nodiscard]] const Entry* first() const {
    return queue_.empty() ? nullptr : &waiters_[queue_.front()].entry;
  }
  /// The first waiter that is held back; nullptr if there is none.
  [[nodiscard]] const Entry* first_held() const {
    return held_.empty() ? nullptr : &waiters_[held_.front()].entry;
  }
  /// Holds back the first statement.
  void hold_first();
  /// Puts statements that were held back and may go back into their places in the queue.
  template <class MayGo>
  void let_go(MayGo&& may_go) {
    std::uint32_t position = queue_.front();
    for (std::uint32_t slot = held_.front(), next = no_index; slot != no_index; slot = next) {
      next = List::next(waiters_, slot);
      const Entry& entry = waiters_[slot].entry;
      if (!may_go(entry)) continue;
      position = younger(position, entry.ticket);
      held_.erase(waiters_, slot);
      waiters_[slot].held = false;
      queue_.insert_before(waiters_, position, slot);
      ++statements_;
    }
  }
  /// Whether the id is not stale.
  [[nodiscard]] bool live(WaiterId waiter) const;
  [[nodiscard]] bool sent(WaiterId waiter) const { return live(waiter) && waiters_[waiter.slot].sent; }
  [[nodiscard]] bool held(WaiterId waiter) const { return live(waiter) && waiters_[waiter.slot].held; }
  /// Fails the waiter that is next.
  void fail_front(TimePoint now, WaitError error);
  /// Fails the youngest waiter whose holder has a lease. There must be one.
  void fail_youngest_holder(TimePoint now, WaitError error);
  /// Fails one waiter or unsent statement whose deadline is at or before `now`; false if there is none.
  bool fail_expired(TimePoint now);

  // Grants.
  /// Grants the connection to the first waiter that is not held back, or is; a statement begins a run.
  void grant_first(TimePoint now, ConnectionId connection) { grant(now, queue_.front(), connection); }
  void grant_first_held(TimePoint now, ConnectionId connection) { grant(now, held_.front(), connection); }
  /// Puts the first statement into the run of the connection.
  void board_first(TimePoint now, ConnectionId connection);
  /// Takes the waiter out of the queue or its run, or takes its grant. The run of a driver that has not
  /// accepted gets another driver.
  Left cancel(TimePoint now, WaiterId waiter);
  /// Takes the waiter's grant; a waiter without one goes on waiting.
  Left accept(WaiterId waiter);

  // The run of a connection, by its slot.
  [[nodiscard]] std::uint32_t run_size(std::uint32_t connection) const {
    return runs_[connection].members.size();
  }
  [[nodiscard]] WaiterId run_member(std::uint32_t connection, std::uint32_t position) const;
  /// Marks the first unsent statement as sent and returns it.
  std::optional<WaiterId> send_next(std::uint32_t connection);
  std::optional<Answered> answer(WaiterId waiter);
  /// Grants the run to the first member whose caller still waits; false if there is none.
  bool hand_on(std::uint32_t connection);
  /// Ends a run: its unsent statements, and the last `never_sent` that were marked as sent, go back to the
  /// queue, or fail if the pool is closed; the others are lost. Returns how many failed because the pool is
  /// closed. A driver that has not accepted keeps its grant.
  std::uint32_t end_run(TimePoint now, std::uint32_t connection, std::uint32_t never_sent, bool closed);

  /// Who has the leases of the connections.
  [[nodiscard]] Holders& holders() { return holders_; }
  [[nodiscard]] const Holders& holders() const { return holders_; }

  [[nodiscard]] bool has_outcome() const { return !untold_.empty(); }
  [[nodiscard]] std::optional<Outcome> poll_outcome();
  /// Whether no deadline is watched, so that `next_deadline` would be `never`.
  [[nodiscard]] bool timeless() const { return timed_ == 0; }
  [[nodiscard]] TimePoint next_deadline() const { return deadlines_.next(); }
  /// Time spent in the queue by each waiter that has left it, and nothing by those that were counted.
  [[nodiscard]] const Histogram& waits() const { return waits_; }
  /// One that got a connection did not have to wait.
  void count_no_wait() { waits_.record_zero(); }

 private:
  enum class State : std::uint8_t { free, waiting, granted, aboard, failed };
  struct Waiter {
    Entry entry{};
    TimePoint since{};
    std::uint64_t holds_since = 0;  // of Holders, while it is in the queue
    Links links{};                  // of free_, queue_, held_ or untold_
    Links run_links{};              // of the run of its connection
    std::uint32_t generation = 1;
    ConnectionId connection{};
    State state = State::free;
    WaitError error = WaitError::none;
    bool told : 1 = false;       // its grant has been polled
    bool held : 1 = false;       // waits in held_
    bool timed : 1 = false;      // its deadline is watched
    bool sent : 1 = false;       // of a statement in a run
    bool abandoned : 1 = false;  // sent, and nobody waits for the answer
  };
  using Table = std::vector<Waiter>;
  using List = IndexList<Table, &Waiter::links>;
  using Members = IndexList<Table, &Waiter::run_links>;
  struct Run {
    Members members;                  // in the order of the queue; those that were sent come first
    std::uint32_t unsent = no_index;  // the first that was not sent
    bool answered = false;            // one of them has been answered
  };

  [[nodiscard]] WaiterId id(std::uint32_t slot) const { return {slot, waiters_[slot].generation}; }
  [[nodiscard]] std::uint32_t front_slot() const;
  [[nodiscard]] std::uint32_t younger(std::uint32_t position, std::uint64_t ticket) const;
  void insert(List& list, std::uint32_t slot);
  void enqueue(TimePoint now, std::uint32_t slot);
  void dequeue(TimePoint now, std::uint32_t slot);
  void leave_run(std::uint32_t slot);
  void watch_deadline(std::uint32_t slot);
  void forget_deadline(std::uint32_t slot);
  void grant(TimePoint now, std::uint32_t slot, ConnectionId connection);
  void board(std::uint32_t slot, ConnectionId connection);
  void drive(std::uint32_t slot);
  void fail(std::uint32_t slot, WaitError error);
  void forget(std::uint32_t slot);
  Left hand_over(std::uint32_t slot);
  Left cancel_driver(std::uint32_t slot);
  Left abandon(std::uint32_t slot);

  std::uint32_t waiting_ = 0;     // in queue_ and held_
  std::uint32_t statements_ = 0;  // in queue_
  std::uint32_t timed_ = 0;
  List free_;
  Table waiters_;
  List queue_;
  List held_;  // statements that were first in queue_ and are held back
  List untold_;
  std::vector<Run> runs_;  // by the slot of the connection
  Holders holders_;
  TimerWheel deadlines_;
  Histogram waits_;
};

}  // namespace copg::pool
