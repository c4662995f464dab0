// Counts the allocations of the calling thread: for the pool core, which must make none outside its three
// places, and for whatever else promises to make none.
#pragma once

#include <cstdint>

namespace copg::sim {

/// Calls of `operator new` in this thread so far.
std::uint64_t allocations() noexcept;

}  // namespace copg::sim
