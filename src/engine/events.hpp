// The one place that tells a pool's observers what happens. A hook that none of them wants costs a branch.
//
// Called without a lock, since hooks may call the pool. docs/adr/0057 has the decisions.
#pragma once

#include <copg/observer.hpp>
#include <copg/pool_options.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/clock.hpp"

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
  explicit WantedHooks(std::uint32_t bits = 0) noexcept : bits_(bits) {}
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
  /// Asks the observers again what they want, for those that change their mind. Thread-safe.
  void ask_again() const noexcept;

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
    for (const Told& told : all_) {
      if ((told.wanted.bits() & bit_of(HookOf<Event>::hook)) != 0) HookOf<Event>::call(*told.observer, event);
    }
  }

  // For each lease.

  /// Called by the owner of the slot. Whatever ends the lease tells of its end (Slot::lease_ends).
  void acquired(Slot& slot, Duration wait) const noexcept {
    if ((wanted_.bits() & of_leases) != 0) [[unlikely]]
      tell_acquired(slot, wait);
  }

  // For each call that sends statements: `began` gives what each observer has returned, for `ended`.

  using Begun = std::vector<std::shared_ptr<void>>;
  [[nodiscard]] Begun began(const event::StatementBegan& event) const;
  void ended(const event::StatementEnded& event, const Begun& begun) const noexcept;

 private:
  struct Told {
    std::shared_ptr<Observer> observer;
    mutable WantedHooks wanted;
  };
  static constexpr std::uint32_t of_leases =
      bit_of(Hook::acquired) | bit_of(Hook::slow_acquire) | bit_of(Hook::released);
  static constexpr std::uint32_t of_statements =
      bit_of(Hook::statement_began) | bit_of(Hook::statement_ended) | bit_of(Hook::slow_statement);

  [[gnu::cold]] void tell_acquired(Slot& slot, Duration wait) const noexcept;

  mutable WantedHooks wanted_;  // by any of them
  std::uint32_t possible_ = ~std::uint32_t{0};
  Duration slow_acquire_ = pool::forever;
  Duration slow_statement_ = pool::forever;
  std::vector<Told> all_;
  std::string pool_;
};

}  // namespace copg::engine
