// Who holds the connections of a pool, and who waits for one: what `leases()` and `waiters()` of all faces
// show. It copies under the mutex, a bounded piece at a time, and puts into words what it has copied without.
#pragma once

#include <copg/lease_info.hpp>
#include <copg/waiter_info.hpp>

#include <vector>

#include "engine/state.hpp"

namespace copg::engine {

class Holdings {
 public:
  explicit Holdings(SharedState& shared) : shared_(shared) {}

  /// The leases at one moment, the oldest first. Does not disturb who is inside a lease: a call that ends in
  /// the very moment in which its text is copied waits for that. Throws as lock_here.
  [[nodiscard]] std::vector<LeaseInfo> leases() const;
  /// The queue, from its front. Of more waiters than a few hundred, each is shown as it was at a moment of
  /// its own within this call, so that the mutex is not held for long. Throws as lock_here.
  [[nodiscard]] std::vector<WaiterInfo> waiters() const;

 private:
  SharedState& shared_;
};

}  // namespace copg::engine
