// The room of a pool's engine for its listeners: the core of the listening, and the callers that wait for it,
// under a mutex of their own. Never held together with the mutex of the pool's state: a fork takes both.
//
// Its connection is the background's (listening_driver.hpp). Thread-safe.
#pragma once

#include <copg/notification.hpp>
#include <copg/pool_stats.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/adaptive_mutex.hpp"
#include "engine/clock.hpp"
#include "engine/fork_guard.hpp"
#include "engine/listening/listen_waiter.hpp"
#include "engine/listening/listening_core.hpp"
#include "engine/setup.hpp"
#include "engine/state.hpp"

namespace copg::engine {

class OpenListener;
class PoolEngine;

class Listening {
 public:
  Listening(const Setup& setup, SharedState& shared, Background& background);
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;
  ~Listening() = default;

  /// A listener to these channels, whose queue holds so many notifications. It listens once it is ready
  /// (OpenListener::wait_for). `engine`: this room's. Throws UsageError for a name, PoolClosed.
  [[nodiscard]] std::shared_ptr<OpenListener> open(std::shared_ptr<PoolEngine> engine,
                                                   std::vector<std::string> channels, std::size_t capacity);
  void add_to(PoolStats& stats);
  /// Whether there has been a listener in this process, or its parent. Where there was none, nothing of this
  /// costs anything.
  [[nodiscard]] bool used() const noexcept { return used_.load(std::memory_order_acquire); }
  /// Has the connection replaced.
  void renew() noexcept;
  /// The pool is closed: ends the waits of all callers.
  void end() noexcept;

  // For the background.

  /// Calls `use(core)`, and tells those who wait for what has changed.
  template <class Use>
  auto with_core(Use use) {
    const Held held(*this);
    return use(core_);
  }
  /// When there is something to do although nothing has happened.
  [[nodiscard]] TimePoint next_deadline();
  /// Ends the waits that are late.
  void tick(TimePoint time);

 private:
  friend class OpenListener;

  /// Holds the mutex. At its end it tells the waiters of which something has changed, and observers of gaps.
  class Held {
   public:
    explicit Held(Listening& room);
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held();

   private:
    friend class Listening;
    Listening& room_;
    Wakes wakes_;
  };

  void post();
  [[nodiscard]] bool over(const ListenWaiter& waiter) const;
  void settle_touched(Wakes& wakes);
  void erase(const ListenWaiter& waiter) noexcept;

  [[nodiscard]] ListeningCore new_core() const;

  const Setup& setup_;
  SharedState& shared_;
  Background& background_;
  std::atomic<bool> used_ = false;
  AdaptiveMutex mutex_;
  // guarded by mutex_
  std::uint32_t process_ = ForkGuard::generation();
  ListeningCore core_ = new_core();
  std::unordered_multimap<ListeningCore::Id, ListenWaiter*> waiters_;

  ForkGuard fork_guard_{mutex_};
};

/// A listener, of which there is one owner. Its members are for any thread; one call at a time waits for an
/// arrival. All but `close` throw UsageError in a forked child.
class OpenListener {
 public:
  OpenListener(std::shared_ptr<PoolEngine> engine, Listening& room, ListeningCore::Id id)
      : engine_(std::move(engine)), room_(room), id_(id) {}
  OpenListener(const OpenListener&) = delete;
  OpenListener& operator=(const OpenListener&) = delete;
  ~OpenListener() { close(); }

  [[nodiscard]] PoolEngine& engine() const noexcept { return *engine_; }
  [[nodiscard]] const std::shared_ptr<PoolEngine>& shared_engine() const noexcept { return engine_; }
  /// Returns those that it had not. Throws UsageError for a name.
  std::vector<std::string> add(std::vector<std::string> channels);
  void remove(const std::vector<std::string>& channels);
  /// As `remove`, if it is open still.
  void take_back(const std::vector<std::string>& channels) noexcept;
  [[nodiscard]] std::vector<std::string> channels();
  /// Ends the wait of another caller, which gets nothing.
  void close() noexcept;
  [[nodiscard]] bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }

  // Waiting: wait_for → (settled) → collect_ready or take, or give_up.

  /// True: the wait is over. False: `waiter` is settled when it is, or when `deadline` has passed; a thread
  /// that sees to that itself says pool::never. Throws UsageError if it was closed, or if another caller
  /// waits for an arrival.
  [[nodiscard]] bool wait_for(ListenWaiter& waiter, ListenGoal goal, TimePoint deadline);
  void give_up(ListenWaiter& waiter) noexcept;
  /// Throws unless all channels are acknowledged: PoolClosed, what a server has refused, PoolTimeout.
  /// `waited`: for how long the caller has waited.
  void collect_ready(Duration waited);
  /// The next arrival; nothing if there is none, or if it was closed meanwhile. Throws PoolClosed.
  [[nodiscard]] std::optional<Arrival> take();

 private:
  void require_usable() const;

  const std::shared_ptr<PoolEngine> engine_;
  Listening& room_;
  const ListeningCore::Id id_;
  const std::uint32_t process_ = ForkGuard::generation();
  std::atomic<bool> closed_ = false;
};

/// The bounds of the length of a listener's queue.
inline constexpr std::size_t longest_queue = 10'000'000;
/// Throws UsageError if a name is not one of a channel. PostgreSQL would cut a longer one off.
void check_channel(std::string_view channel);

}  // namespace copg::engine
