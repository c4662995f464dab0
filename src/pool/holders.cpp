#include "pool/holders.hpp"

#include <algorithm>

namespace copg::pool {

std::uint64_t Holders::wait_begins(HolderId holder) {
  if (holder == unknown_holder || known_ == 0) return 0;
  std::uint32_t leases = 0;
  for (Lease& lease : leases_) {
    if (lease.holder != holder) continue;
    if (lease.waits++ == 0) ++stuck_;
    ++leases;
  }
  return leases > 0 ? ++clock_ : 0;
}

void Holders::wait_ends(HolderId holder, std::uint64_t since) {
  if (since == 0) return;
  for (Lease& lease : leases_) {
    if (lease.holder == holder && lease.since < since && --lease.waits == 0) --stuck_;
  }
}

bool Holders::keeps_lease(HolderId holder, std::uint64_t since) const {
  return since != 0 && std::ranges::any_of(leases_, [&](const Lease& lease) {
           return lease.holder == holder && lease.since < since;
         });
}

}  // namespace copg::pool
