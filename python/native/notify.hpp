// What the pool's thread tells Python: an outage that begins, lasts, or ends; a lease that leaks. What a
// caller's does: LISTEN.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/observer.hpp>
#include <copg/pool_options.hpp>

#include <cstdint>
#include <memory>
#include <string_view>

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
  void leaked(double age_s, std::string_view holder) const noexcept;
  void listened() const noexcept;
  void outage_began(std::string_view message) const noexcept;
  void outage_ended(double duration_s, std::uint64_t failures) const noexcept;
  [[nodiscard]] PyObject* weak_pool() const noexcept { return weak_pool_; }

 private:
  PyObject* weak_pool_;
};

/// What is logged.
class LogObserver final : public Observer {
 public:
  explicit LogObserver(std::shared_ptr<const Notifier> notifier) : notifier_(std::move(notifier)) {}
  void listened() const noexcept { notifier_->listened(); }
  void outage_began(const ErrorInfo& error) noexcept override;
  void outage_ended(std::chrono::nanoseconds duration, std::uint64_t failures) noexcept override;
  void leaked(std::chrono::nanoseconds age, std::string_view holder) noexcept override;

 private:
  std::shared_ptr<const Notifier> notifier_;
};

/// The rows that a pool of these options has got for a caller. If they are those of LISTEN, a warning says
/// that nothing will be heard. With the GIL.
[[nodiscard]] ResultRows answered_rows(Result result, const TypesNow& types, const PoolOptions& options);

}  // namespace copg::python
