// A time of day without a date: PostgreSQL's `time`.
#pragma once

#include <chrono>
#include <compare>

#pragma GCC visibility push(default)
namespace copg {

/// From 0 h to 24 h inclusive, since the server has the time 24:00:00, too. Sent and read as `time`.
struct TimeOfDay {
  std::chrono::microseconds since_midnight{};

  [[nodiscard]] constexpr std::chrono::hh_mm_ss<std::chrono::microseconds> fields() const {
    return std::chrono::hh_mm_ss<std::chrono::microseconds>(since_midnight);
  }
  friend constexpr auto operator<=>(const TimeOfDay&, const TimeOfDay&) = default;
};

}  // namespace copg
#pragma GCC visibility pop
