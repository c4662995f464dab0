// What time it is. A file of its own, so that the simulator can have another in its place.
#pragma once

#include <chrono>
#include <ctime>

#include "pool/types.hpp"

namespace copg::engine {

/// What std::chrono::steady_clock::now() gives, without the way through its library.
inline pool::TimePoint now() noexcept {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return pool::TimePoint(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

}  // namespace copg::engine
