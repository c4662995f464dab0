// What the pool's thread tells Python: events, for the observers of a program and for the log; an outage that
// lasts. What a caller's does: LISTEN, and what the statement hooks are told.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/observer.hpp>
#include <copg/pool_options.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "python/native/event_queue.hpp"
#include "python/native/result_rows.hpp"

namespace copg::python {

namespace nb = nanobind;

/// Calls pycopg._callbacks with the pool, unless it is gone. User code runs there on a thread of its own, so
/// that it may block, raise, or call the pool.
class Notifier {
 public:
  /// `weak_pool`: a weak reference, so that the pool, which owns this, can die. With the GIL.
  explicit Notifier(nb::handle weak_pool) : weak_pool_(nb::borrow(weak_pool).release().ptr()) {}
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;
  ~Notifier();

  void reconnect_failed() const noexcept;
  void listened() const noexcept;
  [[nodiscard]] PyObject* weak_pool() const noexcept { return weak_pool_; }

 private:
  PyObject* weak_pool_;
};

/// The observer of every pool of Python's: passes on what the program's observers want to know.
class PoolObserver final : public Observer {
 public:
  /// `hooks`: the names of the wanted ones.
  PoolObserver(std::shared_ptr<const Notifier> notifier, const nb::object& hooks);
  /// From now on it wants others. With the GIL; Events::ask_again follows.
  void want(const nb::object& hooks);
  void listened() const noexcept { notifier_->listened(); }

  [[nodiscard]] bool wants(Hook hook) const noexcept override;
  void acquired(const event::Acquired& event) noexcept override;
  void acquire_failed(const event::AcquireFailed& event) noexcept override;
  void slow_acquire(const event::SlowAcquire& event) noexcept override;
  void released(const event::Released& event) noexcept override;
  void leaked(const event::Leaked& event) noexcept override;
  void held_idle(const event::HeldIdle& event) noexcept override;
  void opened(const event::Opened& event) noexcept override;
  void open_failed(const event::OpenFailed& event) noexcept override;
  void outage_began(const event::OutageBegan& event) noexcept override;
  void outage_ended(const event::OutageEnded& event) noexcept override;
  void closed(const event::Closed& event) noexcept override;
  void reset(const event::Reset& event) noexcept override;
  void noticed(const event::Noticed& event) noexcept override;
  void gap(const event::Gap& event) noexcept override;
  void warned(const event::Warned& event) noexcept override;
  [[nodiscard]] std::shared_ptr<void> statement_began(const event::StatementBegan& event) noexcept override;
  void statement_ended(const event::StatementEnded& event,
                       const std::shared_ptr<void>& begun) noexcept override;
  void slow_statement(const event::SlowStatement& event) noexcept override;

 private:
  void put(const char* hook, const event::Event& at, std::vector<EventField> fields) const noexcept;

  const std::shared_ptr<const Notifier> notifier_;
  std::atomic<std::uint32_t> wanted_ = 0;
};

/// The observers of a pool: PoolObserver, and the log. `options`: of the pool. With the GIL.
[[nodiscard]] Observers observers_of(const nb::dict& options, const std::shared_ptr<Notifier>& notifier);

/// That of the pool with these options.
[[nodiscard]] PoolObserver& observer_of(const PoolOptions& options);

/// The rows that a pool of these options has got for a caller. If they are those of LISTEN, a warning says
/// that nothing will be heard. With the GIL.
[[nodiscard]] ResultRows answered_rows(Result result, const TypesNow& types, const PoolOptions& options);

}  // namespace copg::python
