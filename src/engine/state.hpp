// What the rooms of a pool's engine share: the core, the connections, and the callers that wait. One mutex
// guards it. Only a `Locked` gives access to a `State`, so that a function that takes one has the mutex held.
//
// No system call on a socket, no allocation of results and no user code runs under the mutex.
#pragma once

#include <copg/error.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/adaptive_mutex.hpp"
#include "engine/background_port.hpp"
#include "engine/clock.hpp"
#include "engine/fork_guard.hpp"
#include "engine/measures.hpp"
#include "engine/pool_waiter.hpp"
#include "engine/setup.hpp"
#include "engine/slot.hpp"
#include "engine/waiter.hpp"
#include "engine/wakes.hpp"
#include "pool/pool_core.hpp"

namespace copg::engine {

class Background;

struct State {
  State(const Setup& setup, Background& background);
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  [[nodiscard]] const Setup& setup() const noexcept { return setup_; }
  /// Makes a new core, for this process.
  void make_core();
  /// Makes as many slots as there may be connections. They stay when the pool is made smaller.
  void make_slots(std::uint32_t max_size);
  /// Makes room in the core's table of waiters and in `waiters`, before a waiter is queued, so that nothing
  /// can fail after that.
  void make_room_for_waiter();
  [[nodiscard]] Slot& slot_of(pool::ConnectionId connection) noexcept { return *slots[connection.slot]; }
  [[nodiscard]] bool inherited() const noexcept { return process != ForkGuard::generation(); }
  /// In a forked child: lets go of the parent's connections and waiters, and sends nothing to the server.
  void abandon_inherited();
  /// In a forked child: begins anew, with a background of its own. Throws ConnectionFailed if it can't.
  void start_over();

  /// Hands out what the core has decided. Follows every call of the core that may leave actions behind.
  void dispatch() {
    if (core->has_action() || core->next_deadline() < armed || !pool_waiters.empty() || core->closed())
      hand_out();
  }
  /// Ticks the core. The errors of those whose deadlines end say how many had waited until then.
  void tick_core(TimePoint time);
  /// Has the background tick at that time, or before.
  void wake_by(TimePoint time);
  void add(Waiter& waiter, pool::WaiterId id, TimePoint time, TimePoint deadline, const Holder& holder);
  /// Leases the connection to a caller that waits no longer; `time` is now.
  Lease take(pool::ConnectionId connection, TimePoint time, TimePoint deadline, const Holder& holder);
  /// Counts what the owner of the slot has kept.
  void keep_operation_times(Slot& slot) noexcept;
  /// Ends the wait of a caller without a connection.
  void fail(pool::WaiterId id, pool::WaitError error) noexcept;
  /// Ends the wait of all from whom nothing was sent, with WaitError::turned_away.
  void turn_away_waiters() noexcept;
  [[nodiscard]] bool has_place(const Waiter& waiter) const noexcept {
    return waiter.id_.slot < waiters.size() && waiters[waiter.id_.slot] == &waiter;
  }

  [[nodiscard]] bool has_got(Milestone milestone);
  void add(PoolWaiter& pool_waiter, Milestone milestone, TimePoint time, TimePoint deadline);
  void remove(PoolWaiter& pool_waiter) noexcept;

  void note_connect_error(ErrorInfo error) {
    connect_error = std::move(error);
    connect_error_at = now();
  }

  // What every call reads comes first: the fewer cache lines, the better.
  std::uint32_t process = ForkGuard::generation();  // the process of this state
  bool opened = false;
  bool work_posted = false;  // to the background
  bool outage = false;       // must be reported
  bool turns_away = false;   // nobody may wait here
  bool listening = false;    // the background has a connection that listens, or makes one
  std::uint32_t waiting_before_tick = 0;
  std::unique_ptr<pool::PoolCore> core;
  std::vector<std::unique_ptr<Slot>> slots;
  TimePoint armed = pool::never;  // when the background will tick
  std::vector<Waiter*> waiters;   // by the slot of their id
  std::vector<PoolWaiter*> pool_waiters;
  Wakes wakes;                                // for Locked
  std::vector<event::Released> ended_leases;  // that observers are told of, by Locked
  std::deque<pool::Action> actions;           // for the background
  std::optional<ErrorInfo> connect_error;
  TimePoint connect_error_at{};
  TimePoint cut_at = pool::never;     // once closed: when leases are cut off
  TimePoint close_by = pool::never;   // once closed: when the last connection must be closed
  TimePoint insist_at = pool::never;  // when to look for callers that are still inside cut-off connections
  // No deadline of a call without a thread comes before this.
  TimePoint deadlines_due = pool::never;
  Measures measures;

 private:
  void hand_out();
  void grant(const pool::Action& granted);
  [[nodiscard]] bool nobody_tells();
  [[nodiscard]] pool::WaitError obstacle(Milestone milestone);
  void settle_pool_waiters(TimePoint time) noexcept;
  void tell_who_waits(TimePoint time) noexcept;

  const Setup& setup_;
  Background& background_;
};

/// A state, and its mutex, which is held across a fork.
class SharedState {
 public:
  SharedState(const Setup& setup, Background& background) : state_(setup, background) {}

 private:
  friend class Locked;
  AdaptiveMutex mutex_;
  State state_;
  ForkGuard fork_guard_{mutex_};
};

/// Holds the mutex, and gives access to the state.
class [[nodiscard]] Locked {
 public:
  explicit Locked(SharedState& shared) noexcept : shared_(&shared) { shared.mutex_.lock(); }
  Locked(Locked&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  Locked& operator=(Locked&&) = delete;
  ~Locked() { unlock(); }

  void unlock() noexcept {
    if (shared_ == nullptr) return;
    SharedState& shared = *std::exchange(shared_, nullptr);
    if (!shared.state_.ended_leases.empty()) [[unlikely]]
      return unlock_and_tell(shared);
    Wakes wakes;
    if (!shared.state_.wakes.empty()) [[unlikely]]
      wakes = std::exchange(shared.state_.wakes, {});
    shared.mutex_.unlock();
    wakes.wake_all();
  }
  [[nodiscard]] State& operator*() const noexcept { return shared_->state_; }
  [[nodiscard]] State* operator->() const noexcept { return &shared_->state_; }

 private:
  [[gnu::cold]] static void unlock_and_tell(SharedState& shared) noexcept;

  SharedState* shared_;
};

/// Takes the socket out of its reactor. Called by the owner of the slot.
void take_back_descriptor(SharedState& shared, Slot& slot) noexcept;
/// Takes the run out of the slot, so that nobody else sees it any more. Called by the owner of the slot.
std::unique_ptr<Run> take_run(SharedState& shared, Slot& slot) noexcept;

/// Locks the state of this process: in a forked child it begins anew. Throws ConnectionFailed if it can't.
Locked lock_here(SharedState& shared);

}  // namespace copg::engine
