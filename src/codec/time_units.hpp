// How many microseconds a unit of time has.
#pragma once

#include <cstdint>

namespace copg::detail {

inline constexpr std::int64_t second = 1'000'000;
inline constexpr std::int64_t minute = 60 * second;
inline constexpr std::int64_t hour = 60 * minute;
inline constexpr std::int64_t day = 24 * hour;

}  // namespace copg::detail
