// The one place that tells a pool's observers what happens. A hook that none of them wants costs a branch.
//
// Called without a lock, since hooks may call the pool. docs/adr/0057 has the decisions; docs/adr/0060 those
// of observers that join a pool later.
#pragma once

#include <copg/observer.hpp>
#include <copg/pool_options.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/adaptive_mutex.hpp"
#include "engine/clock.hpp"
#include "engine/fork_guard.hpp"

namespace copg::engine {

struct Slot;

/// Which hook an event is told by.
template <class Event>
struct HookOf;
#define COPG_HOOK(Event, name)                                                                \
  template <>                                                                                 \
  struct HookOf<event::Event> {                                                               \
    static constexpr Hook hook = Hook::name;                                                  \
    static void call(Observer& observer, const event::Event& event) { observer.name(event); } \
  }
COPG_HOOK(Acquired, acquired);
COPG_HOOK(AcquireFailed, acquire_failed);
COPG_HOOK(SlowAcquire, slow_acquire);
COPG_HOOK(Released, released);
COPG_HOOK(Leaked, leaked);
COPG_HOOK(HeldIdle, held_idle);
COPG_HOOK(Opened, opened);
COPG_HOOK(OpenFailed, open_failed);
COPG_HOOK(OutageBegan, outage_began);
COPG_HOOK(OutageEnded, outage_ended);
COPG_HOOK(Closed, closed);
COPG_HOOK(Reset, reset);
COPG_HOOK(Noticed, noticed);
COPG_HOOK(Gap, gap);
COPG_HOOK(SlowStatement, slow_statement);
COPG_HOOK(Warned, warned);
#undef COPG_HOOK

[[nodiscard]] constexpr std::uint32_t bit_of(Hook hook) noexcept {
  return std::uint32_t{1} << static_cast<unsigned>(hook);
}

/// A set of hooks that may change at any time.
class WantedHooks {
 public:
  WantedHooks() noexcept : bits_(0) {}
  WantedHooks(const WantedHooks& other) noexcept : bits_(other.bits()) {}
  WantedHooks& operator=(const WantedHooks&) = delete;
  ~WantedHooks() = default;
  [[nodiscard]] std::uint32_t bits() const noexcept { return bits_.load(std::memory_order_relaxed); }
  void set(std::uint32_t bits) noexcept { bits_.store(bits, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> bits_;
};

class Events {
 public:
  Events(std::string pool, const PoolOptions& options);
  /// Asks the observers again what they want, for those that change their mind. Thread-safe, as all here.
  void ask_again() const noexcept;
  /// Tells one more from now on, until it is taken out. Of a call that sends statements it hears nothing that
  /// has begun before.
  void add(std::shared_ptr<Observer> observer) const;
  /// Does nothing if it is not there. Its hooks may still be running on other threads, and it hears the end
  /// of each call whose beginning it has heard.
  void remove(const Observer& observer) const;

  [[nodiscard]] bool wants(Hook hook) const noexcept { return (wanted_.bits() & bit_of(hook)) != 0; }
  /// Whether somebody wants to know of statements.
  [[nodiscard]] bool watches_statements() const noexcept { return (wanted_.bits() & of_statements) != 0; }
  [[nodiscard]] Duration slow_statement() const noexcept { return slow_statement_; }

  /// The pool, and what a connection is known by.
  [[nodiscard]] event::Event at() const noexcept { return {.pool = pool_}; }
  [[nodiscard]] event::Event at(const Slot& slot) const noexcept;

  template <class Event>
  void tell(const Event& event) const noexcept {
    if (!wants(HookOf<Event>::hook)) return;
    constexpr std::uint32_t bit = bit_of(HookOf<Event>::hook);
    for (const Told& told : all_) {
      if (told.wants(bit)) HookOf<Event>::call(*told.observer, event);
    }
    if (const auto joined = joined_if(bit)) {
      for (const auto& told : *joined) {
        if (told->wants(bit)) HookOf<Event>::call(*told->observer, event);
      }
    }
  }

  // For each lease.

  /// Called by the owner of the slot. Whatever ends the lease tells of its end (Slot::lease_ends).
  void acquired(Slot& slot, Duration wait) const noexcept {
    if ((wanted_.bits() & of_leases) != 0) [[unlikely]]
      tell_acquired(slot, wait);
  }

  // For each call that sends statements: `began` gives what each observer has returned, for `ended`.

  struct Begun;
  [[nodiscard]] Begun began(const event::StatementBegan& event) const;
  void ended(const event::StatementEnded& event, const Begun& begun) const noexcept;

 private:
  struct Told {
    std::shared_ptr<Observer> observer;
    mutable WantedHooks wanted;
    [[nodiscard]] bool wants(std::uint32_t bit) const noexcept { return (wanted.bits() & bit) != 0; }
  };
  using Joined = std::vector<std::shared_ptr<const Told>>;
  static constexpr std::uint32_t of_leases =
      bit_of(Hook::acquired) | bit_of(Hook::slow_acquire) | bit_of(Hook::released);
  static constexpr std::uint32_t of_statements =
      bit_of(Hook::statement_began) | bit_of(Hook::statement_ended) | bit_of(Hook::slow_statement);

  [[gnu::cold]] void tell_acquired(Slot& slot, Duration wait) const noexcept;
  /// Those that have joined, if one of them wants one of these hooks.
  [[nodiscard]] std::shared_ptr<const Joined> joined_if(std::uint32_t bits) const noexcept {
    return (wanted_by_joined_.bits() & bits) == 0 ? nullptr : joined();
  }
  [[nodiscard]] std::shared_ptr<const Joined> joined() const noexcept;
  /// Puts `after` in the place of `before`, unless others have come or gone meanwhile.
  [[nodiscard]] bool exchange(const std::shared_ptr<const Joined>& before,
                              std::shared_ptr<const Joined> after) const noexcept;
  void ask(const Told& told) const noexcept;
  /// Adds up what each wants; with the mutex held.
  void sum_up() const noexcept;

  mutable WantedHooks wanted_;            // by any of them
  mutable WantedHooks wanted_by_joined_;  // by any that has joined
  std::uint32_t possible_ = ~std::uint32_t{0};
  Duration slow_acquire_ = pool::forever;
  Duration slow_statement_ = pool::forever;
  std::vector<Told> all_;  // from the beginning, so that it takes no mutex to tell them
  std::string pool_;

  /// Those that have joined: a list that never changes, in whose place another is put.
  struct Joining {
    AdaptiveMutex mutex;
    std::shared_ptr<const Joined> now = std::make_shared<const Joined>();
    ForkGuard fork_guard{mutex};
  };
  std::shared_ptr<Joining> joining_ = std::make_shared<Joining>();
};

/// What the observers have returned when a call began, and those that had joined by then.
struct Events::Begun {
  std::vector<std::shared_ptr<void>> returned;
  std::shared_ptr<const Joined> joined;
};

}  // namespace copg::engine
