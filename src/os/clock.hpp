// The present time, by the steady clock.
#pragma once

#include <chrono>
#include <ctime>

namespace copg::os {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

/// Equal to std::chrono::steady_clock::now(), on Linux without a call into the C++ library.
inline TimePoint now() noexcept {
#if defined(__linux__)
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return TimePoint(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
#else
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
#endif
}

}  // namespace copg::os
