// The names of what goes on with a lease.
#include <copg/lease_info.hpp>

namespace copg {

std::string_view to_string(LeaseStatus status) noexcept {
  switch (status) {
    case LeaseStatus::idle: return "idle";
    case LeaseStatus::active: return "active";
    case LeaseStatus::in_transaction: return "in_transaction";
    case LeaseStatus::failed: return "failed";
    case LeaseStatus::lost: return "lost";
  }
  return "unknown";
}

}  // namespace copg
