// The present time. It has a file of its own, which the simulator replaces.
#pragma once

#include <chrono>
#include <ctime>

#include "pool/types.hpp"

namespace copg::engine {

/// Equal to std::chrono::steady_clock::now(), without a call into the C++ library.
inline pool::TimePoint now() noexcept {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return pool::TimePoint(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

}  // namespace copg::engine
