// A moment by which work must be done.
#pragma once

#include <chrono>

#pragma GCC visibility push(default)
namespace copg {

/// Made of a duration, which counts from now, or of a time point. `within` takes one; a request's own may be
/// handed down from call to call unchanged. A value. Does not allocate.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  /// No limit.
  constexpr Deadline() noexcept = default;
  /// `span` from now, at least 0 (else UsageError, also for NaN). Infinite, or beyond the clock's range: no
  /// limit.
  template <class Rep, class Period>
  Deadline(std::chrono::duration<Rep, Period> span)  // NOLINT(google-explicit-constructor)
      : at_(from_now(std::chrono::duration<double>(span))) {}
  constexpr Deadline(Clock::time_point at) noexcept : at_(at) {}  // NOLINT(google-explicit-constructor)

  /// `Clock::time_point::max()`: no limit.
  [[nodiscard]] constexpr Clock::time_point at() const noexcept { return at_; }
  /// The seconds that are left: 0 once it has passed, infinity without a limit.
  [[nodiscard]] std::chrono::duration<double> left() const noexcept;

 private:
  [[nodiscard]] static Clock::time_point from_now(std::chrono::duration<double> span);

  Clock::time_point at_ = Clock::time_point::max();
};

}  // namespace copg
#pragma GCC visibility pop
