// A connection in the hands of a caller. Not for users.
#pragma once

#include <cstdint>

#pragma GCC visibility push(default)
namespace copg {
namespace engine {
class PoolEngine;
struct Slot;
}  // namespace engine

namespace detail {

/// Plain data that PoolEngine makes. Its holder must give it back to the engine exactly once.
struct Lease {
  engine::Slot* slot = nullptr;  ///< Null: no lease.
  std::uint32_t index = 0;       ///< Of the slot in the pool.
  std::uint32_t generation = 0;  ///< Of the connection in the slot.
  std::uint32_t process = 0;     ///< ForkGuard::generation() of the process that made it.
  bool fresh = true;             ///< Nothing was sent on it yet.

  explicit operator bool() const noexcept { return slot != nullptr; }
};

struct LeaseAccess;  // engine/calls/inspect.hpp

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
