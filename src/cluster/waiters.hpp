// The requests that wait for a host, each with a deadline, in two queues: those for the primary, and those
// that a replica may serve. A ticket orders them; one that comes back keeps its ticket. Outcomes that were
// not polled yet stand in a third queue. Only `reserve` allocates.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cluster/types.hpp"
#include "pool/index_list.hpp"
#include "pool/timer_wheel.hpp"

namespace copg::cluster {

class Waiters {
 public:
  static constexpr std::uint32_t none = pool::no_index;

  explicit Waiters(TimePoint start) : timers_(start) {}

  void reserve(std::uint32_t count);
  [[nodiscard]] std::uint32_t free() const { return free_.size(); }
  [[nodiscard]] std::uint32_t waiting() const { return for_primary_.size() + for_others_.size(); }
  /// Whether a request waits that a replica may serve.
  [[nodiscard]] bool wants_replica() const { return !for_others_.empty(); }
  [[nodiscard]] bool has_outcome() const { return !outcomes_.empty(); }
  /// At or before the time at which `expire` names a waiter; a time limit or the end of a patience.
  [[nodiscard]] TimePoint next_time() const { return timers_.next(); }

  /// Queues a request in the place of its ticket; `free` must not be 0.
  WaiterId push(TimePoint now, const Request& request, std::uint64_t ticket);
  [[nodiscard]] bool waits(WaiterId waiter) const;
  void cancel(WaiterId waiter);

  // By slot, of those that wait.
  [[nodiscard]] std::uint32_t first(bool for_primary) const {
    return for_primary ? for_primary_.front() : for_others_.front();
  }
  [[nodiscard]] std::uint32_t next(std::uint32_t slot) const { return Queue::next(table_, slot); }
  [[nodiscard]] const Request& request(std::uint32_t slot) const { return table_[slot].request; }
  [[nodiscard]] std::uint64_t ticket(std::uint32_t slot) const { return table_[slot].ticket; }
  void grant(std::uint32_t slot, HostId host, HostKey key) { settle(slot, host, key, WaitError::none); }
  void fail(std::uint32_t slot, WaitError error) { settle(slot, {}, 0, error); }
  /// A waiter whose deadline has passed fails. True if the patience of another has ended: it is to be looked
  /// at.
  bool expire(TimePoint now);

  /// A grant or a fail action; there must be an outcome.
  Action pop_outcome();

 private:
  enum class State : std::uint8_t { free, waiting, settled };
  struct Entry {
    Request request{};
    std::uint64_t ticket = 0;
    std::uint32_t generation = 0;
    State state = State::free;
    WaitError error = WaitError::none;
    HostId host{};
    HostKey key = 0;
    pool::Links links{};
  };
  using Table = std::vector<Entry>;
  using Queue = pool::IndexList<Table, &Entry::links>;

  [[nodiscard]] Queue& queue_of(std::uint32_t slot) {
    return table_[slot].request.role == Role::primary ? for_primary_ : for_others_;
  }
  static TimePoint next_time(const Request& request, TimePoint now);
  void leave(std::uint32_t slot);
  void settle(std::uint32_t slot, HostId host, HostKey key, WaitError error);

  Table table_;
  Queue free_, for_primary_, for_others_, outcomes_;
  pool::TimerWheel timers_;
};

}  // namespace copg::cluster
