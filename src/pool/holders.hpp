// Which leases can't come back, because their holders wait for another connection meanwhile. The connections
// are named by their slots.
//
// Only `reserve` allocates. O(1), but for requests of a holder that has a lease: these look at all leases.
#pragma once

#include <cstdint>
#include <vector>

#include "pool/types.hpp"

namespace copg::pool {

class Holders {
 public:
  /// Makes room for the leases of connections 0..count-1.
  void reserve(std::uint32_t count) { leases_.resize(count); }
  /// Leases whose holders wait.
  [[nodiscard]] std::uint32_t stuck() const { return stuck_; }

  void lease_begins(std::uint32_t connection, HolderId holder) {
    if (holder == unknown_holder) return;
    leases_[connection] = {.holder = holder, .since = ++clock_, .waits = 0};
    ++known_;
  }
  /// Also when it is not known any more who has the lease.
  void lease_ends(std::uint32_t connection) {
    Lease& lease = leases_[connection];
    if (lease.holder == unknown_holder) return;
    if (lease.waits > 0) --stuck_;
    lease = {};
    --known_;
  }
  /// A request joins the queue. The result is for `wait_ends`; 0: its holder has no lease.
  std::uint64_t wait_begins(HolderId holder);
  void wait_ends(HolderId holder, std::uint64_t since);
  /// Whether the holder still has a lease that it had when the wait began. `since`: of `wait_begins`.
  [[nodiscard]] bool keeps_lease(HolderId holder, std::uint64_t since) const;

 private:
  struct Lease {
    HolderId holder = unknown_holder;
    std::uint64_t since = 0;
    std::uint32_t waits = 0;  // of the holder, that have begun since then
  };

  std::vector<Lease> leases_;  // by the slot of the connection
  std::uint64_t clock_ = 0;    // orders the beginnings of leases and waits
  std::uint32_t known_ = 0;    // leases with a holder
  std::uint32_t stuck_ = 0;
};

}  // namespace copg::pool
