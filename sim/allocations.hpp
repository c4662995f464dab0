// Counts the allocations of this program's thread: the pool core must make none outside its three places.
#pragma once

#include <cstdint>

namespace copg::sim {

/// Calls of `operator new` in this thread so far.
std::uint64_t allocations() noexcept;

}  // namespace copg::sim
