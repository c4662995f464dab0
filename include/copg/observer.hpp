// What a pool tells its observers, for metrics, logs and traces.
#pragma once

#include <copg/event.hpp>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

/// The hooks of an Observer.
enum class Hook : std::uint8_t {
  acquired,
  acquire_failed,
  slow_acquire,
  released,
  leaked,
  held_idle,
  opened,
  open_failed,
  outage_began,
  outage_ended,
  closed,
  reset,
  noticed,
  gap,
  warned,
  statement_began,
  statement_ended,
  slow_statement,
};

/// Derive from it and override the hooks that you need; by default a hook does nothing. Hooks run on the
/// thread where the event happened, several at a time, without a lock, so that they may call the pool. They
/// must not throw (std::terminate), and should not block, because a caller or the background waits for them.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer();

  /// Whether that hook is to be called. Asked once for each hook, when a pool is made: a hook that nobody
  /// wants costs nothing. By default all are.
  [[nodiscard]] virtual bool wants(Hook hook) const noexcept;

  virtual void acquired(const event::Acquired& event) noexcept;
  virtual void acquire_failed(const event::AcquireFailed& event) noexcept;
  /// Only with the option `slow_acquire`. Called after `acquired`.
  virtual void slow_acquire(const event::SlowAcquire& event) noexcept;
  virtual void released(const event::Released& event) noexcept;
  /// Only with the option `leak_after`, once for each lease.
  virtual void leaked(const event::Leaked& event) noexcept;
  /// Only with the option `held_idle_after`, once for each lease until something runs on it again.
  virtual void held_idle(const event::HeldIdle& event) noexcept;
  virtual void opened(const event::Opened& event) noexcept;
  virtual void open_failed(const event::OpenFailed& event) noexcept;
  /// Once for each outage, and so is `outage_ended`.
  virtual void outage_began(const event::OutageBegan& event) noexcept;
  virtual void outage_ended(const event::OutageEnded& event) noexcept;
  virtual void closed(const event::Closed& event) noexcept;
  virtual void reset(const event::Reset& event) noexcept;
  /// Until it returns, its connection can't be used.
  virtual void noticed(const event::Noticed& event) noexcept;
  virtual void gap(const event::Gap& event) noexcept;
  /// At most once for a pool.
  virtual void warned(const event::Warned& event) noexcept;

  // Around each call that sends statements, on the caller's thread or event loop. A statement that the hook
  // itself executes on a pool with the same observer calls the hook again.

  /// What it returns is given to `statement_ended` of the same call: a span, or null.
  [[nodiscard]] virtual std::shared_ptr<void> statement_began(const event::StatementBegan& event) noexcept;
  virtual void statement_ended(const event::StatementEnded& event,
                               const std::shared_ptr<void>& begun) noexcept;
  /// Only with the option `slow_statement`. Called before `statement_ended`.
  virtual void slow_statement(const event::SlowStatement& event) noexcept;
};

/// The observers of a pool: none, one (`.observer = mine`), or several (`.observer = {mine, theirs}`), which
/// are told in this order.
class Observers {
 public:
  Observers() = default;
  Observers(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor)
  template <class One>
  requires std::is_base_of_v<Observer, One> Observers(
      std::shared_ptr<One> one) {  // NOLINT(google-explicit-constructor)
    add(std::move(one));
  }
  Observers(std::initializer_list<std::shared_ptr<Observer>> several) {
    for (const auto& one : several) add(one);
  }
  /// A null pointer adds nothing.
  void add(std::shared_ptr<Observer> one) {
    if (one) all_.push_back(std::move(one));
  }
  [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
  [[nodiscard]] auto begin() const noexcept { return all_.begin(); }
  [[nodiscard]] auto end() const noexcept { return all_.end(); }

 private:
  std::vector<std::shared_ptr<Observer>> all_;
};

}  // namespace copg
#pragma GCC visibility pop
