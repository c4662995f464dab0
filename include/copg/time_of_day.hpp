// A time of day without a date: PostgreSQL's `time`.
#pragma once

#include <chrono>
#include <compare>

#pragma GCC visibility push(default)
namespace copg {

/// 0 h up to and including 24 h: the server knows 24:00:00 as a time of its own. Sent and read as `time`.
struct TimeOfDay {
  std::chrono::microseconds since_midnight{};

  [[nodiscard]] constexpr std::chrono::hh_mm_ss<std::chrono::microseconds> fields() const {
    return std::chrono::hh_mm_ss<std::chrono::microseconds>(since_midnight);
  }
  friend constexpr auto operator<=>(const TimeOfDay&, const TimeOfDay&) = default;
};

}  // namespace copg
#pragma GCC visibility pop
